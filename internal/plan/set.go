package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// Set is a release as a whole: the pod templates of the four services, and the
// secrets and the trust that they mount. It is more than its images, since a changed
// limit or cookie key is a release, too.
type Set struct {
	// Digest identifies the templates.
	Digest string `json:"digest"`
	// Release that they were made from.
	Release v1alpha1.Release `json:"release"`
	// Templates by service.
	Templates map[naming.Service]corev1.PodTemplateSpec `json:"templates"`
	// Sealed is the ciphertext of the secrets that their pods mount, by SealedSecret and key.
	Sealed map[string]map[string]string `json:"sealed,omitempty"`
	// Authority is the CA bundle of the identity provider that they mount, as PEM, or empty.
	Authority string `json:"authority,omitempty"`
}

// SetOf makes the set that a release is under the present spec of a platform.
func SetOf(platform *v1alpha1.BlogPlatform, release v1alpha1.Release) (Set, error) {
	b := newBuilder(Input{Platform: platform, Release: release})
	set := Set{Release: release, Templates: map[naming.Service]corev1.PodTemplateSpec{}, Sealed: map[string]map[string]string{}}
	var texts []string
	for _, service := range naming.Services {
		template := b.template(service, release)
		raw, err := json.Marshal(template)
		if err != nil {
			return Set{}, fmt.Errorf("writing the pod template of %s: %w", service, err)
		}
		set.Templates[service], texts = template, append(texts, string(raw))
	}
	for _, s := range b.podSecrets() {
		if s.sealed != nil {
			set.Sealed[s.name] = s.sealed
		}
	}
	if identity := platform.Spec.Identity; identity != nil {
		set.Authority = identity.CABundle
	}
	set.Digest = naming.Hash(texts...) // templates name the authority, and hold hashes of the ciphertext
	return set, nil
}

// ReadSet reads what a ControllerRevision keeps.
func ReadSet(revision *unstructured.Unstructured) (Set, error) {
	fields, _, _ := unstructured.NestedMap(revision.Object, "data")
	raw, err := json.Marshal(fields)
	if err != nil {
		return Set{}, fmt.Errorf("reading ControllerRevision %s/%s: %w", revision.GetNamespace(), revision.GetName(), err)
	}
	var set Set
	if err := json.Unmarshal(raw, &set); err != nil {
		return Set{}, fmt.Errorf("reading ControllerRevision %s/%s: %w", revision.GetNamespace(), revision.GetName(), err)
	}
	if len(set.Templates) != len(naming.Services) || set.Digest == "" {
		return Set{}, fmt.Errorf("ControllerRevision %s/%s does not hold the pod templates of %d services", revision.GetNamespace(), revision.GetName(), len(naming.Services))
	}
	return set, nil
}

// sets are kept as ControllerRevisions, the target's before its first pod
// starts: going back to a set is exact, whatever has become of the spec since.
func (b *builder) sets() {
	for _, live := range b.Run.Kept {
		b.add(Child{Stage: StageMigrations, Gates: true, Object: b.keptSet(live)})
	}
	name := b.names.Set(b.target.Digest)
	if slices.ContainsFunc(b.Run.Kept, func(live *unstructured.Unstructured) bool { return live.GetName() == name }) {
		return
	}
	revision := b.convert(&appsv1.ControllerRevision{ObjectMeta: b.meta(name), Revision: b.Run.Attempt})
	revision.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ControllerRevision"))
	revision.Object["data"] = b.convert(b.target).Object
	b.add(Child{Stage: StageMigrations, Gates: true, Object: revision})
}

// keptSet is a ControllerRevision as it is: its contents cannot change.
func (b *builder) keptSet(live *unstructured.Unstructured) *unstructured.Unstructured {
	kept := &unstructured.Unstructured{Object: map[string]any{}}
	kept.SetGroupVersionKind(live.GroupVersionKind())
	kept.SetNamespace(live.GetNamespace())
	kept.SetName(live.GetName())
	kept.SetLabels(maps.Clone(b.names.Labels()))
	for _, field := range []string{"revision", "data"} {
		if value, found, _ := unstructured.NestedFieldCopy(live.Object, field); found {
			kept.Object[field] = value
		}
	}
	return kept
}
