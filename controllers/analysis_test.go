package controllers

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
)

// counting is an API server that has nothing, and counts how often it is asked.
type counting struct {
	client.Reader
	lists int
}

func (c *counting) List(context.Context, client.ObjectList, ...client.ListOption) error {
	c.lists++
	return nil
}

// TestWhatEndedAnUpdateIsAskedOnce, though the decision that follows cannot be written:
// each reconcile until then would ask again.
func TestWhatEndedAnUpdateIsAskedOnce(t *testing.T) {
	o, server := observerAt(), &counting{}
	o.live, o.platform.UID = server, "a"
	o.platform.Status.Release.Phase, o.platform.Status.Release.Target.Digest, o.platform.Status.Release.Attempt = "Progressing", "of-v2", 3
	rollout := func(uid types.UID) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"kind": "Rollout"}}
		u.SetUID(uid)
		return u
	}
	aborted := release.Service{Set: "of-v2", Trouble: release.Verdict{Outcome: release.Failed, Reason: "AnalysisFailed", Message: "aborted"}}
	other := aborted
	other.Trouble.Message = "aborted again"
	for _, step := range []struct {
		what    string
		service naming.Service
		rollout types.UID
		read    release.Service
		change  func()
		asked   int
	}{
		{"it is asked for", naming.User, "1", aborted, nil, 1},
		{"the next reconcile asks no more", naming.User, "1", aborted, nil, 1},
		{"another service is another update", naming.Content, "2", aborted, nil, 2},
		{"the Rollout says something else", naming.User, "1", other, nil, 3},
		{"it is another Rollout", naming.User, "3", other, nil, 4},
		{"another attempt", naming.User, "3", other, func() { o.platform.Status.Release.Attempt++ }, 5},
		{"the platform was created again", naming.User, "3", other, func() { o.forgetUID("a") }, 6},
		{"a release that is taken back", naming.User, "4", aborted, func() { o.platform.Status.Release.Phase = "Aborting" }, 6},
	} {
		if step.change != nil {
			step.change()
		}
		verdict, err := o.weigh(t.Context(), step.service, rollout(step.rollout), step.read)
		if err != nil || verdict != step.read.Trouble || server.lists != step.asked {
			t.Errorf("%s: %+v, %v, asked %d times, want %d", step.what, verdict, err, server.lists, step.asked)
		}
	}
}

// unscheduled is an API server that has a Job past its deadline, whose pod is gone,
// and the events about pods.
type unscheduled struct{ client.Reader }

func (unscheduled) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}

func (unscheduled) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	var asked client.ListOptions
	asked.ApplyOptions(options)
	if events, ok := list.(*corev1.EventList); ok && asked.FieldSelector.Matches(fields.Set{"involvedObject.kind": "Pod", "reason": ready.ReasonFailedScheduling}) {
		events.Items = []corev1.Event{{
			Reason: ready.ReasonFailedScheduling, InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "load-1-x7f2k"},
			Message: "0/1 nodes are available: 1 Insufficient cpu.",
		}}
	}
	return nil
}

// TestALoadWhosePodFoundNoNodeSaysSo after the Job's deadline, when the pod is gone.
func TestALoadWhosePodFoundNoNodeSaysSo(t *testing.T) {
	o := observerAt()
	o.live = unscheduled{}
	var e release.Evidence
	if err := o.readLoad(t.Context(), "load-1", &e); err != nil || e.Cause != "its pod found no node: 0/1 nodes are available: 1 Insufficient cpu." {
		t.Errorf("%q, %v", e.Cause, err)
	}
}

// TestNothingIsAskedOfAJobThatIsDone, whose pod may be deleted: each reconcile at rest would ask.
func TestNothingIsAskedOfAJobThatIsDone(t *testing.T) {
	for succeeded, asked := range map[int64]int{0: 1, 1: 0} {
		o, server := observerAt(), &counting{}
		o.live = server
		job := jobNamed("g11-stg", "blog-verify")
		job.Object["status"] = map[string]any{"succeeded": succeeded}
		o.state.Jobs, o.state.Refusals = map[string]*unstructured.Unstructured{"blog-verify": job}, map[types.UID]string{}
		if err := o.refusals(t.Context()); err != nil || server.lists != asked {
			t.Errorf("%d pods have succeeded: %v, asked %d times", succeeded, err, server.lists)
		}
	}
}
