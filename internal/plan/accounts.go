package plan

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/internal/naming"
)

// accounts are the identities in the mesh: one for each service, which its
// migrations share, one for Verify and one for the loads of analyses. None of them calls the Kubernetes API.
func (b *builder) accounts() {
	for _, service := range naming.Services {
		b.account(b.names.Workload(service))
	}
	b.account(b.names.Verify())
	b.account(b.names.Load())
}

func (b *builder) account(name string) {
	account := &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   b.meta(name),
		AutomountServiceAccountToken: new(false),
		// Here and not in the pods, so that another pull secret restarts none.
		ImagePullSecrets: b.pullSecrets(),
	}
	b.gate(StageMesh, account)
}

func (b *builder) pullSecrets() []corev1.LocalObjectReference {
	var references []corev1.LocalObjectReference
	for _, pull := range b.Platform.Spec.ImagePullSecrets {
		references = append(references, corev1.LocalObjectReference{Name: pull.Name})
	}
	return references
}
