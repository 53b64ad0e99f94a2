package release

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

// image is what a Rollout runs.
func (w world) image(service string) string {
	w.Helper()
	containers, _, _ := unstructured.NestedSlice(w.Get(w.Object("Rollout", "blog-"+service)).Object, "spec", "template", "spec", "containers")
	return fmt.Sprint(containers[0].(map[string]any)["image"])
}

func TestAReleaseMigratesFirstAndThenRolls(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"), func(p *v1alpha1.BlogPlatform) {
		p.Spec.Rollout.Steps = []v1alpha1.RolloutStep{{Weight: new(int32(20))}, {PauseSeconds: new(int32(5))}}
	})
	old := w.image("user")

	harness.Peers.Set(faker.Job, w.Namespace+"/blog-user-expand", faker.Behaviour{Absent: true})
	harness.Peers.Set(faker.Rollout, w.Namespace+"/", faker.Behaviour{Hold: true})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionMigrationsReady, metav1.ConditionFalse, "Running", "blog-user-expand-")
	w.UntilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "HeldByMigrations", "")
	w.UntilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")
	if image := w.image("user"); image != old {
		t.Errorf("user runs %s before the migrations are done, want %s", image, old)
	}
	if p.Status.Release.Phase != v1alpha1.PhaseMigrating || p.Status.Release.Current.Version != "v1.0.0" || p.Status.Release.Target.Version != "v2.0.0" {
		t.Errorf("release: %+v", p.Status.Release)
	}

	harness.Peers.Set(faker.Job, w.Namespace+"/blog-user-expand", faker.Behaviour{})
	w.Until("a canary", func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil {
			return err
		}
		if r := p.Status.Release; r.Rollout != "canary 20%" || r.CanaryWeight == nil || *r.CanaryWeight != 20 || r.Phase != v1alpha1.PhaseProgressing {
			return errors.New(fmt.Sprint(r, harness.ConditionsOf(p)))
		}
		return nil
	})
	w.UntilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")

	// The frontend follows, and is told from the services before it.
	harness.Peers.Set(faker.Rollout, w.Namespace+"/blog-frontend", faker.Behaviour{Hold: true})
	harness.Peers.Set(faker.Rollout, w.Namespace+"/", faker.Behaviour{})
	w.UntilWord(p, "frontend canary 20%")

	harness.Peers.Set(faker.Rollout, w.Namespace+"/blog-frontend", faker.Behaviour{})
	w.UntilReady(p)
	if image := w.image("user"); image == old {
		t.Errorf("user still runs %s", image)
	}
	w.Told(p, "v2.0.0 Succeeded", "v1.0.0 Succeeded")
}

// TestWhatFailsIsTakenBackWhole: whatever goes wrong with a release, all four
// services run the last good set again, the platform says why and what to do,
// and a retry by request goes through once the cause is gone.
func TestWhatFailsIsTakenBackWhole(t *testing.T) {
	harness.ShareOperator(t)
	cases := map[string]struct {
		kind       faker.Kind
		object     string
		fault      faker.Behaviour
		reason     string
		says       string
		triedAgain bool
	}{
		"analysis-failed":       {faker.Rollout, "blog-comment", faker.Behaviour{Analysis: argo.AnalysisPhaseFailed}, "AnalysisFailed", `Metric "success-rate" assessed Failed`, false},
		"analysis-of-frontend":  {faker.Rollout, "blog-frontend", faker.Behaviour{Analysis: argo.AnalysisPhaseFailed}, "AnalysisFailed", "blog-frontend was aborted", false},
		"load-without-trace":    {faker.Rollout, "blog-user", faker.Behaviour{Analysis: argo.AnalysisPhaseFailed, Metric: "load"}, "AnalysisNotRun", `Metric "load" assessed Failed`, true},
		"prometheus-down":       {faker.Rollout, "blog-user", faker.Behaviour{Analysis: argo.AnalysisPhaseError}, "AnalysisError", `assessed Error`, true},
		"analysis-without-data": {faker.Rollout, "blog-content", faker.Behaviour{Analysis: argo.AnalysisPhaseInconclusive}, "AnalysisInconclusive", "whether Prometheus has data", true},
		"verify-failed":         {faker.Job, "blog-verify-", faker.Behaviour{Fail: true}, "VerifyFailed", "BackoffLimitExceeded", false},
		"verify-expired":        {faker.Job, "blog-verify-", faker.Behaviour{Expire: true}, "VerifyTimeout", "DeadlineExceeded", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20))
			harness.Peers.Set(c.kind, w.Namespace+"/"+c.object, c.fault)
			w.Edit(p, harness.Release("v2.0.0"))
			w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", c.says)
			w.AllBackOn("v1.0.0")
			if p.Status.Release.Phase != v1alpha1.PhaseAborted || p.Status.Release.Current.Version != "v1.0.0" || p.Status.Release.Target.Version != "v2.0.0" {
				t.Errorf("release: %+v", p.Status.Release)
			}
			w.Told(p, "v2.0.0 Aborted", "v1.0.0 Succeeded")
			if r := p.Status.History[0]; r.Reason != c.reason || !strings.Contains(r.Message, c.says) || r.CompletionTime == nil {
				t.Errorf("history tells %+v", r)
			}
			if next := p.Status.Release.NextCheckTime; (next != nil) != c.triedAgain {
				t.Errorf("it is looked at again at %v", next)
			}
			attempt := p.Status.Release.Attempt
			harness.Peers.Set(c.kind, w.Namespace+"/"+c.object, faker.Behaviour{})
			w.Asked(p, "retry v2.0.0")
			w.UntilReady(p)
			w.AllBackOn("v2.0.0")
			w.Told(p, "v2.0.0 Succeeded", "v1.0.0 Succeeded")
			if p.Status.Release.Attempt != attempt+1 || len(p.Status.Release.Failures) > 0 || p.Status.Release.NextCheckTime != nil {
				t.Errorf("after the retry: %+v", p.Status.Release)
			}
			w.AlwaysServed()
		})
	}
}

