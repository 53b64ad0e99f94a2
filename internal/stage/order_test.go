package stage

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/course"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
)

func objectOf(kind, name, set string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"kind": kind}}
	object.SetNamespace("ns")
	object.SetName(name)
	if set != "" {
		object.SetAnnotations(map[string]string{naming.AnnotationSet: set})
	}
	return object
}

func rollout(service naming.Service, set string) *unstructured.Unstructured {
	return objectOf("Rollout", "blog-"+string(service), set)
}

// orderOf a course of the platform ns/blog, whose last good set is of-v1.
func orderOf(change func(*v1alpha1.BlogPlatform, *course.Course, *observed.State)) Order {
	platform := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "blog"}}
	c, state := course.Course{Good: &plan.Set{Digest: "of-v1"}}, observed.State{Services: map[naming.Service]release.Service{}}
	c.Target = plan.Set{Digest: "of-v2", Release: v1alpha1.Release{Version: "v2"}}
	if change != nil {
		change(platform, &c, &state)
	}
	return Of(platform, state, c)
}

func suspended(platform *v1alpha1.BlogPlatform, _ *course.Course, _ *observed.State) {
	platform.Spec.Suspend = new(true)
}

func frozen(_ *v1alpha1.BlogPlatform, c *course.Course, _ *observed.State) { c.Release.Hold = true }

func TestWhatExistsIsAppliedAndWhatDoesNotWaits(t *testing.T) {
	service := plan.Child{Object: objectOf("Service", "blog-user", ""), Stage: plan.StageWorkloads}
	goes := func(set string) plan.Child {
		return plan.Child{Object: rollout(naming.User, set), Stage: plan.StageWorkloads}
	}
	for name, c := range map[string]struct {
		order   Order
		child   plan.Child
		live    *unstructured.Unstructured
		blocked string
		want    Action
		says    string
	}{
		"it is created": {orderOf(nil), service, nil, "", Apply, ""},
		"it is created once the database is ready":   {orderOf(nil), service, nil, "DatabaseReady", Wait, "waits for DatabaseReady"},
		"drift is repaired whatever blocks":          {orderOf(nil), service, service.Object, "DatabaseReady", Apply, ""},
		"a Rollout keeps the set that it runs":       {orderOf(nil), goes("of-v2"), rollout(naming.User, "of-v2"), "MigrationsReady", Apply, ""},
		"it goes back whatever blocks":               {orderOf(nil), goes("of-v1"), rollout(naming.User, "of-v2"), "MigrationsReady", Apply, ""},
		"it does not advance while something blocks": {orderOf(nil), goes("of-v2"), rollout(naming.User, "of-v1"), "MigrationsReady", Wait, "Rollout ns/blog-user runs what it did, and waits for MigrationsReady"},
		"it advances": {orderOf(nil), goes("of-v2"), rollout(naming.User, "of-v1"), "", Apply, ""},
		"nothing of a suspended platform is written":    {orderOf(suspended), service, service.Object, "", Leave, ""},
		"nothing of it is created, either":              {orderOf(suspended), service, nil, "", Leave, ""},
		"a Rollout that must not change is left":        {orderOf(frozen), goes("of-v2"), rollout(naming.User, "of-v1"), "", Leave, ""},
		"a Rollout that must not change is not created": {orderOf(frozen), goes("of-v2"), nil, "", Wait, "waits for MigrationsReady"},
		"other children may change":                     {orderOf(frozen), service, nil, "", Apply, ""},
	} {
		t.Run(name, func(t *testing.T) {
			action, verdict := c.order.Action(c.child, c.live, c.blocked)
			if action != c.want || verdict.Message != c.says {
				t.Errorf("%s: %q, want %s: %q", action, verdict.Message, c.want, c.says)
			}
			if (verdict.State != "") != (action == Wait) {
				t.Errorf("the verdict is %+v", verdict)
			}
		})
	}
}

