package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
	"blogplatform.io/operator/internal/stage"
)

var noon = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

// inputAt is a platform at noon whose release is complete, and of which nothing was
// seen but these outcomes.
func inputAt(outcomes ...stage.Outcome) Input {
	platform := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: "g11-stg", Name: "blog", Generation: 3}}
	platform.Spec.Environment = v1alpha1.Staging
	platform.Spec.Hosts = []string{"blog.example.com"}
	in := Input{Now: noon, Platform: platform, Result: stage.Result{Outcomes: outcomes}}
	in.Status.Release = v1alpha1.ReleaseStatus{Phase: v1alpha1.PhaseComplete, Current: v1alpha1.ReleaseIdentity{Version: "v1", Digest: "of-v1"}, Target: v1alpha1.ReleaseIdentity{Version: "v1", Digest: "of-v1"}}
	in.Course.Release = release.Decision{Status: in.Status.Release, DataOnTarget: true, FrontendOnTarget: true}
	in.Course.Target = setOf("v1")
	in.Course.Good = &in.Course.Target
	in.Course.Gate = promote.Decision{Allowed: true, Reason: promote.ReasonAllowed, Message: "release v1 may run on this platform"}
	return in
}

func setOf(version string) plan.Set {
	return plan.Set{Digest: "of-" + version, Release: v1alpha1.Release{Version: version}}
}

// object of a kind with a status.
func object(kind, name string, status map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"kind": kind, "metadata": map[string]any{"namespace": "g11-stg", "name": name}, "status": status}}
}

// outcomeOf a child.
func outcomeOf(condition string, live *unstructured.Unstructured, state ready.State, reason, text string) stage.Outcome {
	return stage.Outcome{Condition: condition, Gates: true, Child: plan.Child{Object: live}, Live: live, Verdict: ready.Verdict{State: state, Reason: reason, Message: text}}
}

// certificate with a verdict on it, and until when it is valid.
func certificate(state ready.State, reason, text string, until time.Time) stage.Outcome {
	return outcomeOf(v1alpha1.ConditionCertificatesReady, object("Certificate", "blog", map[string]any{"notAfter": until.Format(time.RFC3339)}), state, reason, text)
}

// serving adds what is seen of a platform that serves users.
func serving(in Input) Input {
	in.State.Rollouts = map[string]*unstructured.Unstructured{}
	in.State.Services = map[naming.Service]release.Service{}
	for _, service := range naming.Services {
		rollout := object("Rollout", "blog-"+string(service), map[string]any{"availableReplicas": int64(1), "readyReplicas": int64(1)})
		rollout.Object["spec"] = map[string]any{"replicas": int64(1)}
		in.State.Rollouts[rollout.GetName()] = rollout
		in.State.Services[service] = release.Service{Set: "of-v1", Stands: true, Healthy: true}
		in.Result.Outcomes = append(in.Result.Outcomes, outcomeOf(v1alpha1.ConditionWorkloadsReady, rollout, ready.Ready, "Available", ""))
	}
	in.State.Database = object("PostgresCluster", "blog-db", map[string]any{"instances": []any{map[string]any{"readyReplicas": int64(1)}}})
	in.State.Database.Object["spec"] = map[string]any{"instances": []any{map[string]any{"replicas": int64(1)}}}
	in.Result.Outcomes = append(in.Result.Outcomes, certificate(ready.Ready, "Issued", "", noon.Add(24*time.Hour)))
	return in
}

// conditionOf a report.
func conditionOf(t *testing.T, in Input, name string) metav1.Condition {
	t.Helper()
	for _, c := range Of(in).Status.Conditions {
		if c.Type == name {
			return c
		}
	}
	return metav1.Condition{}
}

// TestAWarningStaysVisibleWhileReadyIsTrue in the condition of the part, and in Ready.
func TestAWarningStaysVisibleWhileReadyIsTrue(t *testing.T) {
	in := inputAt(certificate(ready.Warning, "RenewalFailing", "Certificate a/b: its renewal fails", noon.Add(time.Hour)),
		stage.Outcome{Condition: v1alpha1.ConditionMeshReady, Verdict: ready.Verdict{State: ready.Warning, Reason: "DataPlaneAbsent", Message: "pods run without sidecars"}})
	if c := conditionOf(t, in, v1alpha1.ConditionCertificatesReady); c.Status != metav1.ConditionTrue || c.Reason != "RenewalFailing" || c.Message != "Certificate a/b: its renewal fails" {
		t.Errorf("%+v", c)
	}
	c := conditionOf(t, in, v1alpha1.ConditionReady)
	if c.Status != metav1.ConditionTrue || c.Reason != "DataPlaneAbsent" || !strings.HasSuffix(c.Message, "; pods run without sidecars; Certificate a/b: its renewal fails") {
		t.Errorf("%+v", c)
	}
}

