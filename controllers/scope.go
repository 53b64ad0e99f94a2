package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/report"
)

// scope is one reconcile of one platform.
type scope struct {
	*Reconciler
	// platform as it was read. Nobody modifies it.
	platform *v1alpha1.BlogPlatform
	names    naming.Platform
	// written is the platform as the API server has it, after what this reconcile wrote.
	written *v1alpha1.BlogPlatform
}

func (r *Reconciler) newScope(platform *v1alpha1.BlogPlatform) *scope {
	return &scope{Reconciler: r, platform: platform, names: naming.Of(key(platform)), written: platform.DeepCopy()}
}

func (s *scope) deleting() bool { return !s.platform.DeletionTimestamp.IsZero() }

func (s *scope) suspended() bool { return s.platform.Spec.Suspend != nil && *s.platform.Spec.Suspend }

func (s *scope) ensureFinalizer(ctx context.Context) error {
	return s.writeMetadata(ctx, func(platform *v1alpha1.BlogPlatform) bool {
		return controllerutil.AddFinalizer(platform, naming.Finalizer)
	})
}

// writeMetadata writes the platform if change changes it, and fails with a conflict if
// somebody else has written it since.
func (s *scope) writeMetadata(ctx context.Context, change func(*v1alpha1.BlogPlatform) bool) error {
	changed := s.written.DeepCopy()
	if !change(changed) {
		return nil
	}
	patch := client.MergeFromWithOptions(s.written, client.MergeFromWithOptimisticLock{})
	if err := s.client.Patch(ctx, changed, patch); err != nil {
		return fmt.Errorf("write finalizer of BlogPlatform %s/%s: %w", s.names.Namespace, s.names.Name, err)
	}
	s.wrote(changed)
	return nil
}

// writeStatus writes the status if it is not what the API server has.
func (s *scope) writeStatus(ctx context.Context, status v1alpha1.BlogPlatformStatus) error {
	if equality.Semantic.DeepEqual(s.written.Status, status) {
		return nil
	}
	changed := s.written.DeepCopy()
	changed.Status = *status.DeepCopy()
	patch := client.MergeFromWithOptions(s.written, client.MergeFromWithOptimisticLock{})
	if err := s.client.Status().Patch(ctx, changed, patch); err != nil {
		return fmt.Errorf("write status of BlogPlatform %s/%s: %w", s.names.Namespace, s.names.Name, err)
	}
	s.wrote(changed)
	return nil
}

// wrote notes what the cache has to have before the next reconcile.
func (s *scope) wrote(platform *v1alpha1.BlogPlatform) {
	s.written = platform
	s.lastWrites.Store(platform.UID, platform.ResourceVersion)
}

// record writes an event about the platform.
func (s *scope) record(e report.Event) {
	s.recorder.Eventf(s.platform, nil, e.Type, e.Reason, e.Action, "%s", e.Note)
}
