package report

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
	"blogplatform.io/operator/internal/stage"
)

// TestAnEventReportsATransitionOnce.
func TestAnEventReportsATransitionOnce(t *testing.T) {
	is := func(status metav1.ConditionStatus, reason string) *metav1.Condition {
		return &metav1.Condition{Status: status, Reason: reason}
	}
	of := func(name string, status metav1.ConditionStatus, reason string) condition {
		return condition{name: name, status: status, reason: reason}
	}
	failing := of(v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "VolumePending")
	failing.failed = true
	warning := of(v1alpha1.ConditionCertificatesReady, metav1.ConditionTrue, "RenewalFailing")
	warning.warning = true
	for name, c := range map[string]struct {
		before *metav1.Condition
		now    condition
		want   bool
	}{
		"a part becomes ready":             {is(metav1.ConditionFalse, "FirstBackup"), of(v1alpha1.ConditionDatabaseReady, metav1.ConditionTrue, ReasonReady), true},
		"it stays ready":                   {is(metav1.ConditionTrue, ReasonReady), of(v1alpha1.ConditionDatabaseReady, metav1.ConditionTrue, ReasonReady), false},
		"a part fails":                     {is(metav1.ConditionFalse, "FirstBackup"), failing, true},
		"it fails for the same reason":     {is(metav1.ConditionFalse, "VolumePending"), failing, false},
		"a part warns":                     {is(metav1.ConditionTrue, ReasonReady), warning, true},
		"it warns again":                   {is(metav1.ConditionTrue, "RenewalFailing"), warning, false},
		"a part waits for another":         {is(metav1.ConditionTrue, ReasonReady), of(v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, stage.ReasonWaiting), false},
		"progress":                         {nil, of(v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "FirstBackup"), false},
		"reconciling":                      {nil, of(v1alpha1.ConditionReconciling, metav1.ConditionTrue, "FirstBackup"), false},
		"a new platform is not ready yet":  {nil, of(v1alpha1.ConditionReady, metav1.ConditionFalse, "FirstBackup"), false},
		"a platform is ready":              {is(metav1.ConditionFalse, "FirstBackup"), of(v1alpha1.ConditionReady, metav1.ConditionTrue, ReasonVerified), true},
		"the parts of one that is deleted": {is(metav1.ConditionTrue, ReasonReady), of(v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, ReasonDeleting), false},
	} {
		if got := isEvent(c.before, c.now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheEndOfAConditionIsAnEvent(t *testing.T) {
	in := inputAt()
	in.Before.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionSuspended, Status: metav1.ConditionTrue}}
	for _, event := range Of(in).Events {
		if event.Action == v1alpha1.ConditionSuspended && event.Reason == "Resumed" {
			return
		}
	}
	t.Errorf("%+v", Of(in).Events)
}

func TestTheAnswerToARequestIsAnEvent(t *testing.T) {
	honored := v1alpha1.ReleaseStatus{Request: v1alpha1.RequestStatus{Value: "abort v2", Answer: v1alpha1.RequestHonored}}
	denied := v1alpha1.ReleaseStatus{Request: v1alpha1.RequestStatus{Value: "dance v2", Answer: v1alpha1.RequestRefused, Message: "no such request"}}
	for name, c := range map[string]struct {
		before, after v1alpha1.ReleaseStatus
		want          string
	}{
		"it is honored":          {v1alpha1.ReleaseStatus{}, honored, `Normal RequestHonored: request "abort v2": honored`},
		"it is refused":          {honored, denied, `Warning RequestRefused: request "dance v2": no such request`},
		"it was answered before": {denied, denied, ""},
		"it is removed":          {denied, v1alpha1.ReleaseStatus{}, ""},
	} {
		got := ""
		for _, e := range releaseEvents(c.before, c.after) {
			got += e.Type + " " + e.Reason + ": " + e.Note
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// gateStatus is a status in which the gate has answered.
func gateStatus(status metav1.ConditionStatus, reason string) v1alpha1.BlogPlatformStatus {
	return v1alpha1.BlogPlatformStatus{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionPromotionAllowed, Status: status, Reason: reason}}}
}

// failedStatus is a status whose target has failed so many times.
func failedStatus(reason string, count int32) v1alpha1.BlogPlatformStatus {
	return v1alpha1.BlogPlatformStatus{Release: v1alpha1.ReleaseStatus{
		Target:   v1alpha1.ReleaseIdentity{Digest: "new"},
		Failures: []v1alpha1.ReleaseFailure{{Digest: "new", Reason: reason, Count: count}, {Digest: "old", Reason: "VerifyFailed", Count: 1}},
	}}
}

// TestADecisionIsReportedOnce, however often a reconcile finds it again.
func TestADecisionIsReportedOnce(t *testing.T) {
	var nothing v1alpha1.BlogPlatformStatus
	for name, c := range map[string]struct {
		before, after    v1alpha1.BlogPlatformStatus
		aborted, refused string
	}{
		"a release fails":                       {nothing, failedStatus("AnalysisFailed", 1), "AnalysisFailed", ""},
		"it has failed before":                  {failedStatus("AnalysisFailed", 1), failedStatus("AnalysisFailed", 1), "", ""},
		"it is tried again, and fails again":    {failedStatus("AnalysisFailed", 1), failedStatus("AnalysisFailed", 2), "AnalysisFailed", ""},
		"it is tried again":                     {failedStatus("AnalysisFailed", 1), nothing, "", ""},
		"the gate refuses":                      {nothing, gateStatus(metav1.ConditionFalse, "Soaking"), "", "Soaking"},
		"it refuses as before":                  {gateStatus(metav1.ConditionFalse, "Soaking"), gateStatus(metav1.ConditionFalse, "Soaking"), "", ""},
		"it refuses for another reason":         {gateStatus(metav1.ConditionFalse, "Soaking"), gateStatus(metav1.ConditionFalse, "WindowClosed"), "", "WindowClosed"},
		"it opens":                              {gateStatus(metav1.ConditionFalse, "Soaking"), gateStatus(metav1.ConditionTrue, "Allowed"), "", ""},
		"a platform that is deleted is refused": {nothing, gateStatus(metav1.ConditionFalse, ReasonDeleting), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := aborted(c.before.Release, c.after.Release); got != c.aborted {
				t.Errorf("aborted for %q, want %q", got, c.aborted)
			}
			if got := refused(c.before.Conditions, c.after.Conditions); got != c.refused {
				t.Errorf("refused for %q, want %q", got, c.refused)
			}
		})
	}
}

// novel is a message of somebody else, of 5,000 characters of two bytes each.
var novel = strings.Repeat("ä", 5000)

// wordy is a platform about which everybody else writes a novel.
func wordy() Input {
	var outcomes []stage.Outcome
	for i, part := range parts {
		for _, who := range []string{"a: ", "b: ", "c: "} { // the messages of one condition are joined
			outcomes = append(outcomes, stage.Outcome{Condition: part, Verdict: ready.Verdict{State: []ready.State{ready.Failed, ready.Warning}[i%2], Reason: "Talks", Message: who + novel}})
		}
	}
	outcomes = append(outcomes, outcomeOf(v1alpha1.ConditionWorkloadsReady, &unstructured.Unstructured{Object: map[string]any{"kind": "Rollout", "metadata": map[string]any{"name": "blog-user"}}}, ready.Failed, "Talks", novel))
	in := inputAt(outcomes...)
	in.Platform.Spec.Identity = &v1alpha1.Identity{Issuer: "https://id.example.com"}
	in.State.Provider = &observed.Provider{Known: true, Problem: errorOf(novel)}
	in.Status.Release = v1alpha1.ReleaseStatus{Phase: v1alpha1.PhaseAborting, Current: v1alpha1.ReleaseIdentity{Version: "v1"}, Target: v1alpha1.ReleaseIdentity{Version: "v2", Digest: "of-v2"},
		Failures: []v1alpha1.ReleaseFailure{{Version: "v2", Digest: "of-v2", Message: novel}}, Request: v1alpha1.RequestStatus{Value: "abort v2", Answer: v1alpha1.RequestRefused, Message: novel}}
	in.Course.Release.Status = in.Status.Release
	in.State.Services = map[naming.Service]release.Service{naming.User: {Cause: novel}}
	return in
}

type errorOf string

func (e errorOf) Error() string { return string(e) }

// TestWhatOthersWriteFitsIntoConditionsAndEvents, since the API server would refuse
// the whole status, or the event, for one message that is too long.
func TestWhatOthersWriteFitsIntoConditionsAndEvents(t *testing.T) {
	got, long := Of(wordy()), 0
	if n := len(got.Status.Conditions); n < len(parts)+3 {
		t.Fatalf("%d conditions", n)
	}
	for _, c := range got.Status.Conditions {
		if len(c.Message) > message.MaxCondition {
			t.Errorf("%s has %d bytes", c.Type, len(c.Message))
		}
		if strings.HasSuffix(c.Message, "ä…") {
			long++
		}
	}
	if long < len(parts) {
		t.Errorf("%d conditions are cut", long)
	}
	if n := len([]rune(got.Status.Services[0].Message)); n == 0 || n > 512 {
		t.Errorf("the message of service %s has %d characters", got.Status.Services[0].Name, n)
	}
	if len(got.Events) < 3 {
		t.Errorf("%d events", len(got.Events))
	}
	for _, event := range got.Events {
		if len(event.Note) > message.MaxNote {
			t.Errorf("an event has %d bytes: %.60s", len(event.Note), event.Note)
		}
	}
}

// TestReadyFitsIntoTheStatusThatIsWrittenAhead.
func TestReadyFitsIntoTheStatusThatIsWrittenAhead(t *testing.T) {
	in := wordy()
	in.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: ReasonVerified}}
	for _, c := range WriteAhead(in) {
		if c.Reason != ReasonReleaseAborting || len(c.Message) > message.MaxCondition || !strings.HasSuffix(c.Message, "…") {
			t.Errorf("%s: %s, %d bytes", c.Type, c.Reason, len(c.Message))
		}
	}
}