func TestReadyNamesWhatFailedBeforeWhatIsOnlyNotReadyYet(t *testing.T) {
	mesh := func(state ready.State, reason string) stage.Outcome {
		return stage.Outcome{Condition: v1alpha1.ConditionMeshReady, Verdict: ready.Verdict{State: state, Reason: reason, Message: reason}}
	}
	database := func(state ready.State, reason string) stage.Outcome {
		return stage.Outcome{Condition: v1alpha1.ConditionDatabaseReady, Verdict: ready.Verdict{State: state, Reason: reason, Message: reason}}
	}
	for name, c := range map[string]struct {
		outcomes []stage.Outcome
		want     string
	}{
		"a failure":                           {[]stage.Outcome{mesh(ready.Progressing, "NotCreated"), database(ready.Failed, "VolumePending")}, "VolumePending"},
		"progress before what waits for it":   {[]stage.Outcome{mesh(ready.Progressing, stage.ReasonWaiting), database(ready.Progressing, "FirstBackup")}, "FirstBackup"},
		"what waits if there is nothing else": {[]stage.Outcome{mesh(ready.Progressing, stage.ReasonWaiting)}, stage.ReasonWaiting},
		"the worst of one condition":          {[]stage.Outcome{mesh(ready.Progressing, "NotCreated"), mesh(ready.Unknown, "NotChecked")}, "NotChecked"},
		"nothing":                             {nil, ReasonVerified},
	} {
		t.Run(name, func(t *testing.T) {
			if got := conditionOf(t, inputAt(c.outcomes...), v1alpha1.ConditionReady); got.Reason != c.want {
				t.Errorf("Ready is %s: %s, want %s", got.Reason, got.Message, c.want)
			}
		})
	}
}

// TestReadySaysWhatEndsAPause, and not what each paused Rollout waits for. What failed comes first.
func TestReadySaysWhatEndsAPause(t *testing.T) {
	waits := stage.Outcome{Condition: v1alpha1.ConditionWorkloadsReady, Verdict: ready.Verdict{State: ready.Progressing, Reason: "Paused", Message: "Rollout a/b is paused"}}
	fails := stage.Outcome{Condition: v1alpha1.ConditionMeshReady, Verdict: ready.Verdict{State: ready.Failed, Reason: "Refused", Message: "a policy is refused"}}
	for reason, outcomes := range map[string][]stage.Outcome{ReasonReleasePaused: {waits}, "Refused": {waits, fails}} {
		in := serving(inputAt(outcomes...))
		status := &in.Course.Release.Status
		status.Phase, status.Target.Version, status.Paused = v1alpha1.PhaseProgressing, "v2", new(true)
		if c := conditionOf(t, in, v1alpha1.ConditionReady); c.Status != metav1.ConditionFalse || c.Reason != reason {
			t.Errorf("want %s: %+v", reason, c)
		}
	}
}

func TestUsersAreServedOnlyIfEveryLinkOfTheChainIsThere(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Input)
		says   string
	}{
		"everything is there":         {func(*Input) {}, ""},
		"a service has no pod":        {func(in *Input) { delete(in.State.Rollouts, "blog-user") }, "no pod of blog-user is available"},
		"the database is away":        {func(in *Input) { in.State.Database = nil }, "no instance of blog-db is ready"},
		"there is no certificate":     {func(in *Input) { in.Result.Outcomes = nil }, "no certificate was issued yet"},
		"the certificate expires":     {func(in *Input) { in.Now = noon.Add(24 * time.Hour) }, "the certificate of the hosts has expired"},
		"it is valid a little longer": {func(in *Input) { in.Now = noon.Add(24*time.Hour - time.Second) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := serving(inputAt())
			c.change(&in)
			got := conditionOf(t, in, v1alpha1.ConditionAvailable)
			if (got.Status == metav1.ConditionTrue) != (c.says == "") || !strings.Contains(got.Message, c.says) {
				t.Errorf("%s: %s, want %q", got.Status, got.Message, c.says)
			}
		})
	}
}