func TestAJobThatIsDoneDoesNotRunAgain(t *testing.T) {
	job := objectOf("Job", "blog-user-expand", "")
	deleted := job.DeepCopy()
	deleted.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1, 0)})
	done := func(_ *v1alpha1.BlogPlatform, c *course.Course, _ *observed.State) {
		c.Status.Migrations = []v1alpha1.MigrationStatus{{Job: "blog-user-expand"}}
		c.Release.Status.Phase = v1alpha1.PhaseComplete
	}
	for name, c := range map[string]struct {
		order Order
		stage plan.Stage
		live  *unstructured.Unstructured
		want  Action
	}{
		"a migration that is not done":          {orderOf(nil), plan.StageMigrations, nil, Apply},
		"one whose Job is deleted":              {orderOf(done), plan.StageMigrations, nil, Finished},
		"one whose Job is being deleted":        {orderOf(done), plan.StageContract, deleted, Finished},
		"one whose Job is there":                {orderOf(done), plan.StageMigrations, job, Apply},
		"Verify of the current release":         {orderOf(done), plan.StageVerify, nil, Finished},
		"Verify of a release that is under way": {orderOf(nil), plan.StageVerify, nil, Apply},
		"a child of another stage by that name": {orderOf(done), plan.StageWorkloads, nil, Apply},
	} {
		if action, verdict := c.order.Action(plan.Child{Object: job, Stage: c.stage}, c.live, ""); action != c.want || (verdict.State == ready.Ready) != (action == Finished) {
			t.Errorf("%s: %s, %+v, want %s", name, action, verdict, c.want)
		}
	}
}

func TestARolloutThatWaitsForItsTurnIsNotReady(t *testing.T) {
	in := func(phase v1alpha1.ReleasePhase, services ...naming.Service) func(*v1alpha1.BlogPlatform, *course.Course, *observed.State) {
		return func(_ *v1alpha1.BlogPlatform, c *course.Course, state *observed.State) {
			c.Release.Status.Phase = phase
			for _, service := range services {
				state.Services[service] = release.Service{AtBarrier: true}
			}
		}
	}
	for name, c := range map[string]struct {
		order   Order
		service naming.Service
		state   ready.State
		want    string
		gates   bool
	}{
		"nothing is under way":                   {orderOf(in(v1alpha1.PhaseComplete)), naming.User, ready.Ready, "", true},
		"migrations run":                         {orderOf(in(v1alpha1.PhaseMigrating)), naming.User, ready.Ready, ReasonHeldByMigrations, true},
		"a failure is more urgent":               {orderOf(in(v1alpha1.PhaseMigrating)), naming.User, ready.Failed, "", true},
		"the frontend follows the data services": {orderOf(in(v1alpha1.PhaseProgressing)), naming.Frontend, ready.Ready, ReasonNextInLine, true},
		"a data service at the barrier":          {orderOf(in(v1alpha1.PhaseProgressing, naming.User)), naming.User, ready.Progressing, ReasonAtBarrier, true},
		"it does not block Verify":               {orderOf(in(v1alpha1.PhaseVerifying, naming.User)), naming.User, ready.Progressing, ReasonAtBarrier, false},
		"a service that is not at the barrier":   {orderOf(in(v1alpha1.PhaseVerifying, naming.User)), naming.Content, ready.Ready, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			child := plan.Child{Object: rollout(c.service, "of-v2"), Stage: plan.StageWorkloads, Gates: true}
			got := c.order.InRelease(Outcome{Child: child, Gates: true, Verdict: ready.Verdict{State: c.state}})
			if got.Verdict.Reason != c.want || got.Gates != c.gates {
				t.Errorf("%+v, gates %v", got.Verdict, got.Gates)
			}
		})
	}
	service := Outcome{Child: plan.Child{Object: objectOf("Service", "blog-user", "")}, Gates: true, Verdict: ready.Verdict{State: ready.Ready}}
	if got := orderOf(in(v1alpha1.PhaseMigrating)).InRelease(service); got.Verdict != service.Verdict || !got.Gates {
		t.Errorf("a Service takes no part in a release: %+v", got)
	}
}
