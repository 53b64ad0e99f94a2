package command

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/golden"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/test/faker"
)

// twoEnvironments are a staging that has verified v2 and a production that runs v1.
func twoEnvironments(t *testing.T, name string) (staging, production world, live *v1alpha1.BlogPlatform) {
	t.Helper()
	staging, production = namespaceNamed(t, name+"-stg"), namespaceNamed(t, name+"-prod")
	staging.givenReady("staging", "v2.0.0")
	return staging, production, production.givenReady("production", "v1.0.0")
}

func TestPromoteBringsWhatStagingVerifiedAndWaits(t *testing.T) {
	t.Parallel()
	_, w, p := twoEnvironments(t, "promote")
	r := w.blog("promote", "--from", "promote-stg/blog", "--wait")
	w.wants(r, 0, "now asks for release v2.0.0", "✔ release v2.0.0 is verified and served at https://promote-prod.example.com:8443")
	head, _, _ := strings.Cut(r.err+r.out, "✔ promote-prod/blog now asks")
	golden.Equal(t, "promote.txt", head)
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
		t.Fatal(err)
	}
	if p.Spec.Release != release("v2.0.0") || p.Status.Release.Current.Version != "v2.0.0" {
		t.Errorf("production: %+v, %+v", p.Spec.Release, p.Status.Release)
	}
	w.wants(w.blog("promote", "--from", "promote-stg/blog", "--wait"), 0, "asks for release v2.0.0 already", "is verified")
	w.wants(w.blog("promote", "--from", "promote-stg/blog", "--release", "v3.0.0"), 1, "has verified release v2.0.0 and not v3.0.0")
}

func TestPromoteForGitWritesNothing(t *testing.T) {
	t.Parallel()
	_, w, p := twoEnvironments(t, "git")
	w.edit(p, func(p *v1alpha1.BlogPlatform) {
		p.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "blog"}
	})
	w.wants(w.blog("promote", "--from", "git-stg/blog"), 1, "is managed by Argo CD", "-o patch")
	w.wants(w.blog("rollback"), 1)
	r := w.blog("promote", "--from", "git-stg/blog", "-o", "patch")
	w.wants(r, 0)
	golden.Equal(t, "promote-patch.txt", r.out)
	w.wants(w.blog("promote", "--from", "git-stg/blog", "-o", "json"), 1, "-o json is not known")
	w.wants(w.blog("promote", "--from", "git-stg/blog", "-o", "patch", "--wait"), 1, "wait")
	w.wants(w.blog("promote", "--from", "git-stg/nobody"), 1, "there is no BlogPlatform git-stg/nobody")
	w.wants(w.blog("promote"), 1, "spec.promotion.from", "--from")
	w.wants(w.blog("promote", "--from", "git-stg/blog", "--from-context", "nowhere", "-o", "patch"), 1, "nowhere")
	w.wants(w.blog("promote", "--from", "git-stg/blog", "--from-kubeconfig", cp.Kubeconfig, "-o", "patch"), 0, "version: v2.0.0")
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
		t.Fatal(err)
	}
	if p.Spec.Release != release("v1.0.0") {
		t.Errorf("something was written: %+v", p.Spec.Release)
	}
}

func TestAWaitThatEndsWithoutTheReleaseFails(t *testing.T) {
	t.Parallel()
	_, w, p := twoEnvironments(t, "ends")
	peers.Set(faker.Rollout, w.namespace+"/", faker.Behaviour{Hold: true})
	ended := make(chan result, 1)
	var out safeBuffer
	go func() { ended <- w.blogTo(&out, "promote", "--from", "ends-stg/blog", "--wait") }()
	w.until("a canary on the screen", func(context.Context) error {
		if strings.Contains(out.String(), "progressing  ██░░░░░░░░ canary 20%") {
			return nil
		}
		return errNotYet
	})
	w.wants(w.blog("promote", "--from", "ends-stg/blog", "--wait", "--timeout", "1s"), 1, "is not verified after 1s; last seen: progressing  ██░░░░░░░░ canary 20%")

	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Release = release("v3.0.0") })
	r := <-ended
	w.wants(r, 1, "the release did not come through: somebody has asked for release v3.0.0 meanwhile")
}

func TestRequestsAreDeclaredOnThePlatform(t *testing.T) {
	t.Parallel()
	w := namespaceNamed(t, "requests")
	p := w.givenReady("production", "v1.0.0")
	w.wants(w.blog("abort"), 1, "release v1.0.0 of BlogPlatform requests/blog is complete, there is nothing to abort", "kubectl blog rollback")
	peers.Set(faker.Rollout, w.namespace+"/", faker.Behaviour{Hold: true})
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Release = release("v2.0.0") })
	w.untilCondition(p, v1alpha1.ConditionReady, "False", "Paused")
	for _, verb := range []string{"pause", "resume", "abort", "retry"} {
		r := w.blog(verb, "blog")
		w.wants(r, 0)
		golden.Equal(t, "request-"+verb+".txt", r.out)
		if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
			t.Fatal(err)
		}
		if got := p.Annotations[naming.AnnotationRequest]; got != verb+" v2.0.0" {
			t.Errorf("%s: the annotation is %q", verb, got)
		}
	}
	w.wants(w.blog("retry", "--as", "nobody"), 1, "forbidden")
}

