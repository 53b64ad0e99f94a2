package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/report"
)

// delete takes the children away, and data only if both the policy says so and
// the annotation names the object. It goes by labels and inventory alone: neither the
// spec, nor a CRD or a namespace, has to be there or in order.
func (p *pass) delete(ctx context.Context) error {
	if !controllerutil.ContainsFinalizer(p.platform, naming.Finalizer) {
		p.gone = true
		return nil
	}
	wanted := p.platform.Spec.DeletionPolicy == v1alpha1.Delete
	confirmed := p.platform.Annotations[naming.AnnotationDeleteData] == p.platform.Name
	policy := apply.DeletePolicy{DeleteData: wanted && confirmed}
	remaining, err := p.applier.Delete(ctx, p.platform, p.platform.Status.Inventory, policy)
	if err != nil || len(remaining) > 0 {
		p.fail(err)
		p.result.Remaining, p.result.Poll = remaining, true
		return nil
	}
	if policy.DeleteData {
		if err := p.deleteVolumes(ctx); err != nil {
			return err
		}
	}
	if p.platform.Spec.TLS.DeletionPolicy != v1alpha1.Retain {
		if err := p.deleteKeyPairs(ctx, p.platform.Status.Inventory); err != nil {
			return err
		}
	}
	if wanted && !confirmed {
		p.record(report.NewEvent(corev1.EventTypeWarning, "DataRetained", "Delete", "The data stays: deletionPolicy Delete takes it only if annotation %s is %s",
			naming.AnnotationDeleteData, p.platform.Name))
	}
	p.gone = true
	return client.IgnoreNotFound(p.patchMetadata(ctx, func() bool { return controllerutil.RemoveFinalizer(p.platform, naming.Finalizer) }))
}

// deleteVolumes deletes the volume claims of the database, which the Crunchy
// operator may leave behind. They are the platform's if its PostgresCluster was.
func (p *pass) deleteVolumes(ctx context.Context) error {
	if !slices.ContainsFunc(p.platform.Status.Inventory, p.isDatabase) {
		return nil
	}
	var claims corev1.PersistentVolumeClaimList
	err := p.live.List(ctx, &claims, client.InNamespace(p.names.Namespace), client.MatchingLabels{kube.LabelCluster: p.names.Database()})
	if err != nil {
		return fmt.Errorf("list volumes of PostgresCluster %s/%s: %w", p.names.Namespace, p.names.Database(), err)
	}
	var errs []error
	for i := range claims.Items {
		claim := &claims.Items[i]
		if claim.DeletionTimestamp == nil {
			errs = append(errs, client.IgnoreNotFound(p.client.Delete(ctx, claim, client.Preconditions{UID: &claim.UID})))
		}
	}
	return errors.Join(errs...)
}

// deleteKeyPairs deletes the Secrets of the platform's Certificates among inventory
// lines, which cert-manager leaves behind. That it may not do so holds nothing up.
func (p *pass) deleteKeyPairs(ctx context.Context, lines []string) error {
	for _, line := range lines {
		parts := strings.Split(line, "/")
		if len(parts) != 5 || parts[1] != certmanager.CertificateKind {
			continue
		}
		secret := &metav1.PartialObjectMetadata{}
		secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		err := p.live.Get(ctx, types.NamespacedName{Namespace: parts[2], Name: parts[3]}, secret)
		if err == nil && p.names.Owns(secret.Labels) {
			err = p.client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID})
		}
		switch {
		case apierrors.IsForbidden(err):
			p.record(report.NewEvent(corev1.EventTypeWarning, "KeyPairRetained", "Delete", "Secret %s/%s with the key pair of the hosts stays: the operator may not delete it", parts[2], parts[3]))
		case client.IgnoreNotFound(err) != nil:
			return fmt.Errorf("delete Secret %s/%s with the key pair of the hosts: %w", parts[2], parts[3], err)
		}
	}
	return nil
}

// isDatabase tells whether an inventory line is that of the platform's own
// PostgresCluster. It has a UID only after the object was seen to be ours.
func (p *pass) isDatabase(line string) bool {
	parts := strings.Split(line, "/")
	return len(parts) == 5 && slices.Equal(parts[1:4], []string{"PostgresCluster", p.names.Namespace, p.names.Database()}) && parts[4] != ""
}
