package promotion

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

// environments are a staging and a production that is promoted from it, both Ready on v1.
type environments struct {
	world
	staging, production *v1alpha1.BlogPlatform
}

// newEnvironments makes both, in one namespace.
func newEnvironments(t *testing.T, edits ...func(*v1alpha1.BlogPlatform)) environments {
	t.Helper()
	w := newWorld(t)
	e := environments{world: w}
	e.staging = w.Given("staging", harness.Release("v1.0.0"), func(p *v1alpha1.BlogPlatform) {
		p.Name, p.Spec.Hosts = "stg", []string{"stg." + w.Namespace + ".example.com"}
	})
	edits = append([]func(*v1alpha1.BlogPlatform){harness.Release("v1.0.0"), harness.WithSteps(20), from(w.Namespace, "stg")}, edits...)
	e.production = w.Given("production", edits...)
	w.UntilReady(e.staging)
	w.UntilReady(e.production)
	return e
}

func from(namespace, name string) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) {
		p.Spec.Promotion.From = v1alpha1.PlatformReference{Namespace: namespace, Name: name}
	}
}

func soaking(seconds int32) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) { p.Spec.Promotion.SoakSeconds = new(seconds) }
}

// window is one of a length in minutes that opens, or has opened, at a time.
func window(opens time.Time, minutes int32) func(*v1alpha1.BlogPlatform) {
	opens = opens.UTC()
	return func(p *v1alpha1.BlogPlatform) {
		p.Spec.Promotion.Windows = []v1alpha1.PromotionWindow{{
			Days: []v1alpha1.Day{v1alpha1.Day(opens.Format("Mon"))}, Start: opens.Format("15:04"), DurationMinutes: minutes}}
	}
}

// blocked waits until production says that its release may not run, and why.
func (e environments) blocked(reason, says string) {
	e.Helper()
	e.UntilCondition(e.production, v1alpha1.ConditionPromotionAllowed, metav1.ConditionFalse, reason, says)
	e.UntilCondition(e.production, v1alpha1.ConditionReady, metav1.ConditionFalse, reason, says)
}

// neverLeft fails the test if production has ever run, or worked towards, anything else.
func (e environments) neverLeft(versions ...string) {
	e.Helper()
	known := " " + strings.Join(versions, " ") + " "
	for _, states := range harness.Statuses.Of(e.Namespace) {
		for _, state := range states {
			if target := state.Status.Release.Target.Version; state.Name == e.production.Name && target != "" && !strings.Contains(known, " "+target+" ") {
				e.Fatalf("production worked towards %s: %+v", target, state.Status.Release)
			}
		}
	}
	for _, r := range e.production.Status.History {
		if !strings.Contains(known, " "+r.Version+" ") {
			e.Errorf("the history of production tells of %+v", r)
		}
	}
}

// warnings are the events of the world that are warnings, each with how often.
func (e environments) warnings() map[string]int32 {
	e.Helper()
	clientset, err := kubernetes.NewForConfig(harness.ControlPlane.Config)
	if err != nil {
		e.Fatal(err)
	}
	list, err := clientset.EventsV1().Events(e.Namespace).List(e.Context(), metav1.ListOptions{})
	if err != nil {
		e.Fatal(err)
	}
	warnings := map[string]int32{}
	for _, event := range list.Items {
		if event.Type == corev1.EventTypeWarning {
			warnings[event.Note] += harness.Count(&event)
		}
	}
	return warnings
}

