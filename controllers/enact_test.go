package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/course"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
	"blogplatform.io/operator/internal/report"
	"blogplatform.io/operator/internal/stage"
)

// enactmentOver writes the children of a platform to the API server of a scope.
func enactmentOver(s *scope, c course.Course, children ...plan.Child) *enactment {
	return &enactment{scope: s, course: c, plan: plan.Plan{Children: children}, order: stage.Of(s.platform, observed.State{}, c), status: *s.platform.Status.DeepCopy(), complete: true}
}

// migrationOf a service, as a Job in a stage.
func migrationOf(service naming.Service, in plan.Stage) plan.Child {
	job := jobNamed("ns", "blog-"+string(service)+"-"+string(in))
	job.SetLabels(naming.Platform{Namespace: "ns", Name: "blog"}.MigrationSelector(service))
	return plan.Child{Object: job, Stage: in}
}

// TestAChildThatIsNotWrittenKeepsOthersFromBeingPruned: it may be their replacement.
func TestAChildThatIsNotWrittenKeepsOthersFromBeingPruned(t *testing.T) {
	for name, c := range map[string]struct {
		action   stage.Action
		verdict  ready.Verdict
		complete bool
		reason   string
	}{
		"a Job that is finished":      {stage.Finished, ready.Verdict{State: ready.Ready}, true, ""},
		"a child that waits":          {stage.Wait, ready.Verdict{State: ready.Progressing, Reason: stage.ReasonWaiting}, false, stage.ReasonWaiting},
		"a child of a suspended blog": {stage.Leave, ready.Verdict{}, false, "NotCreated"},
	} {
		t.Run(name, func(t *testing.T) {
			e := enactmentOver(scopeOver(t, platformOf("ns", "blog.example.com")), course.Course{})
			outcome, err := e.act(t.Context(), c.action, stage.Outcome{Child: childIn("ns", "Service"), Verdict: c.verdict})
			if err != nil || outcome.Verdict.Reason != c.reason || e.complete != c.complete {
				t.Errorf("%v, %+v, complete %v", err, outcome.Verdict, e.complete)
			}
		})
	}
}

func TestAKindThatIsNotInstalledIsReportedByItsCondition(t *testing.T) {
	e := enactmentOver(scopeOver(t, platformOf("ns", "blog.example.com")), course.Course{})
	child := childIn("istio-ingress", "Certificate")
	child.Stage = plan.StageMesh
	if err := e.reconcileChild(t.Context(), child, ""); err != nil || len(e.result.Outcomes) != 1 {
		t.Fatalf("%v, %+v", err, e.result)
	}
	if o := e.result.Outcomes[0]; o.Verdict.Reason != reasonKindMissing || o.Condition != v1alpha1.ConditionCertificatesReady || e.complete || len(e.result.Errs) > 0 {
		t.Errorf("%+v, complete %v, errors %v", o, e.complete, e.result.Errs)
	}
}

// TestTheInventoryKeepsWhatCouldNotBePruned, and the hosts with it.
func TestTheInventoryKeepsWhatCouldNotBePruned(t *testing.T) {
	former := "example.com/Certificate/istio-ingress/former/3"
	platform := platformOf("ns", "blog.example.com")
	platform.Status.Inventory, platform.Status.Hosts = []string{former}, []string{"blog.example.com", "old.example.com"}
	e := enactmentOver(scopeOver(t, platform), course.Course{})
	certificate := childIn("istio-ingress", "Certificate")
	e.result.Outcomes, e.complete = []stage.Outcome{{Child: certificate}, {Child: childIn("ns", "Service")}, {}}, false
	e.prune(t.Context())
	if want := former + " " + apply.Entry(certificate.Object); strings.Join([]string{e.status.Inventory[1], e.status.Inventory[0]}, " ") != want || len(e.status.Inventory) != 2 {
		t.Errorf("inventory %v", e.status.Inventory)
	}
	if len(e.status.Hosts) != 2 {
		t.Errorf("something may still lead readers to a host that is given up: %v", e.status.Hosts)
	}
}

