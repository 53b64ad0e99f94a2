package command

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/golden"
	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/given"
)

// maxCalls and maxTime are what a status may cost.
const (
	maxCalls = 15
	maxTime  = 300 * time.Millisecond
)

func TestStatusOfAVerifiedPlatform(t *testing.T) {
	t.Parallel()
	w := namespaceNamed(t, "verified")
	w.givenReady("production", "v1.0.0")
	r := w.blog("status", "blog")
	w.wants(r, 0)
	golden.Equal(t, "status-verified.txt", scrub(r.out))
	if unnamed := w.blog("status"); scrub(unnamed.out) != scrub(r.out) {
		t.Errorf("without a name the only platform is not meant:\n%s%s", unnamed.out, unnamed.err)
	}
	if strings.Contains(r.out, "\x1b[") {
		t.Error("there are colours in what no terminal reads")
	}
	if plain := w.blog("status", "--no-color"); scrub(plain.out) != scrub(r.out) {
		t.Errorf("--no-color: %s%s", plain.out, plain.err)
	}
}

func TestStatusIsCheap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.givenReady("production", "v1.0.0")
	best := time.Hour
	for range 5 { // others use this machine, too: the best of five is the plugin's own time
		var calls counter
		begin := time.Now()
		w.wants(w.blogWith(t.Context(), "", calls.wrap, "status", "blog"), 0)
		best = min(best, time.Since(begin))
		t.Logf("%d API calls", calls.n.Load())
		if n := calls.n.Load(); n == 0 || n > maxCalls {
			t.Errorf("%d API calls, want at most %d", n, maxCalls)
		}
	}
	t.Logf("the fastest status took %s", best)
	if best > maxTime {
		t.Errorf("status took %s, want at most %s", best, maxTime)
	}
}

func TestStatusTellsProgressFromFailure(t *testing.T) {
	t.Parallel()
	w := namespaceNamed(t, "progress")
	p := w.givenReady("production", "v1.0.0")

	peers.Set(faker.Rollout, w.namespace+"/", faker.Behaviour{Hold: true})
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Release = release("v2.0.0") })
	var canary string
	w.until("a canary that Argo Rollouts has observed", func(context.Context) error {
		r := w.blog("status")
		canary = r.out
		if r.code == 1 && strings.Count(canary, "canary 20%, step 5 of 9") == 3 && strings.Contains(canary, "progressing, canary 20%") && !strings.Contains(canary, "not observed") {
			return nil
		}
		return errNotYet
	})
	golden.Equal(t, "status-canary.txt", scrub(canary))

	peers.Set(faker.Rollout, w.namespace+"/", faker.Behaviour{Fail: true})
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Rollout.ProgressDeadlineSeconds = new(int32(10)) })
	w.until("a failure", func(context.Context) error {
		if r := w.blog("status"); r.code == 2 && strings.Contains(r.out, "✖ frontend") {
			return nil
		}
		return errNotYet
	})
}

func TestStatusForPrograms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.givenReady("staging", "v1.0.0")
	r := w.blog("status", "-o", "json")
	w.wants(r, 0)
	var report struct {
		Namespace, State string
		Parts            []struct {
			Name, State string
			Parts       []struct{ Name, State, Text string }
		}
	}
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatalf("%v in %s", err, r.out)
	}
	if report.Namespace != w.namespace || report.State != "OK" || report.Parts[2].Name != "Services" || report.Parts[2].Parts[3].Name != "comment" || report.Parts[2].Parts[3].Text != "1/1" {
		t.Errorf("%+v", report)
	}
	w.wants(w.blog("status", "-o", "yaml"), 2, "-o yaml is not known")
}

func TestWatchedStatusShowsEveryChangeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.givenReady("staging", "v1.0.0")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errOut safeBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, genericiooptions.IOStreams{Out: &out, ErrOut: &errOut}, time.Now, nil, "--kubeconfig", cp.Kubeconfig, "-n", w.namespace, "status", "-w")
	}()
	shows := func(text string) {
		t.Helper()
		w.until(text, func(context.Context) error {
			if strings.Contains(out.String(), text) {
				return nil
			}
			return errNotYet
		})
	}
	shows("✔ Ready")
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = new(true) })
	shows("‼ Suspended")
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = nil; p.Spec.Release = release("v2.0.0") })
	shows("✔ Release        v2.0.0")
	cancel()
	if code := <-ended; code != 0 && code != 1 {
		t.Errorf("exit code %d after an interrupt: %s, with the screens %s", code, errOut.String(), out.String())
	}
	screens := strings.Split(out.String(), "\n\n"+w.namespace+"/blog")
	for i := 1; i < len(screens); i++ {
		if screens[i] == screens[i-1] {
			t.Errorf("the same screen twice:\n%s", screens[i])
		}
	}
}

func TestAWatchedPlatformThatGoesEndsTheWatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.givenReady("staging", "v1.0.0")
	ended := make(chan result, 1)
	go func() { ended <- w.blogWith(context.Background(), "", nil, "status", "-w") }()
	if err := cluster.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-ended:
		w.wants(r, 2, "there is no BlogPlatform")
	case <-time.After(timefactor.Scale(given.Patience)):
		t.Fatal("the watch goes on without a platform")
	}
}

func TestStatusOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.wants(w.blog("status", "blog"), 2, "error: there is no BlogPlatform "+w.namespace+"/blog")
	w.wants(w.blog("status"), 2, "there is no BlogPlatform in namespace "+w.namespace)
	w.wants(w.blog("status", "--context", "nowhere"), 2, "nowhere")
	empty := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(empty, []byte("{apiVersion: v1, kind: Config}"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.wants(w.blog("status", "--kubeconfig", empty), 2, "there is no kubeconfig that names a cluster")
	second := w.platform("staging", "v1.0.0", func(p *v1alpha1.BlogPlatform) { p.Name = "other"; p.Spec.Hosts = []string{"other.example.com"} })
	w.given("staging", "v1.0.0")
	w.create(second)
	w.wants(w.blog("status"), 2, "several BlogPlatforms; name one of blog, other")
}

// A viewer of BlogPlatforms alone gets what their status tells.
func TestStatusForSomebodyWhoMayReadLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.givenReady("staging", "v1.0.0")
	w.createAll(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {namespace: ` + w.namespace + `, name: viewer}
rules: [{apiGroups: [blogplatform.io], resources: [blogplatforms], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {namespace: ` + w.namespace + `, name: viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: viewer}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ann}]
`)
	w.until("the rights of ann", func(context.Context) error { // the API server learns of them by a watch
		if r := w.blog("history", "--as", "ann"); r.code == 0 {
			return nil
		}
		return errNotYet
	})
	r := w.blog("status", "blog", "--as", "ann")
	w.wants(r, 1, "✔ Ready", "✔ frontend   1/1", "you may not list it in namespace "+w.namespace)
	w.wants(w.blog("status", "blog", "--as", "nobody"), 2, "forbidden")
}

// Every kind of a plan is found where the API server serves it.
func TestTheClientKnowsWhereKindsAre(t *testing.T) {
	t.Parallel()
	reader, err := clientFor(cp.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range plan.Kinds {
		mapping, err := reader.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			t.Fatal(err)
		}
		served, err := cluster.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			t.Fatal(err)
		}
		if mapping.Resource != served.Resource || mapping.Scope.Name() != served.Scope.Name() {
			t.Errorf("%s: %s, want %s", kind.Kind, mapping.Resource, served.Resource)
		}
	}
}

func TestTheShellCompletesNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.given("staging", "v1.0.0")
	w.wants(w.blog("__complete", "status", ""), 0, "blog\n")
	w.wants(w.blog("__complete", "status", "-n", ""), 0, w.namespace+"\n", "istio-ingress\n")
	w.wants(w.blog("__complete", "status", "--context", ""), 0)
	w.wants(w.blog("completion", "bash"), 0, "kubectl-blog")
}