func TestProductionFollowsStagingOnceItHasSoaked(t *testing.T) {
	harness.ShareOperator(t)
	e := newEnvironments(t, soaking(4))
	e.UntilCondition(e.staging, v1alpha1.ConditionPromotable, metav1.ConditionTrue, "Verified", "release v1.0.0 is verified")
	if c := meta.FindStatusCondition(e.production.Status.Conditions, v1alpha1.ConditionPromotionAllowed); c.Reason != "Allowed" {
		t.Errorf("the first release: %+v", c)
	}

	e.Edit(e.production, harness.Release("v2.0.0"))
	e.blocked("NotVerified", "has not verified release v2.0.0")
	e.UntilCondition(e.production, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")
	if e.production.Status.Release.NextCheckTime != nil {
		t.Errorf("only staging can change it, but it looks again at %v", e.production.Status.Release.NextCheckTime)
	}
	// Everything else goes on.
	e.Edit(e.production, func(p *v1alpha1.BlogPlatform) { p.Spec.Services.User.Replicas = new(int32(3)) })
	e.Until("another number of pods", func(context.Context) error {
		if n := *e.Rollout("user").Spec.Replicas; n != 3 {
			return fmt.Errorf("%d replicas", n)
		}
		return nil
	})

	e.Edit(e.staging, harness.Release("v2.0.0"))
	e.UntilReady(e.staging)
	e.UntilCondition(e.staging, v1alpha1.ConditionPromotable, metav1.ConditionTrue, "Verified", "release v2.0.0 is verified")
	e.blocked("Soaking", "soakSeconds")
	verified := e.staging.Status.History[0].CompletionTime.Time
	if next := e.production.Status.Release.NextCheckTime; next == nil || !next.Equal(new(metav1.NewTime(verified.Add(4*time.Second)))) {
		t.Errorf("it looks again at %v, staging verified at %v", next, verified)
	}
	e.UntilReady(e.production)
	e.AllBackOn("v2.0.0")
	e.Told(e.production, "v2.0.0 Succeeded", "v1.0.0 Succeeded")
	if begun := e.production.Status.History[0].StartTime; begun.Sub(verified) < 4*time.Second || begun.Sub(verified) > 6*time.Second {
		t.Errorf("the release began %s after staging had verified it", begun.Sub(verified))
	}
	if e.production.Status.Release.NextCheckTime != nil {
		t.Errorf("at the end it looks again at %v", e.production.Status.Release.NextCheckTime)
	}
	e.AlwaysServed()
}

// TestProductionNeverLeavesWhatIsGood: v3 fails in staging, and is asked for in production nevertheless.
func TestProductionNeverLeavesWhatIsGood(t *testing.T) {
	harness.ShareOperator(t)
	e := newEnvironments(t)
	e.Edit(e.staging, harness.Release("v2.0.0"))
	e.UntilReady(e.staging)
	e.Edit(e.production, harness.Release("v2.0.0"))
	e.UntilReady(e.production)

	e.Edit(e.staging, func(p *v1alpha1.BlogPlatform) { harness.WithSteps(20)(p) })
	e.UntilReady(e.staging)
	harness.Peers.Set(faker.Rollout, e.Namespace+"/stg-user", faker.Behaviour{Analysis: argo.AnalysisPhaseFailed})
	e.Edit(e.staging, harness.Release("v3.0.0"))
	e.UntilCondition(e.staging, v1alpha1.ConditionPromotable, metav1.ConditionFalse, "ReleaseAborted", "v3.0.0")
	e.Edit(e.production, harness.Release("v3.0.0"))
	e.blocked("FailedInStaging", "release v3.0.0 failed on "+e.Namespace+"/stg (AnalysisFailed)")
	e.UntilCondition(e.production, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")
	e.AllBackOn("v2.0.0")
	e.neverLeft("v1.0.0", "v2.0.0")
	e.AlwaysServed()
	if e.Events()["PromotionAllowed is False: release v3.0.0 failed on "+e.Namespace+"/stg (AnalysisFailed); repair it, or ask for another release here"] != 1 {
		t.Errorf("events: %v", e.Events())
	}
}

// TestTheSameVersionWithOtherDigestsIsAnotherRelease: a digest is what counts, not the name.
func TestTheSameVersionWithOtherDigestsIsAnotherRelease(t *testing.T) {
	harness.ShareOperator(t)
	e := newEnvironments(t)
	e.Edit(e.staging, harness.Release("v2.0.0"))
	e.UntilReady(e.staging)
	e.Edit(e.production, func(p *v1alpha1.BlogPlatform) {
		harness.Release("v2.0.0")(p)
		p.Spec.Release.Images.User = p.Spec.Release.Images.Content[:len(p.Spec.Release.Images.Content)-4] + "0000"
	})
	e.blocked("NotVerified", "has not verified release v2.0.0, by these digests")
	e.neverLeft("v1.0.0")
	e.Edit(e.production, harness.Release("v2.0.0"))
	e.UntilReady(e.production)
	e.AllBackOn("v2.0.0")
}

// TestAWindowThatOpens: nobody touches the object.
func TestAWindowThatOpens(t *testing.T) {
	harness.ShareOperator(t)
	e := newEnvironments(t)
	e.Edit(e.staging, harness.Release("v2.0.0"))
	e.UntilReady(e.staging)
	now := time.Now().UTC()
	closed := now.Add(-time.Hour) // until tomorrow's week
	e.Edit(e.production, func(p *v1alpha1.BlogPlatform) {
		harness.Release("v2.0.0")(p)
		window(closed, 30)(p)
	})
	e.blocked("WindowClosed", "waits until a window")
	next := e.production.Status.Release.NextCheckTime
	if want := closed.Truncate(time.Minute).AddDate(0, 0, 7); next == nil || !next.Time.Equal(want) {
		t.Errorf("it looks again at %v, want %v", next, want)
	}
	opens := time.Now().UTC().Add(70 * time.Second).Truncate(time.Minute)
	e.Edit(e.production, window(opens, 600))
	e.blocked("WindowClosed", "")
	if next := e.production.Status.Release.NextCheckTime; next == nil || !next.Time.Equal(opens) {
		t.Errorf("it looks again at %v, want %v", next, opens)
	}
	e.neverLeft("v1.0.0")
	<-time.After(time.Until(opens))
	e.UntilReady(e.production)
	if begun := e.production.Status.History[0].StartTime; begun.Time.Before(opens) || begun.Sub(opens) > 2*time.Second {
		t.Errorf("the release began at %s, the window opened at %s", begun, opens)
	}
	e.AllBackOn("v2.0.0")

	// What has begun comes to its end though the window closes.
	e.Edit(e.staging, harness.Release("v3.0.0"))
	e.UntilReady(e.staging)
	harness.Peers.Set(faker.Rollout, e.Namespace+"/blog-", faker.Behaviour{Hold: true})
	e.Edit(e.production, harness.Release("v3.0.0"))
	e.UntilWord(e.production, "canary 20%")
	e.Edit(e.production, window(closed, 30))
	harness.Peers.Set(faker.Rollout, e.Namespace+"/blog-", faker.Behaviour{})
	e.UntilReady(e.production)
	e.AllBackOn("v3.0.0")

	// And the way back is open at any hour.
	e.Edit(e.production, harness.Release("v2.0.0"))
	e.UntilReady(e.production)
	e.AllBackOn("v2.0.0")
	e.Told(e.production, "v2.0.0 Succeeded", "v3.0.0 Succeeded", "v2.0.0 Succeeded", "v1.0.0 Succeeded")
	e.AlwaysServed()
}

// TestAnUnknownStagingBlocksUntilItIsThere, and does not block the first release.
func TestAnUnknownStagingBlocksUntilItIsThere(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	e := environments{world: w, production: w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20), from(w.Namespace, "stg"))}
	e.Edit(e.production, harness.Release("v2.0.0"))
	e.blocked("StagingNotFound", "spec.promotion.from: there is no BlogPlatform "+w.Namespace+"/stg")
	e.UntilCondition(e.production, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")
	e.Edit(e.production, from(w.Namespace, "blog"))
	e.blocked("NotStaging", "is of environment Production")
	e.Edit(e.production, from(w.Namespace, "stg"))
	e.blocked("StagingNotFound", "")

	e.staging = w.Given("staging", harness.Release("v2.0.0"), func(p *v1alpha1.BlogPlatform) {
		p.Name, p.Spec.Hosts = "stg", []string{"stg." + w.Namespace + ".example.com"}
	})
	e.UntilReady(e.production) // it goes on by itself
	e.AllBackOn("v2.0.0")
	w.AlwaysServed()
}

// TestTwoPromotionsAtOnce: v3 is written while v2 is on its way, and is not
// verified. v2 has passed the gate and comes to its end; then comes v3.
func TestTwoPromotionsAtOnce(t *testing.T) {
	harness.ShareOperator(t)
	e := newEnvironments(t)
	e.Edit(e.staging, harness.Release("v2.0.0"))
	e.UntilReady(e.staging)
	harness.Peers.Set(faker.Rollout, e.Namespace+"/blog-", faker.Behaviour{Hold: true})
	e.Edit(e.production, harness.Release("v2.0.0"))
	e.UntilWord(e.production, "canary 20%")
	e.Edit(e.production, harness.Release("v3.0.0"))
	e.UntilCondition(e.production, v1alpha1.ConditionPromotionAllowed, metav1.ConditionFalse, "NotVerified", "v3.0.0")
	if r := e.production.Status.Release; r.Target.Version != "v2.0.0" || r.Rollout != "canary 20%" {
		t.Errorf("the release on its way is disturbed: %+v", r)
	}
	harness.Peers.Set(faker.Rollout, e.Namespace+"/blog-", faker.Behaviour{})
	e.AllBackOn("v2.0.0")
	e.blocked("NotVerified", "v3.0.0")
	e.neverLeft("v1.0.0", "v2.0.0")
	e.Edit(e.staging, harness.Release("v3.0.0"))
	e.UntilReady(e.production)
	e.AllBackOn("v3.0.0")
	e.Told(e.production, "v3.0.0 Succeeded", "v2.0.0 Succeeded", "v1.0.0 Succeeded")
	e.AlwaysServed()
}

// TestWhatFailedIsLeftForGoodWhenSomethingElseIsAskedFor: v2 was taken back, and
// v3 is not verified. Production runs v1 as if nothing had been asked for.
func TestWhatFailedIsLeftForGoodWhenSomethingElseIsAskedFor(t *testing.T) {
	harness.ShareOperator(t)
	e := newEnvironments(t)
	e.Edit(e.staging, harness.Release("v2.0.0"))
	e.UntilReady(e.staging)
	harness.Peers.Set(faker.Rollout, e.Namespace+"/blog-user", faker.Behaviour{Analysis: argo.AnalysisPhaseFailed})
	e.Edit(e.production, harness.Release("v2.0.0"))
	e.UntilCondition(e.production, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "v2.0.0")
	harness.Peers.Set(faker.Rollout, e.Namespace+"/blog-user", faker.Behaviour{})
	e.Edit(e.production, harness.Release("v3.0.0"))
	e.blocked("NotVerified", "v3.0.0")
	e.AllBackOn("v1.0.0")
	if r := e.production.Status.Release; r.Target.Version != "v1.0.0" || r.Phase != v1alpha1.PhaseComplete {
		t.Errorf("release: %+v", r)
	}
	e.Edit(e.production, func(p *v1alpha1.BlogPlatform) { p.Spec.Services.User.NodeSelector = map[string]string{"disk": "ssd"} })
	e.Until("another set of v1", func(context.Context) error {
		if r := e.Rollout("user"); r.Spec.Template.Spec.NodeSelector["disk"] != "ssd" || r.Status.StableRS != r.Status.CurrentPodHash {
			return fmt.Errorf("%v", r.Spec.Template.Spec.NodeSelector)
		}
		return nil
	})
	e.AllBackOn("v1.0.0")
	e.AlwaysServed()
}

// TestAnEmergencyOverride names a version and a reason, is recorded, and opens the gate once.
func TestAnEmergencyOverride(t *testing.T) {
	harness.ShareOperator(t)
	e := newEnvironments(t, soaking(3600))
	override := func(value string) func(*v1alpha1.BlogPlatform) {
		return func(p *v1alpha1.BlogPlatform) {
			p.Annotations = map[string]string{"blogplatform.io/promotion-override": value}
		}
	}
	e.Edit(e.production, harness.Release("v2.0.0"))
	e.blocked("NotVerified", "")
	e.Edit(e.production, override("v2.0.0"))
	e.blocked("NotVerified", "gives no reason")
	e.Edit(e.production, override("v2.0.0 the login page is broken"))
	e.UntilReady(e.production)
	e.AllBackOn("v2.0.0")
	e.UntilCondition(e.production, v1alpha1.ConditionPromotionAllowed, metav1.ConditionTrue, "Overridden", "the login page is broken")
	if head := e.production.Status.History[0]; head.Version != "v2.0.0" || head.Override != "v2.0.0 the login page is broken" {
		t.Errorf("history tells %+v", head)
	}
	if n := e.warnings()["an override let a release through the gate: v2.0.0 the login page is broken"]; n != 1 {
		t.Errorf("the override was told %d times: %v", n, e.Events())
	}
	// Other images under that version are not what somebody has taken upon themselves.
	e.Edit(e.production, func(p *v1alpha1.BlogPlatform) {
		harness.Release("v6.6.6")(p)
		p.Spec.Release.Version = "v2.0.0"
	})
	e.blocked("NotVerified", "was used for other images of that version")
	e.AllBackOn("v2.0.0")
	e.AlwaysServed()
}

// TestCIPromotesAndTheGarbageCollectorStillCollects: the policy that binds who
// may promote and not administer lets CI's own change through, and leaves alone
// who has nothing to do with promotions.
func TestCIPromotesAndTheGarbageCollectorStillCollects(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "fleet"}}
	w.Create(owner)
	p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20), func(p *v1alpha1.BlogPlatform) {
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
	})
	w.Create(harness.Parse(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {namespace: ` + w.Namespace + `, name: ci}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: blogplatform-promoter-role}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ci}]
