package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
)

// The families that are counted.
var (
	aborts = Family{"blogplatform_release_aborts_total",
		"Releases that failed and were taken back, by the reason of the failure.", []string{"reason"}}
	refusals = Family{"blogplatform_gate_refusals_total",
		"How often the gate of spec.promotion began to refuse a release, by the reason.", []string{"reason"}}
	repairs = Family{"blogplatform_drift_repairs_total",
		"Children that somebody else had changed or deleted, and that were put right, by kind.", []string{"kind"}}
	applies = Family{"blogplatform_applies_total",
		"Children that were compared with the plan: skipped without a request because nothing differed, or written.", []string{"result"}}
)

// Counted are the families of Counters.
var Counted = []Family{aborts, refusals, repairs, applies}

// Counters count what the operator does. They are safe for concurrent use.
type Counters struct {
	byName map[string]*prometheus.CounterVec
}

// NewCounters returns counters that have counted nothing.
func NewCounters() *Counters {
	c := &Counters{byName: map[string]*prometheus.CounterVec{}}
	for _, f := range Counted {
		c.byName[f.Name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help}, append(ofPlatform[:2:2], f.Labels...))
	}
	return c
}

// Describe sends the descriptions of all counters.
func (c *Counters) Describe(descriptions chan<- *prometheus.Desc) {
	for _, counter := range c.byName {
		counter.Describe(descriptions)
	}
}

// Collect sends all counters.
func (c *Counters) Collect(metrics chan<- prometheus.Metric) {
	for _, counter := range c.byName {
		counter.Collect(metrics)
	}
}

// Aborted counts a release that was taken back.
func (c *Counters) Aborted(platform types.NamespacedName, reason string) {
	c.count(aborts, platform, reason)
}

// Refused counts a refusal of the gate.
func (c *Counters) Refused(platform types.NamespacedName, reason string) {
	c.count(refusals, platform, reason)
}

// Applied counts a child of a kind: whether the request was skipped, and
// whether it put right what somebody else had done.
func (c *Counters) Applied(platform types.NamespacedName, kind string, skipped, repaired bool) {
	result := "written"
	if skipped {
		result = "skipped"
	}
	c.count(applies, platform, result)
	if repaired {
		c.count(repairs, platform, kind)
	}
}

// Forget removes the series of a platform that is gone.
func (c *Counters) Forget(platform types.NamespacedName) {
	for _, counter := range c.byName {
		counter.DeletePartialMatch(prometheus.Labels{"namespace": platform.Namespace, "platform": platform.Name})
	}
}

func (c *Counters) count(f Family, platform types.NamespacedName, value string) {
	c.byName[f.Name].WithLabelValues(platform.Namespace, platform.Name, value).Inc()
}
