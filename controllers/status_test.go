package controllers

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
)

var noon = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

// passAt is a pass over a platform at noon, of which nothing was seen but these.
func passAt(outcomes ...outcome) *pass {
	platform := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: "g11-stg", Name: "blog"}}
	platform.Spec.Hosts = []string{"blog.example.com"}
	platform.Status.Release.Phase = v1alpha1.PhaseComplete
	p := &pass{Reconciler: &Reconciler{now: func() time.Time { return noon }}, platform: platform,
		names: naming.Of(types.NamespacedName{Namespace: "g11-stg", Name: "blog"}), outcomes: outcomes}
	p.decision.Status.Phase = v1alpha1.PhaseComplete
	return p
}

// certificateAt is a Certificate with a verdict, and until when it is valid.
func certificateAt(state ready.State, reason, message string, until time.Time) outcome {
	live := &unstructured.Unstructured{Object: map[string]any{"kind": "Certificate", "status": map[string]any{"notAfter": until.Format(time.RFC3339)}}}
	return outcome{condition: v1alpha1.ConditionCertificatesReady, child: plan.Child{Object: live}, live: live, verdict: ready.Verdict{State: state, Reason: reason, Message: message}}
}

// TestAWarningStaysVisibleWhileReadyIsTrue in the condition of the part, and in Ready.
func TestAWarningStaysVisibleWhileReadyIsTrue(t *testing.T) {
	p := passAt(certificateAt(ready.Warning, "RenewalFailing", "Certificate a/b: its renewal fails", noon.Add(time.Hour)),
		outcome{condition: v1alpha1.ConditionMeshReady, verdict: ready.Verdict{State: ready.Warning, Reason: "DataPlaneAbsent", Message: "pods run without sidecars"}})
	seen := map[string]condition{}
	for _, c := range p.conditions() {
		seen[c.name] = c
	}
	if c := seen[v1alpha1.ConditionCertificatesReady]; c.status != metav1.ConditionTrue || c.reason != "RenewalFailing" || c.message != "Certificate a/b: its renewal fails" {
		t.Errorf("%+v", c)
	}
	c := seen[v1alpha1.ConditionReady]
	if c.status != metav1.ConditionTrue || c.reason != "DataPlaneAbsent" || !strings.HasSuffix(c.message, "; pods run without sidecars; Certificate a/b: its renewal fails") {
		t.Errorf("%+v", c)
	}
	if behind(p.outcomes) != "" {
		t.Error("a warning holds the next stage back")
	}
}

// TestReadySaysWhatEndsAPause, and not what each paused Rollout waits for. What fails comes first.
func TestReadySaysWhatEndsAPause(t *testing.T) {
	waits := outcome{condition: v1alpha1.ConditionWorkloadsReady, verdict: ready.Verdict{State: ready.Progressing, Reason: "Paused", Message: "Rollout a/b is paused"}}
	fails := outcome{condition: v1alpha1.ConditionMeshReady, verdict: ready.Verdict{State: ready.Failed, Reason: "Refused", Message: "a policy is refused"}}
	for reason, outcomes := range map[string][]outcome{"ReleasePaused": {waits}, "Refused": {waits, fails}} {
		p := passAt(outcomes...)
		release := &p.decision.Status
		release.Phase, release.Target.Version, release.Paused = v1alpha1.PhaseProgressing, "v2.0.0", new(true)
		var of []condition
		for _, part := range parts {
			of = append(of, conditionFrom(part, p.worst(part)))
		}
		if c := p.ready(of); c.status != metav1.ConditionFalse || c.reason != reason {
			t.Errorf("want %s: %+v", reason, c)
		}
	}
}

func TestAWarningIsToldOnce(t *testing.T) {
	warns := condition{name: v1alpha1.ConditionCertificatesReady, status: metav1.ConditionTrue, reason: "RenewalFailing", warning: true}
	if !worthTelling(&metav1.Condition{Status: metav1.ConditionTrue, Reason: "Ready"}, warns) {
		t.Error("no event tells that the renewal fails")
	}
	if worthTelling(&metav1.Condition{Status: metav1.ConditionTrue, Reason: "RenewalFailing"}, warns) {
		t.Error("an event tells again that the renewal fails")
	}
}

