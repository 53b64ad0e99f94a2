package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"blogplatform.io/operator/api/v1alpha1"
)

// DeletePlatform deletes a platform and waits until it is gone.
func (w World) DeletePlatform(p *v1alpha1.BlogPlatform) {
	w.Helper()
	if err := Cluster.Delete(w.Context(), p); err != nil {
		w.Fatal(err)
	}
	w.UntilGone(p)
}

// UntilGone waits until a platform that was deleted is gone.
func (w World) UntilGone(p *v1alpha1.BlogPlatform) {
	w.Helper()
	w.Until("BlogPlatform "+p.Namespace+" gone", func(ctx context.Context) error {
		if err := Gone(ctx, p); err != nil {
			return fmt.Errorf("%w: %s", err, ConditionsOf(p))
		}
		return nil
	})
}

// Left are the kinds of the children that are there once garbage collection is over.
func (w World) Left(p *v1alpha1.BlogPlatform) []string {
	w.Helper()
	var kinds []string
	w.Until("garbage collected", func(context.Context) error {
		kinds = nil
		var going []string
		for name, child := range w.Children(p) {
			if len(child.GetOwnerReferences()) > 0 {
				going = append(going, name)
			}
			kinds = append(kinds, child.GetKind())
		}
		if len(going) > 0 {
			return errors.New(strings.Join(going, ", "))
		}
		return nil
	})
	slices.Sort(kinds)
	return kinds
}

// DeletionPolicy sets what a deletion does with the data, and who confirms it: annotation is the value of blogplatform.io/delete-data, or empty for none.
func DeletionPolicy(policy v1alpha1.DeletionPolicy, annotation string) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) {
		p.Spec.DeletionPolicy = policy
		if annotation != "" {
			p.Annotations = map[string]string{"blogplatform.io/delete-data": annotation}
		}
	}
}
