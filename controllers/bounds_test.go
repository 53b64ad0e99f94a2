package controllers

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
)

// novel is a message of a peer, of 5,000 characters of two bytes each.
var novel = strings.Repeat("ä", 5000)

// swamped is a pass in which everything that peers have a say in says a novel.
func swamped() (*pass, *events.FakeRecorder) {
	var outcomes []outcome
	for i, part := range parts {
		for _, who := range []string{"a: ", "b: ", "c: "} { // the messages of one condition are joined
			outcomes = append(outcomes, outcome{condition: part, verdict: ready.Verdict{State: []ready.State{ready.Failed, ready.Warning}[i%2], Reason: "Talks", Message: who + novel}})
		}
	}
	rollout := &unstructured.Unstructured{Object: map[string]any{"kind": "Rollout", "metadata": map[string]any{"name": "blog-user"}}}
	outcomes = append(outcomes, outcome{condition: v1alpha1.ConditionWorkloadsReady, child: plan.Child{Object: rollout}, verdict: ready.Verdict{State: ready.Failed, Message: novel}})
	p := passAt(outcomes...)
	recorder := events.NewFakeRecorder(100)
	p.recorder = recorder
	p.identity = &condition{name: v1alpha1.ConditionIdentityReady, status: metav1.ConditionFalse, reason: "Talks", message: novel, failed: true}
	p.platform.Spec.Environment = v1alpha1.Staging
	p.decision.Status = v1alpha1.ReleaseStatus{Phase: v1alpha1.PhaseAborting, Current: v1alpha1.ReleaseIdentity{Version: "v1"}, Target: v1alpha1.ReleaseIdentity{Version: "v2", Digest: "of-v2"},
		Failures: []v1alpha1.ReleaseFailure{{Version: "v2", Digest: "of-v2", Message: novel}}, Request: v1alpha1.RequestStatus{Value: "abort v2", Answer: v1alpha1.RequestRefused, Message: novel}}
	p.services = map[naming.Service]release.Service{naming.User: {Cause: novel}}
	return p, recorder
}

// TestWhatPeersSayFitsIntoConditionsAndEvents, since the API server would refuse
// the whole status, or the event, for one message that is too long.
func TestWhatPeersSayFitsIntoConditionsAndEvents(t *testing.T) {
	p, recorder := swamped()
	now := p.conditions()
	p.platform.Status.Conditions = p.merge(nil, now)
	p.reportParts(&p.platform.Status)
	p.events(nil, now)
	p.releaseEvents(v1alpha1.ReleaseStatus{}, p.decision.Status)
	if n := len(p.platform.Status.Conditions); n < len(parts)+3 {
		t.Fatalf("%d conditions", n)
	}
	long := 0
	for _, c := range p.platform.Status.Conditions {
		if len(c.Message) > maxCondition {
			t.Errorf("%s has %d bytes", c.Type, len(c.Message))
		}
		if strings.HasSuffix(c.Message, "ä…") {
			long++
		}
	}
	if long < len(parts) {
		t.Errorf("%d conditions are cut short", long)
	}
	if len(p.platform.Status.Services) != 1 {
		t.Errorf("services: %+v", p.platform.Status.Services)
	}
	for _, service := range p.platform.Status.Services {
		if n := len([]rune(service.Message)); n == 0 || n > 512 {
			t.Errorf("the message of service %s has %d characters", service.Name, n)
		}
	}
	close(recorder.Events)
	recorded := 0
	for event := range recorder.Events { // type, reason and note
		recorded++
		if _, note, _ := strings.Cut(event, " "); len(note) > maxNote+len("PromotionOverridden ") {
			t.Errorf("an event has %d bytes: %.60s", len(note), event)
		}
	}
	if recorded < 3 {
		t.Errorf("%d events", recorded)
	}
}

// TestReadyFitsWhileAReleaseIsTakenBack: it is written ahead of the rest of the status.
func TestReadyFitsWhileAReleaseIsTakenBack(t *testing.T) {
	p, _ := swamped()
	p.platform.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Verified"}}
	p.releaseInReady()
	for _, c := range p.platform.Status.Conditions {
		if c.Reason != reasonReleaseAborting || len(c.Message) > maxCondition || !strings.HasSuffix(c.Message, "…") {
			t.Errorf("%s: %s, %d bytes", c.Type, c.Reason, len(c.Message))
		}
	}
}

// TestATextThatFitsIsLeftAlone, and of another no character is torn apart.
func TestATextThatFitsIsLeftAlone(t *testing.T) {
	for text, want := range map[string]string{"äää": "äää", "ääää": "ä…", "aäää": "aä…", "": ""} {
		if got := fitting(6, text); got != want || len(got) > 6 {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