// heldAtCanary is a platform whose release v2 is at its first pause.
func (w world) heldAtCanary(p *v1alpha1.BlogPlatform) {
	w.Helper()
	harness.Peers.Set(faker.Rollout, w.Namespace+"/", faker.Behaviour{Hold: true})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilWord(p, "canary 20%")
}

func TestAReleaseThatIsEditedMidCanaryComesBackAndGoesToTheNewOne(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20))
	w.heldAtCanary(p)
	w.Edit(p, harness.Release("v3.0.0"))
	harness.Peers.Set(faker.Rollout, w.Namespace+"/", faker.Behaviour{})
	w.UntilReady(p)
	w.AllBackOn("v3.0.0")
	w.Told(p, "v3.0.0 Succeeded", "v2.0.0 Superseded", "v1.0.0 Succeeded")
	w.AlwaysServed()
}

// TestGoingBackIsExact: the spec has moved on since the release that is gone
// back to, and what it ran with then it runs with again.
func TestGoingBackIsExact(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20))
	before, _, _ := unstructured.NestedMap(w.Get(w.Object("Rollout", "blog-user")).Object, "spec", "template")
	harness.Peers.Set(faker.Rollout, w.Namespace+"/blog-user", faker.Behaviour{Analysis: argo.AnalysisPhaseFailed})
	w.Edit(p, func(p *v1alpha1.BlogPlatform) {
		p.Spec.Services.User.NodeSelector = map[string]string{"disk": "none"}
		p.Spec.Services.User.Replicas = new(int32(3))
	})
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "blog-user was aborted")
	w.AllBackOn("v1.0.0")
	rollout := w.Get(w.Object("Rollout", "blog-user"))
	after, _, _ := unstructured.NestedMap(rollout.Object, "spec", "template")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the pod template (-before +after):\n%s", diff)
	}
	if n, _, _ := unstructured.NestedInt64(rollout.Object, "spec", "replicas"); n != 3 {
		t.Errorf("%d replicas: what is no part of a set follows the spec", n)
	}
	// The same release with another set: no migration, and no way around the canary.
	if len(p.Status.Migrations) != 3 || len(p.Status.History) != 2 || p.Status.History[0].Version != "v1.0.0" {
		t.Errorf("migrations %v, history %v", p.Status.Migrations, p.Status.History)
	}
}

// TestAReleaseWaitsForWhatItNeeds: what runs is kept as it is meanwhile.
func TestAReleaseWaitsForWhatItNeeds(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20))
	harness.Peers.Set(faker.SealedSecret, w.Namespace+"/", faker.Behaviour{Fail: true})
	w.Edit(p, func(p *v1alpha1.BlogPlatform) {
		p.Spec.Secrets.Cookies.Sealed.Key = "AgA" + strings.Repeat("B", 61)
		p.Spec.Services.User.Replicas = new(int32(3))
	})
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "CannotUnseal", "")
	w.UntilCondition(p, v1alpha1.ConditionMigrationsReady, metav1.ConditionFalse, "Waiting", "waits for SecretsReady")
	w.Until("what is no part of the release", func(context.Context) error {
		if n := *w.Rollout("user").Spec.Replicas; n != 3 {
			return fmt.Errorf("%d replicas", n)
		}
		return nil
	})
	if set := w.Rollout("frontend").Annotations["blogplatform.io/set"]; set != p.Status.Release.Current.Digest {
		t.Errorf("the frontend runs set %s, the current one is %s", set, p.Status.Release.Current.Digest)
	}
	harness.Peers.Set(faker.SealedSecret, w.Namespace+"/", faker.Behaviour{})
	w.Edit(p, func(p *v1alpha1.BlogPlatform) {
		p.Spec.Secrets.Cookies.Sealed.Key = "AgA" + strings.Repeat("C", 61)
	})
	w.UntilReady(p)
	w.AlwaysServed()
}

