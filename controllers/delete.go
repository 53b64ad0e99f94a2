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
	"blogplatform.io/operator/internal/stage"
)

// delete deletes the children, and data only if both the policy asks for it and the
// annotation names the platform. It goes by labels and inventory alone: neither the spec,
// nor a CRD or a namespace, has to exist or be valid. When nothing remains it removes the
// finalizer, and the platform is gone.
func (s *scope) delete(ctx context.Context) (result stage.Result, gone bool, err error) {
	wanted := s.platform.Spec.DeletionPolicy == v1alpha1.Delete
	confirmed := s.platform.Annotations[naming.AnnotationDeleteData] == s.platform.Name
	policy := apply.DeletePolicy{DeleteData: wanted && confirmed}
	remaining, err := s.applier.Delete(ctx, s.platform, s.platform.Status.Inventory, policy)
	if err != nil {
		result.Errs = append(result.Errs, err)
	}
	if err != nil || len(remaining) > 0 {
		result.Remaining, result.Poll = remaining, true
		return result, false, nil
	}
	if policy.DeleteData {
		if err := s.deleteVolumes(ctx); err != nil {
			return result, false, err
		}
	}
	if s.platform.Spec.TLS.DeletionPolicy != v1alpha1.Retain {
		if err := s.deleteKeyPairs(ctx, s.platform.Status.Inventory); err != nil {
			return result, false, err
		}
	}
	if wanted && !confirmed {
		s.record(report.NewEvent(corev1.EventTypeWarning, "DataRetained", "Delete", "The data stays: deletionPolicy Delete takes it only if annotation %s is %s",
			naming.AnnotationDeleteData, s.platform.Name))
	}
	err = s.writeMetadata(ctx, func(platform *v1alpha1.BlogPlatform) bool {
		return controllerutil.RemoveFinalizer(platform, naming.Finalizer)
	})
	return result, true, client.IgnoreNotFound(err)
}

// deleteVolumes deletes the volume claims of the database, which the Crunchy
// operator may leave behind. They are the platform's if its PostgresCluster was.
func (s *scope) deleteVolumes(ctx context.Context) error {
	if !slices.ContainsFunc(s.platform.Status.Inventory, s.isDatabase) {
		return nil
	}
	var claims corev1.PersistentVolumeClaimList
	err := s.live.List(ctx, &claims, client.InNamespace(s.names.Namespace), client.MatchingLabels{kube.LabelCluster: s.names.Database()})
	if err != nil {
		return fmt.Errorf("list volumes of PostgresCluster %s/%s: %w", s.names.Namespace, s.names.Database(), err)
	}
	var errs []error
	for i := range claims.Items {
		claim := &claims.Items[i]
		if claim.DeletionTimestamp == nil {
			errs = append(errs, client.IgnoreNotFound(s.client.Delete(ctx, claim, client.Preconditions{UID: &claim.UID})))
		}
	}
	return errors.Join(errs...)
}

// deleteKeyPairs deletes the Secrets of the platform's Certificates among inventory
// lines, which cert-manager leaves behind. If it may not delete them, the deletion goes on.
func (s *scope) deleteKeyPairs(ctx context.Context, lines []string) error {
	for _, line := range lines {
		parts := strings.Split(line, "/")
		if len(parts) != 5 || parts[1] != certmanager.CertificateKind {
			continue
		}
		secret := &metav1.PartialObjectMetadata{}
		secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		err := s.live.Get(ctx, types.NamespacedName{Namespace: parts[2], Name: parts[3]}, secret)
		if err == nil && s.names.Owns(secret.Labels) {
			err = s.client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID})
		}
		switch {
		case apierrors.IsForbidden(err):
			s.record(report.NewEvent(corev1.EventTypeWarning, "KeyPairRetained", "Delete", "Secret %s/%s with the key pair of the hosts stays: the operator may not delete it", parts[2], parts[3]))
		case client.IgnoreNotFound(err) != nil:
			return fmt.Errorf("delete Secret %s/%s with the key pair of the hosts: %w", parts[2], parts[3], err)
		}
	}
	return nil
}

// isDatabase tells whether an inventory line is that of the platform's own
// PostgresCluster. It has a UID only after the object was seen to be ours.
func (s *scope) isDatabase(line string) bool {
	parts := strings.Split(line, "/")
	return len(parts) == 5 && slices.Equal(parts[1:4], []string{"PostgresCluster", s.names.Namespace, s.names.Database()}) && parts[4] != ""
}