// TestAContractMigrationIsWrittenDownBeforeItsJobIsCreated: whatever becomes of the Job, the schema may have changed.
func TestAContractMigrationIsWrittenDownBeforeItsJobIsCreated(t *testing.T) {
	platform := platformOf("ns", "blog.example.com")
	platform.Status.History = []v1alpha1.ReleaseRecord{{Version: "v2", Outcome: v1alpha1.OutcomeInProgress}, {Version: "v1", Outcome: v1alpha1.OutcomeSucceeded}}
	platform.Status.Database.Schemas = []v1alpha1.SchemaStatus{{Service: "user", Contract: 1}, {Service: "content", Contract: 1}}
	s := scopeOver(t, platform)
	e := enactmentOver(s, course.Course{}, migrationOf(naming.User, plan.StageContract), migrationOf(naming.Content, plan.StageMigrations))
	if verdict, err := e.beforeCreation(t.Context(), e.plan.Children[0]); err != nil || verdict.State != "" {
		t.Fatalf("%v, %+v", err, verdict)
	}
	stored := s.stored(t).Status
	if len(stored.Database.Schemas) != 1 || stored.Database.Schemas[0].Service != "content" {
		t.Errorf("schemas %+v", stored.Database.Schemas)
	}
	if !strings.Contains(strings.Join(stored.History[0].Migrations, ","), "user contract") {
		t.Errorf("history %+v", stored.History)
	}
}

// TestAFinishedMigrationIsRemembered with what its pod reported, once.
func TestAFinishedMigrationIsRemembered(t *testing.T) {
	platform := platformOf("ns", "blog.example.com")
	platform.Status.History = []v1alpha1.ReleaseRecord{{Version: "v2"}}
	child := migrationOf(naming.User, plan.StageMigrations)
	pod := ended(0, `{"from":1,"to":2,"contract":1}`)
	pod.Labels = map[string]string{"batch.kubernetes.io/job-name": child.Object.GetName()}
	e := enactmentOver(scopeOver(t, platform), course.Course{}, child)
	e.state.Pods = []corev1.Pod{pod}
	done := stage.Outcome{Child: child, Live: child.Object, Verdict: ready.Verdict{State: ready.Ready}}
	running, verify := done, done
	running.Verdict.State, verify.Child.Stage = ready.Progressing, plan.StageVerify
	e.result.Outcomes = []stage.Outcome{done, running, verify, {}}
	e.rememberMigrations(t.Context())
	if len(e.status.Migrations) != 1 || e.status.Migrations[0].Versions != "1 -> 2" || !release.MigrationDone(e.status.Migrations, child.Object.GetName()) {
		t.Errorf("%+v, errors %v", e.status.Migrations, e.result.Errs)
	}
	if len(e.status.Database.Schemas) != 1 || e.status.Database.Schemas[0].Contract != 1 {
		t.Errorf("%+v", e.status.Database.Schemas)
	}
}

// TestASealedSecretWaitsForTheSecretOfADeletedOne.
func TestASealedSecretWaitsForTheSecretOfADeletedOne(t *testing.T) {
	owned := func(kind string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "blog", Finalizers: []string{"example.com/wait"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: kind, Name: "blog", UID: "1", Controller: new(true)}}}}
	}
	for kind, want := range map[string]string{"SealedSecret": reasonSecretTerminating, "Other": "", "": ""} {
		s := scopeOver(t, platformOf("ns", "blog.example.com"))
		if kind != "" {
			s = scopeOver(t, platformOf("ns", "blog.example.com"), owned(kind))
		}
		s.client.Scheme().AddKnownTypeWithName(schema.FromAPIVersionAndKind("example.com/v1", "SealedSecret"), &unstructured.Unstructured{})
		child := childIn("ns", "SealedSecret")
		child.SecretKeys = []string{"key"}
		verdict, err := enactmentOver(s, course.Course{}).beforeCreation(t.Context(), child)
		if err != nil || verdict.Reason != want || (want != "") != strings.Contains(verdict.Message, "example.com/wait") {
			t.Errorf("a Secret of kind %q is there: %v, %+v", kind, err, verdict)
		}
	}
}

// TestADeletionThatIsSuspendedIsReportedAndDeletesNothing.
func TestADeletionThatIsSuspendedIsReportedAndDeletesNothing(t *testing.T) {
	platform := platformOf("ns", "blog.example.com")
	platform.Finalizers, platform.Spec.Suspend = []string{naming.Finalizer}, new(true)
	s := scopeOver(t, platform)
	if err := s.client.Delete(t.Context(), platform); err != nil {
		t.Fatal(err)
	}
	s.platform = s.stored(t)
	s.written = s.platform.DeepCopy()
	if _, err := s.reconcileDelete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := meta.FindStatusCondition(s.stored(t).Status.Conditions, v1alpha1.ConditionReady); c == nil || c.Reason != report.ReasonDeleting || !strings.Contains(c.Message, "spec.suspend") {
		t.Errorf("%+v", c)
	}
	s.platform.Finalizers = nil
	if result, err := s.reconcileDelete(t.Context()); err != nil || result.RequeueAfter != 0 {
		t.Errorf("without our finalizer nothing is left to do: %+v, %v", result, err)
	}
}