func TestRequestsAreHonoredOnceAndRefusedClearly(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"), harness.WithSteps(20))
	w.Asked(p, "abort v1.0.0")
	answered := func(answer v1alpha1.RequestAnswer, says string) {
		t.Helper()
		request := p.Annotations["blogplatform.io/request"]
		w.Until("an answer to "+request, func(ctx context.Context) error {
			if err := w.Refresh(ctx, p); err != nil {
				return err
			}
			if r := p.Status.Release.Request; r.Value != request || r.Answer != answer || !strings.Contains(r.Message, says) {
				return fmt.Errorf("%+v", r)
			}
			return nil
		})
	}
	answered(v1alpha1.RequestRefused, "release v1.0.0 is not on its way: its phase is Complete")

	w.heldAtCanary(p)
	w.Asked(p, "pause v1.0.0")
	answered(v1alpha1.RequestRefused, "v1.0.0 is not the release that is worked towards, which is v2.0.0")
	w.Asked(p, "pause v2.0.0")
	answered(v1alpha1.RequestHonored, "")
	w.UntilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "Paused", "is paused with its release")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleasePaused", "resume v2.0.0")
	harness.Peers.Set(faker.Rollout, w.Namespace+"/", faker.Behaviour{})
	w.passAgainQuietly(p)
	if p.Status.Release.Rollout != "canary 20%" {
		t.Errorf("a paused release goes on: %+v", p.Status.Release)
	}
	harness.Peers.Set(faker.Rollout, w.Namespace+"/", faker.Behaviour{Hold: true})
	w.Asked(p, "resume v2.0.0")
	answered(v1alpha1.RequestHonored, "")
	w.Asked(p, "abort v2.0.0")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "AbortRequested")
	w.AllBackOn("v1.0.0")
	if events := w.Events(); events[`request "abort v2.0.0": honored`] != 1 {
		t.Errorf("events: %v", events)
	}
	w.AlwaysServed()
}

// passAgainQuietly has the operator look at the platform, and waits until it has.
func (w world) passAgainQuietly(p *v1alpha1.BlogPlatform) {
	w.Helper()
	w.Edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Services.Comment.Replicas = new(int32(4)) })
	w.Until("a pass", func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil {
			return err
		}
		if p.Status.ObservedGeneration != p.Generation {
			return errors.New("not observed")
		}
		return nil
	})
}

// TestContractMigrationsRunFirstThingInTheNextRelease: those of the release that is
// current, with its image, before the next one's expand; and none on a step back.
func TestContractMigrationsRunFirstThingInTheNextRelease(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.Release("v1.0.0"))
	if n := len(p.Status.Migrations); n != 3 {
		t.Errorf("a first release runs %d migrations, want its 3 expands", n)
	}
	old := w.image("user")
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-user-contract", faker.Behaviour{Absent: true})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionMigrationsReady, metav1.ConditionFalse, "Running", "blog-user-contract-")
	for name, child := range w.Children(p) {
		if !strings.HasPrefix(child.GetName(), "blog-user-") || child.GetKind() != "Job" {
			continue
		}
		if strings.Contains(name, "-expand-") && !strings.Contains(p.Status.Migrations[0].Job+p.Status.Migrations[1].Job+p.Status.Migrations[2].Job, child.GetName()) {
			t.Errorf("%s runs before the contract is done", name)
		}
		containers, _, _ := unstructured.NestedSlice(child.Object, "spec", "template", "spec", "containers")
		if image := containers[0].(map[string]any)["image"]; strings.Contains(name, "-contract-") && image != old {
			t.Errorf("%s runs %s, want that of the current release", name, image)
		}
	}
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-user-contract", faker.Behaviour{})
	w.UntilReady(p)
	if n := len(p.Status.Migrations); n != 9 {
		t.Errorf("%d migrations are remembered, want 9: %v", n, p.Status.Migrations)
	}
	w.Edit(p, harness.Release("v1.0.0"))
	w.UntilReady(p)
	if n := len(p.Status.Migrations); n != 9 {
		t.Errorf("a step back ran migrations: %v", p.Status.Migrations)
	}
	w.AllBackOn("v1.0.0")
}