// TestAStalledPlatformIsAvailableWithTheCertificateItHad, because nothing is applied then.
func TestAStalledPlatformIsAvailableWithTheCertificateItHad(t *testing.T) {
	in := serving(inputAt())
	in.Result.Outcomes, in.Course.Problem = nil, &plan.Problem{Reason: "HostConflict", Message: "taken"}
	in.Status.Certificate.NotAfter = &metav1.Time{Time: noon.Add(time.Hour)}
	if c := conditionOf(t, in, v1alpha1.ConditionAvailable); c.Status != metav1.ConditionTrue {
		t.Errorf("%+v", c)
	}
	if c := conditionOf(t, in, v1alpha1.ConditionStalled); c.Reason != "HostConflict" {
		t.Errorf("%+v", c)
	}
}

// TestAGateThatRefusesTheFirstReleaseStallsOnlyIfAPersonHasToAct.
func TestAGateThatRefusesTheFirstReleaseStallsOnlyIfAPersonHasToAct(t *testing.T) {
	for reason, want := range map[string]string{promote.ReasonStagingNotFound: v1alpha1.ConditionStalled, promote.ReasonSoaking: v1alpha1.ConditionReconciling} {
		in := inputAt()
		in.Platform.Spec.Environment, in.Platform.Spec.Promotion.From.Name = v1alpha1.Production, "staging"
		in.Course.Gate = promote.Decision{Reason: reason, Message: "no"}
		in.Course.Problem = &plan.Problem{Reason: reason, Message: "no"}
		if c := conditionOf(t, in, want); c.Status != metav1.ConditionTrue || c.Reason != reason {
			t.Errorf("%s: %+v", want, c)
		}
		if c := conditionOf(t, in, v1alpha1.ConditionPromotionAllowed); c.Status != metav1.ConditionFalse || c.Reason != reason {
			t.Errorf("%+v", c)
		}
	}
}

// TestADatabaseThatWaitsForAWindowIsReported unless a release is under way, which is more urgent.
func TestADatabaseThatWaitsForAWindowIsReported(t *testing.T) {
	for phase, want := range map[v1alpha1.ReleasePhase]string{v1alpha1.PhaseComplete: "WindowClosed", v1alpha1.PhaseProgressing: ReasonReleaseInProgress} {
		in := inputAt()
		in.Course.Release.Status.Phase = phase
		in.Course.DatabaseWaits = &promote.Decision{Reason: promote.ReasonWindowClosed, Message: "it waits"}
		if c := conditionOf(t, in, v1alpha1.ConditionReady); c.Reason != want || c.Status != metav1.ConditionFalse {
			t.Errorf("%s: %+v, want %s", phase, c, want)
		}
	}
}

// TestADataSourceThatIsIgnoredIsReported: a spec may name one for a database that exists.
func TestADataSourceThatIsIgnoredIsReported(t *testing.T) {
	const ignored = "spec.database.dataSource is not looked at any more"
	in := inputAt()
	if c := conditionOf(t, in, v1alpha1.ConditionDatabaseReady); strings.Contains(c.Message, "dataSource") {
		t.Errorf("no source is asked for: %q", c.Message)
	}
	in.Platform.Spec.Database.DataSource = &v1alpha1.DataSource{PostgresCluster: &v1alpha1.PostgresClusterSource{}}
	if c := conditionOf(t, in, v1alpha1.ConditionDatabaseReady); !strings.Contains(c.Message, ignored) {
		t.Errorf("%q, want %q", c.Message, ignored)
	}
}

