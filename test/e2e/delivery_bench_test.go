//go:build e2e && delivery

package e2e

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/kube"
)

// BenchmarkDelivery measures one good release in staging, its promotion, the way
// back from it and from a bad one, each under 50 requests a second of which a
// tenth writes.
func BenchmarkDelivery(b *testing.B) {
	const perSecond = 50
	plugins := plugin(b)
	measured := fault{another.path, another.old, `slog.Info("serving while it is measured"`}
	v2, v3 := build(b, "v2.1.0", measured), build(b, "v3.1.0", measured, wrongTable)
	people := map[environment][]*person{staging: signIn(b, staging), production: signIn(b, production)}
	for b.Loop() {
		end := load(b, staging, perSecond, people[staging]...)
		seen := record(b, staging)
		begun := time.Now()
		change(b, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release = v2 })
		awaitRelease(b, staging, v2.Version, 15*time.Minute)
		whole := time.Since(begun)
		events := seen()
		firstJob, lastDone, firstPod := migrations(b, events)
		report(b, "release", end)
		b.ReportMetric(whole.Seconds(), "s/release")
		b.ReportMetric(firstJob.Sub(begun).Seconds(), "s/first-migration")
		b.ReportMetric(firstPod.Sub(lastDone).Seconds(), "s/migrated-to-canary")

		for _, way := range []struct{ verb, name string }{{"promote", "promotion"}, {"rollback", "rollback"}} {
			end := load(b, production, perSecond, people[production]...)
			begun := time.Now()
			if out, errOut, code := kubectl(b, plugins, "blog", way.verb, "-n", production.namespace, "--wait"); code != 0 {
				b.Fatalf("%s: exit code %d: %s%s", way.verb, code, out, errOut)
			}
			b.ReportMetric(time.Since(begun).Seconds(), "s/"+way.name)
			report(b, way.name, end)
		}

		end = load(b, staging, perSecond, people[staging]...)
		seen = record(b, staging)
		change(b, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release = v3 })
		awaitBack(b, staging, v2.Version, 10*time.Minute)
		failed, interval, back := wayBack(b, seen())
		// What readers got of the bad release while it was tried is no failure of the way back.
		requests, failures := end()
		b.Logf("bad release: %d requests, %d failed", requests, len(failures))
		b.ReportMetric(back.Sub(failed).Seconds(), "s/way-back")
		b.ReportMetric(interval.Seconds(), "s/analysis-interval")
	}
}

// BenchmarkStatus measures how soon a person sees how production stands: kubectl,
// the plugin and its requests.
func BenchmarkStatus(b *testing.B) {
	plugins := plugin(b)
	for b.Loop() {
		took := make([]time.Duration, 20)
		for i := range took {
			begun := time.Now()
			if _, errOut, code := kubectl(b, plugins, "blog", "status", "-n", production.namespace); code != 0 {
				b.Fatalf("exit code %d: %s", code, errOut)
			}
			took[i] = time.Since(begun)
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2].Seconds(), "s/status")
		b.ReportMetric(took[len(took)-1].Seconds(), "s/slowest-status")
	}
}

func report(b *testing.B, what string, end func() (int, []string)) {
	b.Helper()
	requests, failures := end()
	b.Logf("%s: %d requests, %d failed: %v", what, requests, len(failures), failures[:min(10, len(failures))])
	b.ReportMetric(float64(requests), "requests/"+what)
	b.ReportMetric(float64(len(failures)), "failed/"+what)
}

// event is a change of an object, and when we heard of it.
type event struct {
	at     time.Time
	object *unstructured.Unstructured
	// before tells what was there when the recording began.
	before bool
}

