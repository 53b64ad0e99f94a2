package metrics

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// listTimeout bounds how long a scrape waits for the cache.
const listTimeout = 5 * time.Second

// ofPlatform are the labels of every series.
var ofPlatform = []string{"namespace", "platform"}

// Collector hands out the gauges of all platforms, read anew for each scrape.
type Collector struct {
	platforms client.Reader
	elected   <-chan struct{}
}

// NewCollector reads platforms through a cache, and only once elected is closed: of
// several replicas the one that works on the platforms tells how they are.
func NewCollector(platforms client.Reader, elected <-chan struct{}) *Collector {
	return &Collector{platforms: platforms, elected: elected}
}

// Describe sends the descriptions of all families.
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, family := range Families {
		descriptions <- describe(family)
	}
}

// Collect sends the samples of all platforms. A cache that cannot be read fails
// the scrape: samples that are missing would look like platforms that are gone.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-c.elected:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	var list v1alpha1.BlogPlatformList
	if err := c.platforms.List(ctx, &list); err != nil {
		metrics <- prometheus.NewInvalidMetric(describe(info), fmt.Errorf("list BlogPlatforms for metrics; see whether the API server answers: %w", err))
		return
	}
	for i := range list.Items {
		platform := &list.Items[i]
		for _, s := range Gauges(platform) {
			metrics <- prometheus.MustNewConstMetric(describe(s.Family), prometheus.GaugeValue, s.Value,
				append([]string{platform.Namespace, platform.Name}, s.Values...)...)
		}
	}
}

func describe(f Family) *prometheus.Desc {
	return prometheus.NewDesc(f.Name, f.Help, append(ofPlatform[:2:2], f.Labels...), nil)
}