func TestAMigrationThatFailsSaysWhichStatement(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.Release("v1.0.0"))
	old := w.image("user")
	// kube-controller-manager runs this Job, and the test plays the kubelet.
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-user-expand", faker.Behaviour{Absent: true})
	w.Edit(p, harness.Release("v2.0.0"))
	const words = `migrate schema user (expand): ERROR 00004_add_role.sql: failed to run SQL migration: ALTER TABLE people ADD COLUMN role text: ERROR: deadlock detected (SQLSTATE 40P01)`
	w.Until("the statement in a condition", func(ctx context.Context) error {
		if err := errors.Join(w.failPods(ctx, words), w.Refresh(ctx, p)); err != nil {
			return err
		}
		c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionMigrationsReady)
		if c == nil || !strings.Contains(c.Message, "ALTER TABLE people ADD COLUMN role text: ERROR: deadlock detected") {
			return errors.New(harness.ConditionsOf(p))
		}
		return nil
	})
	if image := w.image("user"); image != old {
		t.Errorf("user runs %s after a failed migration, want %s", image, old)
	}
	w.Edit(p, harness.Release("v1.0.0"))
	w.UntilReady(p)
	w.AlwaysServed()
}

// failPods ends every pod of a migration badly, as a kubelet reports it.
func (w world) failPods(ctx context.Context, words string) error {
	var pods corev1.PodList
	if err := harness.Cluster.List(ctx, &pods, client.InNamespace(w.Namespace), client.HasLabels{batchv1.JobNameLabel}); err != nil {
		return err
	}
	for _, pod := range pods.Items {
		if pod.Status.Phase == corev1.PodFailed {
			continue
		}
		now := metav1.Now()
		pod.Status.Phase = corev1.PodFailed
		for _, container := range pod.Spec.Containers {
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: container.Name,
				State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: words, StartedAt: now, FinishedAt: now}}})
		}
		if err := harness.Cluster.Status().Update(ctx, &pod); err != nil {
			return err
		}
	}
	return nil
}

func TestAMigrationThatExceedsItsDeadlineIsTold(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.Release("v1.0.0"))
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-comment-expand", faker.Behaviour{Expire: true})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "JobFailed", "DeadlineExceeded")
	w.AllBackOn("v1.0.0")
	// A request takes it off the table.
	w.Asked(p, "abort v2.0.0")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "AbortRequested")
	for name, child := range w.Children(p) {
		if child.GetKind() == "Job" && strings.Contains(name, "-expand-") && child.GetDeletionTimestamp() == nil {
			w.Until(name+" gone", func(ctx context.Context) error { return harness.Gone(ctx, &child) })
		}
	}
	w.AlwaysServed()
}

func TestAFailedMigrationHoldsTheOldRelease(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("staging", harness.Release("v1.0.0"))
	old := w.image("content")
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-content-expand", faker.Behaviour{Fail: true})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "JobFailed", "Job "+w.Namespace+"/blog-content-expand-")
	w.UntilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "HeldByMigrations", "")
	w.UntilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")

	// The old release is held as it is: an edit of it is undone.
	rollout := w.Get(w.Object("Rollout", "blog-content"))
	if err := errors.Join(harness.Edits["Rollout"](rollout), harness.Cluster.Update(t.Context(), rollout)); err != nil {
		t.Fatal(err)
	}
	w.Until("the edit undone", func(context.Context) error {
		if n, _, _ := unstructured.NestedInt64(w.Get(rollout).Object, "spec", "revisionHistoryLimit"); n != 3 {
			return fmt.Errorf("revisionHistoryLimit is %d", n)
		}
		return nil
	})
	if image := w.image("content"); image != old {
		t.Errorf("content runs %s after a failed migration, want %s", image, old)
	}

	// Going back is one edit, and runs no migration again.
	w.Edit(p, harness.Release("v1.0.0"))
	w.UntilReady(p)
	if image := w.image("content"); image != old {
		t.Errorf("content runs %s, want %s", image, old)
	}

	// A failed Job that its TTL has removed is tried again.
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-content-expand", faker.Behaviour{})
	w.Edit(p, harness.Release("v3.0.0"))
	w.UntilReady(p)
}

func TestAReleaseLeavesTheNumberOfPodsToTheAutoscaler(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production", harness.Release("v1.0.0"))
	replicas := func() int64 {
		n, _, _ := unstructured.NestedInt64(w.Get(w.Object("Rollout", "blog-frontend")).Object, "spec", "replicas")
		return n
	}
	if n := replicas(); n != 2 {
		t.Errorf("the frontend begins with %d pods, want the least, 2", n)
	}
	rollout := w.Get(w.Object("Rollout", "blog-frontend"))
	if err := errors.Join(harness.Set(int64(3), "spec", "replicas")(rollout), harness.Cluster.Update(t.Context(), rollout)); err != nil {
		t.Fatal(err)
	}
	old := w.image("frontend")
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilReady(p)
	if w.image("frontend") == old {
		t.Error("the release has not reached the frontend")
	}
	if n := replicas(); n != 3 {
		t.Errorf("after a release the frontend has %d pods, want those of the autoscaler, 3", n)
	}
}