var recorded = []schema.GroupVersionKind{
	{Group: "batch", Version: "v1", Kind: "Job"}, {Version: "v1", Kind: "Pod"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "AnalysisRun"}, {Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"},
}

// record writes down what happens in an environment until it is asked for it.
// Timestamps of Kubernetes are whole seconds, too coarse here.
func record(t testing.TB, env environment) (end func() []event) {
	t.Helper()
	watcher, err := client.NewWithWatch(config, client.Options{Scheme: kube.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var watches sync.WaitGroup
	var events []event
	for _, gvk := range recorded {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		if err := watcher.List(ctx, list, client.InNamespace(env.namespace)); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			events = append(events, event{time.Now(), &list.Items[i], true})
		}
		w, err := watcher.Watch(ctx, list, client.InNamespace(env.namespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}})
		if err != nil {
			t.Fatal(err)
		}
		watches.Go(func() {
			for e := range w.ResultChan() {
				if object, ok := e.Object.(*unstructured.Unstructured); ok {
					mu.Lock()
					events = append(events, event{time.Now(), object, false})
					mu.Unlock()
				}
			}
		})
		context.AfterFunc(ctx, w.Stop)
	}
	t.Cleanup(cancel)
	return func() []event { cancel(); watches.Wait(); return events }
}

// migrations tells when the first migration Job of a release was there, when the
// last had completed, and when the first pod of a new template came.
func migrations(t testing.TB, events []event) (firstJob, lastDone, firstPod time.Time) {
	t.Helper()
	known, finished := map[string]bool{"": true}, map[string]bool{}
	for _, e := range events {
		if e.before {
			known[e.object.GetName()], known[template(e)] = true, true
		}
	}
	for _, e := range events {
		name := e.object.GetName()
		switch e.object.GetKind() {
		case "Job":
			if known[name] || finished[name] || !isMigration(name) {
				continue
			}
			firstJob = earliest(firstJob, e.at)
			if finished[name] = done(e.object); finished[name] {
				lastDone = e.at
			}
		case "Pod":
			if !known[template(e)] {
				firstPod = earliest(firstPod, e.at)
			}
		}
	}
	if firstJob.IsZero() || lastDone.IsZero() || firstPod.IsZero() {
		t.Fatalf("first migration Job %v, last one done %v, first canary pod %v", firstJob, lastDone, firstPod)
	}
	return firstJob, lastDone, firstPod
}

// isMigration tells the Jobs of a release's own migrations, and those that the
// release before has left to it.
func isMigration(job string) bool {
	return strings.Contains(job, "-expand-") || strings.Contains(job, "-contract-")
}

// earliest of two times, of which the first may be none.
func earliest(known, at time.Time) time.Time {
	if known.IsZero() || at.Before(known) {
		return at
	}
	return known
}

func template(e event) string { return e.object.GetLabels()["rollouts-pod-template-hash"] }

func done(job *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(job.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		fields, _ := c.(map[string]any)
		return fields["type"] == "Complete" && fields["status"] == "True"
	})
}

// wayBack tells when an analysis had failed, how often it measured, and when
// from then on no route led to a canary.
func wayBack(t testing.TB, events []event) (failed time.Time, interval time.Duration, back time.Time) {
	t.Helper()
	routes := map[string]int64{}
	for _, e := range events {
		switch e.object.GetKind() {
		case "AnalysisRun":
			phase, _, _ := unstructured.NestedString(e.object.Object, "status", "phase")
			if phase == "Failed" && failed.IsZero() && !e.before {
				failed, interval = e.at, intervalOf(t, e.object)
			}
		case "VirtualService":
			routes[e.object.GetName()] = canaryWeightOf(e.object)
			if !failed.IsZero() && back.IsZero() && sum(routes) == 0 {
				back = e.at
			}
			if sum(routes) > 0 {
				back = time.Time{}
			}
		}
	}
	if failed.IsZero() || back.IsZero() {
		t.Fatalf("analysis failed %v, no route to a canary %v, routes %v", failed, back, routes)
	}
	return failed, interval, back
}

// intervalOf is the longest time between two measurements of an analysis.
func intervalOf(t testing.TB, run *unstructured.Unstructured) (longest time.Duration) {
	t.Helper()
	metrics, _, _ := unstructured.NestedSlice(run.Object, "spec", "metrics")
	for _, m := range metrics {
		fields, _ := m.(map[string]any)
		text, found, _ := unstructured.NestedString(fields, "interval")
		if !found {
			continue // it measures once
		}
		interval, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("AnalysisRun %s: %v", run.GetName(), err)
		}
		longest = max(longest, interval)
	}
	return longest
}

func sum(routes map[string]int64) (all int64) {
	for _, weight := range routes {
		all += weight
	}
	return all
}

// canaryWeightOf is the share of the canary in the route that readers take.
func canaryWeightOf(virtualService *unstructured.Unstructured) int64 {
	routes, _, _ := unstructured.NestedSlice(virtualService.Object, "spec", "http")
	for _, route := range routes {
		fields, _ := route.(map[string]any)
		if fields["name"] != "primary" {
			continue
		}
		destinations, _, _ := unstructured.NestedSlice(fields, "route")
		for _, d := range destinations {
			destination, _ := d.(map[string]any)
			if subset, _, _ := unstructured.NestedString(destination, "destination", "subset"); subset == "canary" {
				weight, _, _ := unstructured.NestedInt64(destination, "weight")
				return weight
			}
		}
	}
	return 0
}