func TestRollbackLeavesAReleaseThatIsUnderWay(t *testing.T) {
	t.Parallel()
	w := namespaceNamed(t, "back")
	p := w.givenReady("production", "v1.0.0")
	peers.Set(faker.Rollout, w.namespace+"/", faker.Behaviour{Hold: true})
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Release = release("v2.0.0") })
	w.untilCondition(p, v1alpha1.ConditionReady, "False", "Paused")
	w.wants(w.blog("rollback", "--to", "v7.0.0"), 1, "no good release v7.0.0 in its history; it has v1.0.0")
	patch := w.blog("rollback", "-o", "patch")
	w.wants(patch, 0, "version: v1.0.0")
	r := w.blog("rollback", "--to", "v1.0.0", "--wait")
	w.wants(r, 0, "✔ release v1.0.0 is verified")
	head, _, _ := strings.Cut(r.out, "✔ back/blog now asks")
	golden.Equal(t, "rollback.txt", head)
	w.wants(w.blog("__complete", "rollback", "blog", "--to", ""), 0, "v2.0.0\n", "v1.0.0\n")
}

// Of two people who promote at once, the second is told.
func TestAChangeMeanwhileIsNotOverwritten(t *testing.T) {
	t.Parallel()
	_, w, p := twoEnvironments(t, "race")
	wrap := meanwhile(func() {
		w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Release = release("v3.0.0") })
	})
	w.wants(w.blogWith(t.Context(), "", wrap, "promote", "--from", "race-stg/blog"), 1, "was changed by somebody else meanwhile, so nothing was written")
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
		t.Fatal(err)
	}
	if p.Spec.Release != release("v3.0.0") {
		t.Errorf("%+v", p.Spec.Release)
	}

	// What is written to the status meanwhile is no such change.
	wrap = meanwhile(func() {
		w.until("a status", func(ctx context.Context) error {
			if err := cluster.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
				return err
			}
			p.Status.URL += "/"
			return cluster.Status().Update(ctx, p)
		})
	})
	w.wants(w.blogWith(t.Context(), "", wrap, "promote", "--from", "race-stg/blog"), 0, "now asks for release v2.0.0")
}

// An API server that is restarted, or a network that fails, ends no promotion.
func TestAWaitOutlastsTheAPIServer(t *testing.T) {
	t.Parallel()
	_, w, _ := twoEnvironments(t, "outage")
	var failed atomic.Int64
	wrap := func(config *rest.Config) *rest.Config {
		var written atomic.Bool
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if written.Load() && failed.Add(1) <= 3 {
					return nil, errors.New("no route to host")
				}
				if r.Method == http.MethodPatch {
					written.Store(true)
				}
				return next.RoundTrip(r)
			})
		})
		return config
	}
	w.wants(w.blogWith(t.Context(), "", wrap, "promote", "--from", "outage-stg/blog", "--wait"), 0, "the API server does not answer", "✔ release v2.0.0 is verified")
	if failed.Load() < 3 {
		t.Errorf("%d requests failed", failed.Load())
	}
}

func TestPromoteWaitsAtTheGate(t *testing.T) {
	t.Parallel()
	staging, w, p := twoEnvironments(t, "gate")
	verified := &v1alpha1.BlogPlatform{}
	if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: staging.namespace, Name: "blog"}, verified); err != nil {
		t.Fatal(err)
	}
	at := verified.Status.History[0].CompletionTime
	w.edit(p, func(p *v1alpha1.BlogPlatform) {
		p.Spec.Promotion.From = v1alpha1.PlatformReference{Namespace: staging.namespace, Name: "blog"}
		p.Spec.Promotion.SoakSeconds = new(int32(time.Since(at.Time).Seconds()) + 6)
	})
	until := at.Add(time.Duration(*p.Spec.Promotion.SoakSeconds) * time.Second).UTC().Format("2006-01-02 15:04:05 UTC")
	r := w.blog("promote", "--wait")
	w.wants(r, 0, "‼ the gate of gate-prod/blog is closed until "+until, "waits at the gate: gate-stg/blog has verified release v2.0.0", "✔ release v2.0.0 is verified")

	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Release = release("v3.0.0") })
	w.untilCondition(p, v1alpha1.ConditionPromotionAllowed, "False", "NotVerified")
	w.wants(w.blog("status"), 1, "‼ Promotion      v3.0.0 from gate-stg/blog: not verified", "→ gate-stg/blog has not verified release v3.0.0")
	w.wants(w.blog("abort"), 1, "release v2.0.0 of BlogPlatform gate-prod/blog is complete, there is nothing to abort")
	w.wants(w.blog("promote", "--from", "elsewhere/blog"), 1, "there is no BlogPlatform elsewhere/blog")
	w.wants(w.blog("promote", "--release", "v3.0.0"), 1, "staging gate-stg/blog has verified release v2.0.0 and not v3.0.0")
}