func TestBackupsThatFailAreAWarning(t *testing.T) {
	in := inputAt()
	if c := conditionOf(t, in, v1alpha1.ConditionBackupsFailing); c.Type != "" {
		t.Errorf("nothing is known yet: %+v", c)
	}
	in.State.Database = &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"backups": map[string]any{"pgbackrest": map[string]any{"repos": []any{map[string]any{"name": "repo1", "schedules": map[string]any{"full": "0 1 * * 0"}}}}}},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "PGBackRestReplicaCreate", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}}},
	}}
	backups := conditionOf(t, in, v1alpha1.ConditionBackupsFailing)
	if backups.Status != metav1.ConditionTrue || backups.Reason != "BackupOverdue" {
		t.Fatalf("%+v", backups)
	}
	if c := conditionOf(t, in, v1alpha1.ConditionReady); c.Status != metav1.ConditionTrue || c.Reason != "BackupOverdue" || !strings.HasSuffix(c.Message, backups.Message) {
		t.Errorf("%+v", c)
	}
}

func TestAnIdentityProviderIsReported(t *testing.T) {
	const where = "discovery at https://id.example.com"
	answered := metav1.Condition{Type: v1alpha1.ConditionIdentityReady, Status: metav1.ConditionTrue, Reason: ReasonDiscovered, Message: where + " answers"}
	for name, c := range map[string]struct {
		provider observed.Provider
		before   []metav1.Condition
		status   metav1.ConditionStatus
		reason   string
		poll     bool
	}{
		"it was never asked":                {observed.Provider{}, nil, metav1.ConditionUnknown, ReasonDiscovering, false},
		"it is asked again after a restart": {observed.Provider{}, []metav1.Condition{answered}, metav1.ConditionTrue, ReasonDiscovered, false},
		"it answers":                        {observed.Provider{Known: true}, nil, metav1.ConditionTrue, ReasonDiscovered, false},
		"it does not":                       {observed.Provider{Known: true, Problem: errors.New("no such name")}, []metav1.Condition{answered}, metav1.ConditionFalse, ReasonNotDiscovered, true},
		"it may not be asked":               {observed.Provider{Known: true, Problem: errors.New("private"), NotAllowed: true}, nil, metav1.ConditionUnknown, ReasonAddressNotAllowed, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := inputAt()
			in.Platform.Spec.Identity = &v1alpha1.Identity{Issuer: "https://id.example.com"}
			in.State.Provider, in.Before.Conditions = &c.provider, c.before
			if got := conditionOf(t, in, v1alpha1.ConditionIdentityReady); got.Status != c.status || got.Reason != c.reason {
				t.Errorf("%+v", got)
			}
			if poll := Of(in).Poll; poll != c.poll {
				t.Errorf("poll is %v", poll)
			}
		})
	}
	if c := conditionOf(t, inputAt(), v1alpha1.ConditionIdentityReady); c.Type != "" {
		t.Errorf("no provider is configured: %+v", c)
	}
}

