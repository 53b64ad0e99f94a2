//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

const (
	canaryWeight = 30
	requests     = 300
)

// TestAStepOfARolloutSplitsTraffic releases another version of the same images
// to production, whose gate lets them through since staging has verified and run
// them, and counts at its first step who answers: for the frontend
// behind the gateway by the version that its pages show, for the content
// service in the mesh by the counters of its pods.
func TestAStepOfARolloutSplitsTraffic(t *testing.T) {
	before := get(t, production)
	weight, pause := int32(canaryWeight), int32(90)
	change(t, production, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version = "v0.1.1"
		spec.Rollout.Steps = []v1alpha1.RolloutStep{{Weight: &weight}, {PauseSeconds: &pause}}
	})
	t.Cleanup(func() {
		// Left out steps would take the default; the sample's are put back for whoever looks next.
		change(t, production, func(spec *v1alpha1.BlogPlatformSpec) { spec.Rollout.Steps = before.Spec.Rollout.Steps })
		eventually(t, 10*time.Minute, "production Ready after the release", func(ctx context.Context) error { return ready(ctx, production) })
	})
	// The data services go first, side by side, and the frontend follows.
	eventually(t, 5*time.Minute, "content at its first pause", func(ctx context.Context) error { return atPause(ctx, "content") })
	observer := outsider(t, production.namespace)
	countsBefore := answered(t, observer, "content")
	// The frontend keeps pages; for a post that nobody wrote it has to ask each time.
	for i := range requests {
		visit(t, fmt.Sprintf("https://%s:%s/posts/never-written-%d", production.host, httpsPort, i))
	}
	counts := answered(t, observer, "content")
	for release := range counts {
		counts[release] -= countsBefore[release]
	}
	t.Logf("answers of content by release: %v", counts)
	within(t, "content", counts["v0.1.1"], counts["v0.1.1"]+counts[before.Spec.Release.Version])

	eventually(t, 8*time.Minute, "frontend at its first pause", func(ctx context.Context) error { return atPause(ctx, "frontend") })
	pages := map[string]int{}
	for range requests {
		_, body := visit(t, "https://"+production.host+":"+httpsPort+"/")
		pages[releaseOf(body)]++
	}
	t.Logf("pages by release: %v", pages)
	within(t, "frontend", pages["v0.1.1"], pages["v0.1.1"]+pages[before.Spec.Release.Version])

	if word, want := get(t, production).Status.Release.Rollout, fmt.Sprintf("frontend canary %d%%", canaryWeight); word != want {
		t.Errorf("column Rollout says %q, want %q", word, want)
	}
}

// within accepts what chance gives in all but one of a million runs: five
// standard deviations of a binomial distribution.
func within(t testing.TB, service string, canary, all int) {
	t.Helper()
	if all < requests {
		t.Errorf("%s answered %d of %d requests", service, all, requests)
		return
	}
	share := float64(canary) / float64(all) * 100
	if share < canaryWeight-14 || share > canaryWeight+14 {
		t.Errorf("the canary of %s got %.0f%% of %d requests, want %d%%", service, share, all, canaryWeight)
	}
}

// releaseOf reads the version that every page names in its footer.
func releaseOf(page string) string {
	_, rest, _ := strings.Cut(page, "<p>Release ")
	version, _, _ := strings.Cut(rest, "</p>")
	return version
}

// answered counts by release the requests to a service's pods for what is not
// there, as their metrics tell from outside the mesh.
func answered(t testing.TB, p probe, service string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, pod := range podsOf(t, p.namespace, "app.kubernetes.io/name="+service) {
		metrics := p.run(t, "curl", "--silent", "--max-time", "5", "http://"+pod.Status.PodIP+":15020/stats/prometheus")
		for line := range strings.Lines(metrics.out) {
			if !strings.HasPrefix(line, "http_server_request_duration_seconds_count{") || !strings.Contains(line, `http_response_status_code="404"`) {
				continue
			}
			_, labels, _ := strings.Cut(line, `version="`)
			version, _, _ := strings.Cut(labels, `"`)
			value, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndex(line, " "):]))
			if err != nil {
				t.Fatalf("counter of %s: %q: %v", pod.Name, line, err)
			}
			counts[version] += value
		}
	}
	return counts
}

// atPause is nil once a Rollout of production waits at a pause of its steps.
func atPause(ctx context.Context, service string) error {
	rollout, err := rolloutOf(ctx, production, service)
	if err != nil {
		return err
	}
	if rollout.Status.Message != "CanaryPauseStep" {
		return fmt.Errorf("it is not paused: %q", rollout.Status.Message)
	}
	return nil
}

func get(t testing.TB, env environment) *v1alpha1.BlogPlatform {
	t.Helper()
	bp := &v1alpha1.BlogPlatform{}
	if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: env.namespace, Name: platform}, bp); err != nil {
		t.Fatal(err)
	}
	return bp
}

// change edits the spec as a person would with kubectl patch.
func change(t testing.TB, env environment, edit func(*v1alpha1.BlogPlatformSpec)) {
	t.Helper()
	bp := &v1alpha1.BlogPlatform{}
	ctx := context.WithoutCancel(t.Context()) // used in cleanups, too
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: env.namespace, Name: platform}, bp); err != nil {
		t.Fatal(err)
	}
	patch := client.MergeFrom(bp.DeepCopy())
	edit(&bp.Spec)
	if err := cluster.Patch(ctx, bp, patch); err != nil {
		t.Fatal(err)
	}
}
