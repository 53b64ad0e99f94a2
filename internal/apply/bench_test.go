package apply

import (
	"context"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// BenchmarkAChildAtRest measures what a pass costs for a child that need not be
// written: where nothing happened, and where its status moved.
func BenchmarkAChildAtRest(b *testing.B) {
	w := newWorld(b)
	content := map[string]any{}
	for i := range 30 {
		content[fmt.Sprint("field-", i)] = map[string]any{"list": []any{map[string]any{"name": "a name", "number": int64(i)}, "a text"}}
	}
	child := w.child(things, "child", content)
	cached := w.apply(w.applier(w.client), child).Live.DeepCopy()
	a := w.applier(w.intercepted(interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
			cached.DeepCopyInto(o.(*unstructured.Unstructured))
			return nil
		},
	}))
	w.apply(a, child)
	versions := 0
	for name, move := range map[string]func(){
		"nothing happened": func() {},
		"its status moved": func() { versions++; cached.SetResourceVersion(fmt.Sprint("moved-", versions)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				move()
				if result, err := a.Apply(b.Context(), w.owner, child); err != nil || result.Action != Unchanged {
					b.Fatal(result.Action, err)
				}
			}
		})
	}
}