func TestTheReportSaysWhenToLookAgain(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	for name, c := range map[string]struct {
		change func(*Input)
		want   time.Time
	}{
		"nothing is expected":   {func(*Input) {}, time.Time{}},
		"a certificate expires": {func(in *Input) { in.Result.Outcomes = []stage.Outcome{certificate(ready.Ready, "Issued", "", at(3))} }, at(3)},
		"a certificate has expired": {func(in *Input) {
			in.Result.Outcomes = []stage.Outcome{certificate(ready.Failed, "Expired", "", at(-1))}
		}, time.Time{}},
		"a deadline passes": {func(in *Input) { in.Course.Release.Due = at(2) }, at(2)},
		"the gate opens before it does": {func(in *Input) {
			in.Course.Release.Due, in.Course.Release.Status.NextCheckTime = at(2), &metav1.Time{Time: at(1)}
		}, at(1)},
		"the gate opens only afterwards": {func(in *Input) {
			in.Course.Release.Due, in.Course.Release.Status.NextCheckTime = at(2), &metav1.Time{Time: at(5)}
		}, at(2)},
	} {
		t.Run(name, func(t *testing.T) {
			in := inputAt()
			c.change(&in)
			if got := Of(in).Next; !got.Equal(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	in := inputAt()
	for phase, poll := range map[v1alpha1.ReleasePhase]bool{v1alpha1.PhaseComplete: false, v1alpha1.PhaseAborted: false, v1alpha1.PhaseProgressing: true, v1alpha1.PhaseAborting: true} {
		if in.Course.Release.Status.Phase = phase; Of(in).Poll != poll {
			t.Errorf("%s: poll is %v", phase, !poll)
		}
	}
}

// TestAPlatformThatCannotBeReadIsNotReportedReady: the operator lacks a right, for
// instance after an upgrade before its roles.
func TestAPlatformThatCannotBeReadIsNotReportedReady(t *testing.T) {
	before := Of(serving(inputAt())).Status
	before.ObservedGeneration = 2
	in := inputAt()
	in.Status, in.Err = before, errors.New("list Rollouts: connection refused")
	if got := Of(in); got.Status.Conditions[0] != before.Conditions[0] || len(got.Events) > 0 {
		t.Errorf("a single error changes the status: %+v", got)
	}
	in.Persists = true
	got := Of(in).Status
	if c := got.Conditions[0]; c.Type != v1alpha1.ConditionReady || c.Status != metav1.ConditionUnknown || c.Reason != ReasonObservationFailed || !strings.Contains(c.Message, "cannot be reached") || c.ObservedGeneration != 2 {
		t.Errorf("%+v", c)
	}
	if available := conditionOf(t, in, v1alpha1.ConditionAvailable); available.Status != metav1.ConditionTrue {
		t.Errorf("it was available when it was seen last: %+v", available)
	}
	in.Status, in.Now = got, noon.Add(time.Minute)
	if again := Of(in).Status; again.Conditions[0] != got.Conditions[0] {
		t.Error("the same error changes the status again")
	}
	in.Status.Conditions = nil
	if c := conditionOf(t, in, v1alpha1.ConditionDatabaseReady); c.Status != metav1.ConditionUnknown || c.Reason != ReasonNotObserved {
		t.Errorf("nothing was ever seen: %+v", c)
	}
}

func TestStagingSoaksOnlyWhileItServesUsers(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(*Input)
		interrupted string
	}{
		"it serves":       {func(*Input) {}, ""},
		"it does not":     {func(in *Input) { in.State.Database = nil }, "no instance of blog-db"},
		"it is suspended": {func(in *Input) { in.Platform.Spec.Suspend = new(true) }, "spec.suspend is true"},
		"it is stalled":   {func(in *Input) { in.Course.Problem = &plan.Problem{Reason: "HostConflict"}; in.State.Database = nil }, "no instance of blog-db"},
	} {
		t.Run(name, func(t *testing.T) {
			in := serving(inputAt())
			in.Status.History = []v1alpha1.ReleaseRecord{{Version: "v1", Digest: "of-v1", Outcome: v1alpha1.OutcomeSucceeded}}
			c.change(&in)
			if got := Of(in).Status.History[0].SoakInterruption; !strings.Contains(got, c.interrupted) || (got == "") != (c.interrupted == "") {
				t.Errorf("interrupted by %q, want %q", got, c.interrupted)
			}
		})
	}
}

// TestReadyAgreesWithTheReleaseThatIsWrittenAhead, unless it reports a part of the platform.
func TestReadyAgreesWithTheReleaseThatIsWrittenAhead(t *testing.T) {
	condition := func(status metav1.ConditionStatus, reason string) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: reason}}
	}
	for name, c := range map[string]struct {
		before []metav1.Condition
		phase  v1alpha1.ReleasePhase
		want   string
	}{
		"nothing was reported yet":              {nil, v1alpha1.PhaseAborting, ""},
		"it was ready":                          {condition(metav1.ConditionTrue, ReasonVerified), v1alpha1.PhaseAborting, ReasonReleaseAborting},
		"a part was reported":                   {condition(metav1.ConditionFalse, "VolumePending"), v1alpha1.PhaseAborting, "VolumePending"},
		"another phase of the release":          {condition(metav1.ConditionFalse, ReasonReleaseInProgress), v1alpha1.PhaseAborting, ReasonReleaseAborting},
		"the release is complete":               {condition(metav1.ConditionFalse, ReasonReleaseInProgress), v1alpha1.PhaseComplete, ReasonReleaseInProgress},
		"nothing of the release is outstanding": {condition(metav1.ConditionTrue, ReasonVerified), v1alpha1.PhaseComplete, ReasonVerified},
	} {
		t.Run(name, func(t *testing.T) {
			in := inputAt()
			in.Course.Release.Status.Phase, in.Status.Conditions = c.phase, c.before
			got := ""
			for _, c := range WriteAhead(in) {
				if c.Type == v1alpha1.ConditionReady {
					got = c.Reason
				}
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