func TestNobodyIsServedWithAnExpiredCertificate(t *testing.T) {
	for until, want := range map[time.Time]bool{noon.Add(time.Second): false, noon: true, noon.Add(-time.Hour): true} {
		p := passAt(certificateAt(ready.Ready, "Issued", "", until))
		if said := p.certificateProblem(); strings.Contains(said, "the certificate of the hosts has expired") != want {
			t.Errorf("valid until %v: %q", until, said)
		}
		if c := p.available(); c.status != metav1.ConditionFalse {
			t.Errorf("nothing runs, and Available is %s", c.status)
		}
	}
}

func TestThePassLooksAgainWhenACertificateExpires(t *testing.T) {
	p := passAt(certificateAt(ready.Ready, "Issued", "", noon.Add(3*time.Minute)))
	got, err := p.result(t.Context(), nil)
	if err != nil || got.RequeueAfter != 3*time.Minute {
		t.Errorf("%v, %v", got, err)
	}
	p = passAt(certificateAt(ready.Failed, "Expired", "", noon.Add(-time.Minute)))
	if got, err := p.result(t.Context(), nil); err != nil || got.RequeueAfter < time.Minute {
		t.Errorf("a time that has passed makes a loop: %v, %v", got, err)
	}
}

// TestADatabaseThatWaitsForAWindowIsSaid unless a release is under way, which is more urgent.
func TestADatabaseThatWaitsForAWindowIsSaid(t *testing.T) {
	for phase, want := range map[v1alpha1.ReleasePhase]string{v1alpha1.PhaseComplete: "WindowClosed", v1alpha1.PhaseProgressing: reasonReleaseInProgress} {
		p := passAt()
		p.decision.Status.Phase = phase
		p.databaseHeld = &promote.Decision{Reason: promote.ReasonWindowClosed, Message: "it waits"}
		if verdict := p.releaseVerdict(); verdict.Reason != want || verdict.State != ready.Progressing {
			t.Errorf("%s: %+v, want %s", phase, verdict, want)
		}
	}
}

// TestASourceThatIsNotLookedAtIsSaid: a spec may name one for a database that has long begun.
func TestASourceThatIsNotLookedAtIsSaid(t *testing.T) {
	const ignored = "spec.database.dataSource is not looked at any more"
	p := passAt()
	if said := p.worst(v1alpha1.ConditionDatabaseReady).Message; strings.Contains(said, "dataSource") {
		t.Errorf("no source is asked for: %q", said)
	}
	p.platform.Spec.Database.DataSource = &v1alpha1.DataSource{PostgresCluster: &v1alpha1.PostgresClusterSource{}}
	if said := p.worst(v1alpha1.ConditionDatabaseReady).Message; !strings.Contains(said, ignored) {
		t.Errorf("%q, want %q", said, ignored)
	}
}

func TestBackupsThatFailAreAWarning(t *testing.T) {
	p := passAt()
	if c := p.backupsFailing(); c != nil {
		t.Errorf("nothing is known yet: %+v", c)
	}
	p.cluster = &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"backups": map[string]any{"pgbackrest": map[string]any{"repos": []any{map[string]any{"name": "repo1", "schedules": map[string]any{"full": "0 1 * * 0"}}}}}},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "PGBackRestReplicaCreate", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}}},
	}}
	all := p.backupsFailing()
	if len(all) != 1 || all[0].status != metav1.ConditionTrue || all[0].reason != "BackupOverdue" {
		t.Fatalf("%+v", all)
	}
	if r := p.ready(nil, all...); r.status != metav1.ConditionTrue || r.reason != "BackupOverdue" || !strings.HasSuffix(r.message, all[0].message) {
		t.Errorf("%+v", r)
	}
}
