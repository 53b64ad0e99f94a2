package faker

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	sealed "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// Undecipherable is ciphertext, well formed for the CRD of BlogPlatform, that
// no sealing key opens.
const Undecipherable = "AgUndecipherable"

// stepSealedSecret makes the Secret and writes condition Synced. As the real
// controller, it gives up a SealedSecret that fails, until its spec changes.
func (f *Faker) stepSealedSecret(ctx context.Context, u *unstructured.Unstructured, b Behaviour) error {
	s := &sealed.SealedSecret{}
	if err := decode(u, s); err != nil || s.DeletionTimestamp != nil || f.givenUp(s) {
		return err
	}
	secret, problem := unseal(s, b)
	if problem == nil {
		var err error
		if problem, err = f.writeSecret(ctx, s, secret); err != nil {
			return err
		}
	}
	if s.Status == nil {
		s.Status = &sealed.SealedSecretStatus{}
	}
	synced := sealed.SealedSecretCondition{Type: sealed.SealedSecretSynced, Status: corev1.ConditionTrue, LastUpdateTime: now(), LastTransitionTime: now()}
	if problem != nil {
		f.giveUp(s, b)
		synced.Status, synced.Message = corev1.ConditionFalse, problem.Error()
	}
	// The real controller writes only another status or generation: what else changes sticks.
	if s.Status.ObservedGeneration == s.Generation && len(s.Status.Conditions) == 1 && s.Status.Conditions[0].Status == synced.Status {
		return nil
	}
	if len(s.Status.Conditions) == 1 && s.Status.Conditions[0].Status == synced.Status {
		synced.LastTransitionTime = s.Status.Conditions[0].LastTransitionTime
	}
	s.Status.ObservedGeneration, s.Status.Conditions = s.Generation, []sealed.SealedSecretCondition{synced}
	return f.setStatus(ctx, sealedSecrets, u, s.Status)
}

// giveUp leaves a SealedSecret alone once its status says why. It is called
// before that status is written: whoever reads it and then calls Set is heard.
// A behaviour that Set has replaced meanwhile gives nothing up.
func (f *Faker) giveUp(s *sealed.SealedSecret, b Behaviour) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.behaviour(item{SealedSecret, s.Namespace + "/" + s.Name}) == b {
		f.gaveUp[s.UID] = s.Generation
	}
}

func (f *Faker) givenUp(s *sealed.SealedSecret) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gaveUp[s.UID] == s.Generation && s.Status != nil && s.Status.ObservedGeneration == s.Generation &&
		len(s.Status.Conditions) == 1 && s.Status.Conditions[0].Status == corev1.ConditionFalse
}

// unseal makes the Secret: its values are hashes of the ciphertext, so that other ciphertext gives another value.
func unseal(s *sealed.SealedSecret, b Behaviour) (*corev1.Secret, error) {
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: s.Name, Labels: s.Spec.Template.Labels, Annotations: s.Spec.Template.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(s, sealed.SchemeGroupVersion.WithKind("SealedSecret"))},
		},
		Type: s.Spec.Template.Type, Immutable: s.Spec.Template.Immutable, Data: map[string][]byte{},
	}
	secret.OwnerReferences[0].BlockOwnerDeletion = nil
	if secret.Type == "" {
		secret.Type = corev1.SecretTypeOpaque
	}
	var closed []string
	for key, ciphertext := range s.Spec.EncryptedData {
		if b.Fail || strings.HasPrefix(ciphertext, Undecipherable) {
			closed = append(closed, key)
		}
		plaintext := sha256.Sum256([]byte(ciphertext))
		secret.Data[key] = plaintext[:]
	}
	if len(closed) > 0 {
		slices.Sort(closed)
		return nil, fmt.Errorf("no key could decrypt secret (%s)", strings.Join(closed, ", "))
	}
	return secret, nil
}

// writeSecret creates or updates the Secret. A problem is for the status, an error is tried again.
func (f *Faker) writeSecret(ctx context.Context, s *sealed.SealedSecret, want *corev1.Secret) (problem, err error) {
	live, err := f.ensure(ctx, secrets, want)
	if err != nil {
		return nil, err
	}
	if !metav1.IsControlledBy(live, s) {
		return fmt.Errorf("failed update: Resource %q already exists and is not managed by SealedSecret", s.Name), nil
	}
	have := &corev1.Secret{}
	if err := decode(live, have); err != nil {
		return nil, err
	}
	before := have.DeepCopy()
	have.Data, have.Labels, have.Annotations, have.Type = want.Data, want.Labels, want.Annotations, want.Type
	if equality.Semantic.DeepEqual(before, have) {
		return nil, nil
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(have)
	if err != nil {
		return nil, err
	}
	_, err = f.client.Resource(secrets).Namespace(s.Namespace).Update(ctx, &unstructured.Unstructured{Object: fields}, metav1.UpdateOptions{})
	return nil, err
}

// sawSecret makes a Secret anew that somebody deleted.
func (f *Faker) sawSecret(event watch.EventType, u *unstructured.Unstructured) {
	if owner := metav1.GetControllerOf(u); event == watch.Deleted && owner != nil && owner.Kind == string(SealedSecret) {
		f.mu.Lock()
		defer f.mu.Unlock()
		i := item{SealedSecret, u.GetNamespace() + "/" + owner.Name}
		delete(f.gaveUp, owner.UID)
		f.queue.AddAfter(i, f.behaviour(i).Delay)
	}
}
