package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

// formerSecret is the verdict on a SealedSecret that must not be created yet: the Secret
// of a deleted SealedSecret of that name exists until the garbage collector deletes it. Sealed
// Secrets would find that it is not its own, and give up the new SealedSecret for good
// (v0.36.6 pkg/controller/controller.go). The verdict is empty if it can be created.
func (e *enactment) formerSecret(ctx context.Context, child plan.Child) (ready.Verdict, error) {
	name := client.ObjectKeyFromObject(child.Object)
	e.keyring.ask(key(e.platform), name.Name) // so that its deletion starts a reconcile
	secret := kube.Metadata(kube.Secrets)
	err := e.live.Get(ctx, name, secret)
	if apierrors.IsNotFound(err) {
		return ready.Verdict{}, nil
	}
	if err != nil {
		return ready.Verdict{}, fmt.Errorf("read metadata of Secret %s: %w", name, err)
	}
	owner := metav1.GetControllerOf(secret)
	if owner == nil || owner.Kind != child.Object.GetKind() {
		return ready.Verdict{}, nil
	}
	// Its owner may be there, and only not in the cache yet.
	if sealed, err := get(ctx, e.live, child.Object); err != nil || sealed != nil {
		return ready.Verdict{}, err
	}
	message := fmt.Sprintf("Secret %s of a SealedSecret that was deleted is still there; the garbage collector deletes it", name)
	if finalizers := secret.GetFinalizers(); len(finalizers) > 0 {
		message += fmt.Sprintf(" once its finalizers %v are gone", finalizers)
	}
	return ready.Verdict{State: ready.Progressing, Reason: reasonSecretTerminating, Message: message}, nil
}
