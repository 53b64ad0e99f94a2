package plan

import (
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"

	"blogplatform.io/operator/internal/naming"
)

// builder collects the children while the families add them.
type builder struct {
	Input
	names    naming.Platform
	values   values
	children []Child
	errs     []error
}

func newBuilder(in Input) *builder {
	names := naming.Of(types.NamespacedName{Namespace: in.Platform.Namespace, Name: in.Platform.Name})
	return &builder{Input: in, names: names, values: valuesOf(in.Platform)}
}

// meta is the metadata of a child in the platform's namespace.
func (b *builder) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: b.names.Namespace, Labels: b.names.Labels()}
}

// gate adds an object that holds back the next stage until it is ready.
func (b *builder) gate(stage Stage, object runtime.Object) {
	b.add(Child{Stage: stage, Gates: true, Object: b.convert(object)})
}

func (b *builder) add(child Child) { b.children = append(b.children, child) }

// convert makes a typed object unstructured. The types of Istio write
// themselves as JSON, so the way leads through JSON for all.
func (b *builder) convert(object runtime.Object) *unstructured.Unstructured {
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
	if err := errors.Join(b.errs...); err != nil {
		return Plan{}, err
	}
	// Families are added in the order of reading; children go out in the order of stages.
	slices.SortStableFunc(b.children, func(x, y Child) int {
		return slices.Index(Stages, x.Stage) - slices.Index(Stages, y.Stage)
	})
	return Plan{Children: b.children, Effective: b.values.effective}, nil
}
