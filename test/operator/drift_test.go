package operator

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// edits change an owned field of each kind, as a person might with kubectl edit.
var edits = map[string]func(u *unstructured.Unstructured) error{
	"AnalysisTemplate":        set([]any{map[string]any{"name": "elsewhere"}}, "spec", "args"),
	"AuthorizationPolicy":     admitEverybody,
	"Certificate":             set([]any{"elsewhere.example.com"}, "spec", "dnsNames"),
	"ConfigMap":               set("DROP DATABASE blog;", "data", "init.sql"),
	"ControllerRevision":      disown, // what it holds cannot be edited
	"DestinationRule":         set("elsewhere.svc", "spec", "host"),
	"Gateway":                 set(map[string]any{"istio": "elsewhere"}, "spec", "selector"),
	"HorizontalPodAutoscaler": set(int64(9), "spec", "maxReplicas"),
	"NetworkPolicy":           set([]any{"Ingress"}, "spec", "policyTypes"),
	"PeerAuthentication":      set("DISABLE", "spec", "mtls", "mode"),
	"PodDisruptionBudget":     set(int64(7), "spec", "maxUnavailable"),
	"PostgresCluster":         set("off", "spec", "backups", "pgbackrest", "global", "start-fast"),
	"Rollout":                 set(int64(7), "spec", "revisionHistoryLimit"),
	"SealedSecret":            reseal,
	"Service":                 set("elsewhere", "spec", "selector", "app.kubernetes.io/name"),
	"ServiceAccount":          disown,
	"ServiceEntry":            set([]any{"elsewhere.example.com"}, "spec", "hosts"),
	"Sidecar":                 set([]any{map[string]any{"hosts": []any{"*/*"}}}, "spec", "egress"),
	"VirtualService":          set([]any{"elsewhere.example.com"}, "spec", "hosts"),
}

// disown takes a child's label away that says whose it is.
var disown = set("elsewhere", "metadata", "labels", "app.kubernetes.io/instance")

func set(value any, fields ...string) func(*unstructured.Unstructured) error {
	return func(u *unstructured.Unstructured) error {
		return unstructured.SetNestedField(u.Object, value, fields...)
	}
}

// reseal replaces all ciphertext.
func reseal(u *unstructured.Unstructured) error {
	data, _, err := unstructured.NestedMap(u.Object, "spec", "encryptedData")
	for key := range data {
		data[key] = "AgSomethingElse="
	}
	return errors.Join(err, unstructured.SetNestedMap(u.Object, data, "spec", "encryptedData"))
}

// admitEverybody replaces the rules; the policy that denies everything has none, and is disowned.
func admitEverybody(u *unstructured.Unstructured) error {
	if _, found, _ := unstructured.NestedSlice(u.Object, "spec", "rules"); !found {
		return disown(u)
	}
	return set([]any{map[string]any{}}, "spec", "rules")(u)
}

// intent is what the operator has a say in.
func intent(u *unstructured.Unstructured) map[string]any {
	fields := u.DeepCopy().Object
	delete(fields, "status")
	fields["metadata"] = map[string]any{"labels": u.GetLabels(), "annotations": u.GetAnnotations(), "ownerReferences": u.GetOwnerReferences()}
	return fields
}

func TestAnEditOfAnOwnedFieldComesBackAndForeignLabelsStay(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("production")
	for name, before := range w.children(p) {
		if before.GetKind() == "Job" {
			continue // a Job cannot be edited
		}
		edit, ok := edits[before.GetKind()]
		if !ok {
			t.Errorf("no edit of a %s is tried", before.GetKind())
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := world{t, w.namespace}
			wanted := w.annotate(&before)
			edited := w.get(before.DeepCopy())
			if err := edit(edited); err != nil {
				t.Fatal(err)
			}
			if cmp.Equal(intent(edited), wanted) {
				t.Fatal("the edit changes nothing")
			}
			if err := cluster.Update(t.Context(), edited); err != nil {
				t.Fatal(err)
			}
			w.until("the edit undone", func(ctx context.Context) error {
				live := before.DeepCopy()
				if err := cluster.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
					return err
				}
				if diff := cmp.Diff(wanted, intent(live)); diff != "" {
					return errors.New(diff)
				}
				return nil
			})
		})
	}
	w.untilReady(p)
}

// annotate adds a label and an annotation of somebody else, and answers what
// the object should be for ever after.
func (w world) annotate(u *unstructured.Unstructured) map[string]any {
	w.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{"example.com/team":"a"},"annotations":{"example.com/note":"%s"}}}`, u.GetKind())
	live := u.DeepCopy()
	if err := cluster.Patch(w.Context(), live, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		w.Fatal(err)
	}
	return intent(live)
}

func TestADeletedChildComesBack(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("staging")
	var finished []unstructured.Unstructured
	for name, child := range w.children(p) {
		if child.GetKind() == "PostgresCluster" {
			continue // a database is not deleted lightly
		}
		uid := child.GetUID()
		if err := cluster.Delete(t.Context(), child.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		if child.GetKind() == "Job" {
			finished = append(finished, child)
			continue
		}
		w.until(name+" back", func(ctx context.Context) error {
			live := child.DeepCopy()
			if err := cluster.Get(ctx, client.ObjectKeyFromObject(live), live); err != nil {
				return err
			}
			if live.GetUID() == uid {
				return errors.New("it is still the old one")
			}
			return nil
		})
	}
	w.untilReady(p)
	for _, job := range finished {
		w.until("the Job gone for good, as after its TTL", func(ctx context.Context) error { return gone(ctx, &job) })
	}
}

func TestWhatIsNotPlannedAnyMoreGoes(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("production")
	budget := w.object("PodDisruptionBudget", "blog-user")
	w.get(budget)
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Services.User.Replicas = new(int32(1)) })
	w.until("its PodDisruptionBudget gone", func(ctx context.Context) error { return gone(ctx, budget) })
	w.untilReady(p)
}

func TestASuspendedPlatformIsLeftAlone(t *testing.T) {
	shareOperator(t)
	w := newWorld(t)
	p := w.givenReady("staging")
	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = new(true) })
	w.untilCondition(p, v1alpha1.ConditionSuspended, metav1.ConditionTrue, "Suspended", "")
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionUnknown, "Suspended", "")
	w.untilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "Serving", "")

	rollout := w.get(w.object("Rollout", "blog-user"))
	if err := errors.Join(set(int64(7), "spec", "replicas")(rollout), cluster.Update(t.Context(), rollout)); err != nil {
		t.Fatal(err)
	}
	sevenReady := func(ctx context.Context) error {
		if err := w.refresh(ctx, p); err != nil {
			return err
		}
		for _, s := range p.Status.Services {
			if s.Name == "user" && s.Ready == 7 && s.Desired == 7 {
				return nil
			}
		}
		return fmt.Errorf("services: %+v", p.Status.Services)
	}
	w.until("the edit seen in the status and left in place", sevenReady)

	w.edit(p, func(p *v1alpha1.BlogPlatform) { p.Spec.Suspend = nil })
	w.untilReady(p)
	if replicas, _, _ := unstructured.NestedInt64(w.get(rollout).Object, "spec", "replicas"); replicas != 1 {
		t.Errorf("the edit was left in place after the suspension: %d replicas", replicas)
	}
}
