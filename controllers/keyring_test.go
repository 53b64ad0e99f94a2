package controllers

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// TestTheKeyringFreesWhatNobodyAsksForAnyMore: a spec may name another Secret with every release.
func TestTheKeyringFreesWhatNobodyAsksForAnyMore(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a"}, Data: map[string][]byte{"key": []byte("value"), "empty": nil}}
	live := fake.NewClientBuilder().WithScheme(scheme).WithObjects(secret).Build()
	k := newKeyring(live, live)
	blog, other := types.NamespacedName{Namespace: "ns", Name: "blog"}, types.NamespacedName{Namespace: "ns", Name: "other"}
	named := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "ns", Name: name} }

	keys, err := k.keys(t.Context(), blog, "a")
	if err != nil || !keys["key"] || keys["empty"] {
		t.Fatalf("%v, %v", keys, err)
	}
	k.ask(other, "a")
	k.ask(blog, "b")
	if got := k.askers(named("a")); len(got) != 2 {
		t.Errorf("%v ask for a", got)
	}
	if got := k.askers(types.NamespacedName{Namespace: "elsewhere", Name: "a"}); got != nil {
		t.Errorf("%v ask for a Secret of another namespace", got)
	}

	k.sweep(blog)
	k.ask(blog, "a")
	k.sweep(blog)
	if got := k.askers(named("b")); got != nil {
		t.Errorf("%v ask for b", got)
	}
	if k.ask(blog, "a").version == "" {
		t.Error("what is asked for again and again was freed")
	}

	k.forget(blog)
	if got := k.askers(named("a")); !slices.Equal(got, []types.NamespacedName{other}) {
		t.Errorf("%v ask for a", got)
	}
}
