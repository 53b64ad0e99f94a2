package metrics

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"blogplatform.io/operator/api/v1alpha1"
)

// cacheOf holds platforms.
func cacheOf(t *testing.T, platforms ...client.Object) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(platforms...).Build()
}

// elected is the channel of a manager that leads.
func elected() <-chan struct{} {
	leads := make(chan struct{})
	close(leads)
	return leads
}

func TestAPlatformThatIsGoneLeavesNoSeries(t *testing.T) {
	platform := blog(v1alpha1.BlogPlatformStatus{URL: "https://blog.example.com"})
	platforms := cacheOf(t, platform)
	collector := NewCollector(platforms, elected())
	expect := func(want string) {
		t.Helper()
		if err := testutil.CollectAndCompare(collector, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	}
	expect("# HELP blogplatform_info " + info.Help + `
# TYPE blogplatform_info gauge
blogplatform_info{environment="Production",namespace="g11-prod",platform="blog",version=""} 1
`)
	if err := platforms.Delete(t.Context(), platform); err != nil {
		t.Fatal(err)
	}
	expect("")
}

// TestAReplicaThatWaitsForTheLeaseTellsNothing, or each platform would be counted twice.
func TestAReplicaThatWaitsForTheLeaseTellsNothing(t *testing.T) {
	leads := make(chan struct{})
	collector := NewCollector(cacheOf(t, blog(v1alpha1.BlogPlatformStatus{})), leads)
	if n := testutil.CollectAndCount(collector); n != 0 {
		t.Errorf("it has %d samples", n)
	}
	close(leads)
	if n := testutil.CollectAndCount(collector); n != 1 {
		t.Errorf("once it leads it has %d samples", n)
	}
}

// TestACacheThatCannotBeReadFailsTheScrape: without samples, alerts would fall silent.
func TestACacheThatCannotBeReadFailsTheScrape(t *testing.T) {
	broken := interceptor.NewClient(cacheOf(t), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errors.New("not synced")
		},
	})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(NewCollector(broken, elected()))
	if _, err := registry.Gather(); err == nil || !strings.Contains(err.Error(), "list BlogPlatforms for metrics; see whether the API server answers: not synced") {
		t.Errorf("the scrape answers %v", err)
	}
}
