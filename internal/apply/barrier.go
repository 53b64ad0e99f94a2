package apply

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// EndPause lets an Argo Rollout go on that waits at a pause, as a person does
// with its kubectl plugin: status.pauseConditions are cleared. It is a conflict
// unless the Rollout is still as it was read, pod template and step included.
func (a *Applier) EndPause(ctx context.Context, rollout *unstructured.Unstructured) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": rollout.GetResourceVersion(), "uid": rollout.GetUID()},
		"status":   map[string]any{"pauseConditions": nil},
	})
	if err != nil {
		return fmt.Errorf("end the pause of %s: %w", describe(rollout), err)
	}
	if err := a.client.Status().Patch(ctx, rollout.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("end the pause of %s: %w", describe(rollout), err)
	}
	return nil
}
