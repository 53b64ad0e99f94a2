package controllers

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/internal/naming"
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
// each pass until then would ask again.
func TestWhatEndedAnUpdateIsAskedOnce(t *testing.T) {
	p, server := passAt(), &counting{}
	p.live, p.platform.UID = server, "a"
	p.platform.Status.Release.Phase, p.platform.Status.Release.Target.Digest, p.platform.Status.Release.Attempt = "Progressing", "of-v2", 3
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
		{"the next pass asks no more", naming.User, "1", aborted, nil, 1},
		{"another service is another update", naming.Content, "2", aborted, nil, 2},
		{"the Rollout says something else", naming.User, "1", other, nil, 3},
		{"it is another Rollout", naming.User, "3", other, nil, 4},
		{"another attempt", naming.User, "3", other, func() { p.platform.Status.Release.Attempt++ }, 5},
		{"the platform was created again", naming.User, "3", other, func() { p.forgetUID("a") }, 6},
		{"a release that is taken back", naming.User, "4", aborted, func() { p.platform.Status.Release.Phase = "Aborting" }, 6},
	} {
		if step.change != nil {
			step.change()
		}
		verdict, err := p.weigh(t.Context(), step.service, rollout(step.rollout), step.read)
		if err != nil || verdict != step.read.Trouble || server.lists != step.asked {
			t.Errorf("%s: %+v, %v, asked %d times, want %d", step.what, verdict, err, server.lists, step.asked)
		}
	}
}
