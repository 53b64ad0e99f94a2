package apply

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/timefactor"
)

var config *rest.Config

// The kinds of the tests: a Rollout counts as a workload, whatever its group,
// and a Thing stands for all other custom resources.
var (
	configMaps = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	jobs       = schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "Job"}
	things     = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Thing"}
	rollouts   = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Rollout"}
	kinds      = []schema.GroupVersionKind{configMaps, jobs, rollouts, things}
)

func TestMain(m *testing.M) {
	controlplane.Main(m, controlplane.Options{WithoutCRDs: true, ControllerManager: true}, func(cp *controlplane.ControlPlane) {
		config = cp.Config
		c, err := client.New(config, client.Options{})
		if err == nil {
			err = controlplane.InstallCRDs(context.Background(), c, []*unstructured.Unstructured{crdOf(things), crdOf(rollouts)})
		}
		if err != nil {
			cp.Stop()
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	})
}

// crdOf a kind with any spec and a status subresource.
func crdOf(kind schema.GroupVersionKind) *unstructured.Unstructured {
	return parse(fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.%[2]s}
spec:
  group: %[2]s
  scope: Namespaced
  names: {kind: %[3]s, plural: %[1]s}
  versions:
  - name: %[4]s
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    subresources: {status: {}}
`, strings.ToLower(kind.Kind)+"s", kind.Group, kind.Kind, kind.Version))
}

func parse(text string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		panic(err)
	}
	return u
}

// world is a namespace of a test's own, with the owner of its children.
type world struct {
	t         testing.TB
	client    client.WithWatch // neither cached nor faulty
	namespace string
	owner     *corev1.ConfigMap
}

func newWorld(t testing.TB) *world {
	t.Helper()
	c, err := client.NewWithWatch(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, client: c}
	w.namespace = w.newNamespace()
	w.owner = w.newOwner("blog")
	return w
}

func (w *world) newNamespace() string {
	w.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "apply-"}}
	w.create(namespace)
	return namespace.Name
}

func (w *world) newOwner(name string) *corev1.ConfigMap {
	w.t.Helper()
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}}
	w.create(owner)
	return owner
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	if err := w.client.Create(w.t.Context(), object); err != nil {
		w.t.Fatal(err)
	}
}

// applier that reads and writes through c, and believes it.
func (w *world) applier(c client.Client) *Applier { return New(c, w.client, kinds...) }

func (w *world) intercepted(funcs interceptor.Funcs) client.WithWatch {
	return interceptor.NewClient(w.client, funcs)
}

// child of a kind with one field besides its metadata: data for a ConfigMap, spec for others.
func (w *world) child(kind schema.GroupVersionKind, name string, content map[string]any) Child {
	field := "spec"
	if kind == configMaps {
		field = "data"
	}
	u := &unstructured.Unstructured{Object: map[string]any{field: content}}
	u.SetGroupVersionKind(kind)
	u.SetNamespace(w.namespace)
	u.SetName(name)
	return Child{Object: u}
}

func (w *world) configMap(name, value string) Child {
	return w.child(configMaps, name, map[string]any{"key": value})
}

func (w *world) job(name string) Child {
	return w.child(jobs, name, map[string]any{"template": map[string]any{"spec": map[string]any{
		"restartPolicy": "Never", "containers": []any{map[string]any{"name": "main", "image": "example.com/image"}}}}})
}

func retained(child Child) Child {
	child.Retain = true
	return child
}

// apply a child, of which nothing is expected to go wrong.
func (w *world) apply(a *Applier, child Child) Result {
	w.t.Helper()
	result, err := a.Apply(w.t.Context(), w.owner, child)
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

func (w *world) applyExpecting(a *Applier, child Child, want Action) *unstructured.Unstructured {
	w.t.Helper()
	result := w.apply(a, child)
	if result.Action != want {
		w.t.Errorf("%s: it was %s, want %s", describe(child.Object), result.Action, want)
	}
	return result.Live
}

// live object of a child as the API server has it, or nil.
func (w *world) live(child Child) *unstructured.Unstructured {
	w.t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(child.Object.GroupVersionKind())
	err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(child.Object), u)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// edit as somebody with kubectl would.
func (w *world) edit(child Child, change func(*unstructured.Unstructured)) *unstructured.Unstructured {
	w.t.Helper()
	u := w.live(child)
	change(u)
	if err := w.client.Update(w.t.Context(), u, client.FieldOwner("kubectl-edit")); err != nil {
		w.t.Fatal(err)
	}
	return u
}

// delete as somebody with kubectl would, and wait until it is gone.
func (w *world) delete(child Child) {
	w.t.Helper()
	if err := w.client.Delete(w.t.Context(), child.Object.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		w.t.Fatal(err)
	}
	w.until("it is gone", func() bool { return w.live(child) == nil })
}

// hold an object with a finalizer, so that its deletion can be looked at until it is released.
func (w *world) hold(child Child) {
	w.t.Helper()
	w.edit(child, func(u *unstructured.Unstructured) { u.SetFinalizers([]string{"example.com/hold"}) })
}

func (w *world) release(child Child) {
	w.t.Helper()
	w.edit(child, func(u *unstructured.Unstructured) { u.SetFinalizers(nil) })
}

func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	err := wait.PollUntilContextTimeout(w.t.Context(), 20*time.Millisecond, timefactor.Scale(30*time.Second), true,
		func(context.Context) (bool, error) { return is(), nil })
	if err != nil {
		w.t.Fatalf("waiting until %s: %v", what, err)
	}
}

// expect that an object holds a value at a field, absent (nil) included.
func (w *world) expect(u *unstructured.Unstructured, want any, field ...string) {
	w.t.Helper()
	if u == nil {
		w.t.Errorf("there is no object to look at .%s of", strings.Join(field, "."))
		return
	}
	got, _, _ := unstructured.NestedFieldNoCopy(u.Object, field...)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s: .%s (-want +got):\n%s", describe(u), strings.Join(field, "."), diff)
	}
}

// calls are the requests that went through a client, such as "apply ConfigMap child".
type calls struct {
	mu   sync.Mutex
	made []string
}

func (c *calls) add(verb, kind, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, strings.TrimSpace(verb+" "+kind+" "+name))
}

// take answers the calls since it was last called.
func (c *calls) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := c.made
	c.made = nil
	return made
}

// writes answers those calls that are no reads.
func (c *calls) writes() []string {
	return slices.DeleteFunc(c.take(), func(call string) bool {
		return strings.HasPrefix(call, "get ") || strings.HasPrefix(call, "list ")
	})
}

// watched is a client whose calls are noted.
func (w *world) watched() (client.WithWatch, *calls) {
	c := &calls{}
	return w.intercepted(interceptor.Funcs{
		Get: func(ctx context.Context, next client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			c.add("get", o.GetObjectKind().GroupVersionKind().Kind, key.Name)
			return next.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, next client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			c.add("list", l.GetObjectKind().GroupVersionKind().Kind, "")
			return next.List(ctx, l, opts...)
		},
		Apply: func(ctx context.Context, next client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			c.add("apply", kindOf(o), nameOf(o))
			return next.Apply(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, next client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			c.add("delete", o.GetObjectKind().GroupVersionKind().Kind, o.GetName())
			return next.Delete(ctx, o, opts...)
		},
	}), c
}

// Unstructured apply configurations answer for themselves.
func kindOf(o runtime.ApplyConfiguration) string { return o.(interface{ GetKind() string }).GetKind() }
func nameOf(o runtime.ApplyConfiguration) string { return o.(interface{ GetName() string }).GetName() }

// cacheThatHolds is a client that reads as from a cache that is stale: of the
// child it knows but this object, or nothing.
func (w *world) cacheThatHolds(child Child, u *unstructured.Unstructured) client.WithWatch {
	return w.intercepted(interceptor.Funcs{
		Get: func(ctx context.Context, next client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if key != client.ObjectKeyFromObject(child.Object) {
				return next.Get(ctx, key, o, opts...)
			}
			if u == nil {
				return apierrors.NewNotFound(schema.GroupResource{Resource: child.Object.GetKind()}, key.Name)
			}
			u.DeepCopyInto(o.(*unstructured.Unstructured))
			return nil
		},
	})
}