`))
	config := rest.CopyConfig(harness.ControlPlane.Config)
	config.Impersonate.UserName = "ci"
	ci, err := client.New(config, client.Options{Scheme: harness.Cluster.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	change := func(edit func(*v1alpha1.BlogPlatform)) error {
		changed := p.DeepCopy()
		edit(changed)
		return ci.Patch(t.Context(), changed, client.MergeFrom(p))
	}
	w.Until("CI's rights", func(context.Context) error { return change(harness.Release("v2.0.0")) })
	w.UntilReady(p)
	w.AllBackOn("v2.0.0")
	if err := change(func(p *v1alpha1.BlogPlatform) { p.Finalizers = nil }); !apierrors.IsForbidden(err) {
		t.Errorf("CI takes the finalizer: %v", err)
	}
	if err := harness.Cluster.Delete(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	w.UntilGone(p)
}

// TestASoakThatIsInterruptedBeginsAnew: a staging that is suspended shows nothing of a release.
func TestASoakThatIsInterruptedBeginsAnew(t *testing.T) {
	harness.ShareOperator(t)
	e := newEnvironments(t, soaking(3))
	e.Edit(e.staging, harness.Release("v2.0.0"))
	e.UntilReady(e.staging)
	suspend := func(is bool) func(*v1alpha1.BlogPlatform) {
		return func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = &is }
	}
	e.Edit(e.staging, suspend(true))
	e.UntilCondition(e.staging, v1alpha1.ConditionSuspended, metav1.ConditionTrue, "Suspended", "")
	e.Edit(e.production, harness.Release("v2.0.0"))
	e.blocked("SoakInterrupted", "(spec.suspend is true) and is lost")
	time.Sleep(4 * time.Second)
	e.blocked("SoakInterrupted", "")
	e.neverLeft("v1.0.0")
	e.Edit(e.staging, suspend(false))
	e.UntilReady(e.production)
	e.AllBackOn("v2.0.0")
}

// TestAPlatformThatIsCreatedAgainPassesItsGate: its data is that of the one before. It
// need not wait for a window, since nothing runs meanwhile.
func TestAPlatformThatIsCreatedAgainPassesItsGate(t *testing.T) {
	harness.ShareOperator(t)
	later := window(time.Now().Add(12*time.Hour), 1)
	e := newEnvironments(t, later)
	e.DeletePlatform(e.production)
	e.production = e.Given("production", harness.Release("v2.0.0"), harness.WithSteps(20), from(e.Namespace, "stg"), later)
	e.blocked("NotVerified", "stg has not verified release v2.0.0")
	e.UntilCondition(e.production, v1alpha1.ConditionReconciling, metav1.ConditionTrue, "NotVerified", "")
	for name := range e.Children(e.production) {
		if strings.HasPrefix(name, "Rollout ") {
			t.Errorf("%s was created", name)
		}
	}
	e.Edit(e.staging, harness.Release("v2.0.0"))
	e.UntilReady(e.production)
	if e.production.Status.Release.Current.Version != "v2.0.0" {
		t.Errorf("it runs %+v", e.production.Status.Release.Current)
	}
}

// TestPodsAreReplacedInAWindowOnly where the spec has its windows hold that, too.
func TestPodsAreReplacedInAWindowOnly(t *testing.T) {
	harness.ShareOperator(t)
	closed := window(time.Now().Add(12*time.Hour), 1)
	e := newEnvironments(t, closed, func(p *v1alpha1.BlogPlatform) { p.Spec.Promotion.WindowScope = v1alpha1.WindowsHoldPods })
	runs := e.production.Status.Release.Current.Digest
	memory := func() string {
		value, _, _ := unstructured.NestedString(e.Get(e.Object("PostgresCluster", "blog-db")).Object, "spec", "patroni", "dynamicConfiguration", "postgresql", "parameters", "work_mem")
		return value
	}
	e.Edit(e.production, func(p *v1alpha1.BlogPlatform) { p.Spec.Database.Parameters = map[string]string{"work_mem": "5MB"} })
	e.UntilCondition(e.production, v1alpha1.ConditionReady, metav1.ConditionFalse, "WindowClosed", "a change that restarts PostgreSQL waits: release v1.0.0 waits until a window")
	if now := memory(); now != "" {
		t.Errorf("PostgreSQL restarts: work_mem is %s", now)
	}
	e.Edit(e.production, func(p *v1alpha1.BlogPlatform) { p.Spec.Services.User.NodeSelector = map[string]string{"disk": "fast"} })
	e.UntilCondition(e.production, v1alpha1.ConditionReady, metav1.ConditionFalse, "WindowClosed", "other pods of the same images wait: release v1.0.0 waits until a window")
	if next := e.production.Status.Release.NextCheckTime; next == nil || next.Before(new(metav1.Now())) {
		t.Errorf("it looks again at %v", next)
	}
	if template := e.Rollout("user").Spec.Template.Spec; len(template.NodeSelector) > 0 || e.production.Status.Release.Target.Digest != runs {
		t.Errorf("pods are replaced: %v, %+v", template.NodeSelector, e.production.Status.Release)
	}
	// A window opens.
	e.Edit(e.production, window(time.Now().Add(-time.Minute), 60))
	e.UntilReady(e.production)
	if now := memory(); now != "5MB" {
		t.Errorf("PostgreSQL does not restart: work_mem is %q", now)
	}
	if template := e.Rollout("user").Spec.Template.Spec; template.NodeSelector["disk"] != "fast" || e.production.Status.Release.Current.Digest == runs {
		t.Errorf("pods are not replaced: %v, %+v", template.NodeSelector, e.production.Status.Release)
	}
}
