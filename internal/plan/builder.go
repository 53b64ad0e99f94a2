package plan

import (
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// builder collects the children while the families add them.
type builder struct {
	Input
	// target is the set that is worked towards.
	target   Set
	names    naming.Platform
	values   values
	children []Child
	uses     []SecretUse
	errs     []error
}

// keyOf names a platform.
func keyOf(platform *v1alpha1.BlogPlatform) types.NamespacedName {
	return types.NamespacedName{Namespace: platform.Namespace, Name: platform.Name}
}

func newBuilder(in Input) *builder {
	b := &builder{Input: in, names: naming.Of(keyOf(in.Platform)), values: valuesOf(in.Platform)}
	b.keepConnections()
	return b
}

// setTarget sets what is worked towards.
func (b *builder) setTarget() {
	if b.Run.Target != nil {
		b.target = *b.Run.Target
		return
	}
	target, err := SetOf(b.Platform, b.Release)
	if err != nil {
		b.errs = append(b.errs, err)
	}
	b.target = target
}

// runs is the set that a service runs.
func (b *builder) runs(service naming.Service) Set {
	running := b.Run.Data
	if service == naming.Frontend {
		running = b.Run.Frontend
	}
	return valueOr(running, b.target)
}

// meta is the metadata of a child in the platform's namespace.
func (b *builder) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: b.names.Namespace, Labels: b.names.Labels()}
}

// gate adds an object that holds back the next stage until it is ready.
func (b *builder) gate(stage Stage, object any) {
	b.add(Child{Stage: stage, Gates: true, Object: b.convert(object)})
}

// keep adds an object that outlives the platform while its data does, and is a gate as well.
func (b *builder) keep(stage Stage, object any) {
	b.add(Child{Stage: stage, Gates: true, Retain: true, Object: b.convert(object)})
}

// add adds a child. One that apply gives no controller gets labels by which no
// program takes it for its own.
func (b *builder) add(child Child) {
	if child.Retain || child.Object.GetNamespace() != b.names.Namespace {
		child.Object.SetLabels(b.names.UnownedLabels())
	}
	b.children = append(b.children, child)
}

// convert makes a typed object unstructured. The types of Istio write
// themselves as JSON, so the way leads through JSON for all.
func (b *builder) convert(object any) *unstructured.Unstructured {
	raw, err := json.Marshal(object)
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("writing %T: %w", object, err))
		return &unstructured.Unstructured{}
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &u.Object); err != nil {
		b.errs = append(b.errs, fmt.Errorf("reading %T again: %w", object, err))
	}
	unstructured.RemoveNestedField(u.Object, "status")
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	return u
}

func (b *builder) plan() (Plan, error) {
	b.carry()
	plan := Plan{Children: b.children, Secrets: b.uses, Effective: b.values.effective, Host: b.canonical(), Digest: b.target.Digest}
	if err := errors.Join(b.errs...); err != nil {
		return Plan{}, err
	}
	// Families are added in the order of reading; children go out in the order of stages.
	slices.SortStableFunc(plan.Children, func(x, y Child) int {
		return slices.Index(Stages, x.Stage) - slices.Index(Stages, y.Stage)
	})
	return plan, nil
}
