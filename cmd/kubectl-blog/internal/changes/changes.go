package changes

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/aymanbagabas/go-udiff"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/plan"
)

// Find asks the API server what the operator would change until the platform is
// as its spec says: with its release, as if every gate were open.
func Find(ctx context.Context, c client.Client, p *platform.Platform) ([]apply.Change, error) {
	observed, err := observe(ctx, c, p)
	if err != nil {
		return nil, err
	}
	kept, err := sets(ctx, c, p)
	if err != nil {
		return nil, err
	}
	database, volumes, err := data(ctx, c, p)
	if err != nil {
		return nil, err
	}
	planned, err := plan.Build(plan.Input{Platform: p.BlogPlatform, Release: p.Spec.Release, Observed: observed, Database: database, Volumes: volumes,
		Run: plan.Run{Kept: kept, Attempt: p.Status.Release.Attempt}})
	if err != nil {
		return nil, fmt.Errorf("plan BlogPlatform %s: %w", p.Key(), err)
	}
	var children []apply.Child
	for _, child := range planned.Children {
		children = append(children, apply.Child{Object: child.Object, Retain: child.Retain})
	}
	found, err := apply.New(c, c, plan.Kinds...).Diff(ctx, p.BlogPlatform, children, p.Status.Inventory)
	if err != nil {
		return nil, fmt.Errorf("compare BlogPlatform %s with its children: %w", p.Key(), err)
	}
	found = slices.DeleteFunc(found, func(change apply.Change) bool { return finished(p, planned, change) })
	if len(found) > 0 && !slices.ContainsFunc(found, func(change apply.Change) bool { return !apierrors.IsForbidden(change.Err) }) {
		return nil, fmt.Errorf("try the children of BlogPlatform %s, for which you need the right to patch them: %w", p.Key(), found[0].Err)
	}
	return found, nil
}

// observe reads the children whose fields Argo Rollouts writes, too.
func observe(ctx context.Context, c client.Reader, p *platform.Platform) ([]*unstructured.Unstructured, error) {
	var observed []*unstructured.Unstructured
	for _, kind := range []string{"Service", "VirtualService", "DestinationRule", "Gateway"} {
		found, err := list(ctx, c, p, kind)
		if err != nil {
			return nil, err
		}
		observed = append(observed, found...)
	}
	return observed, nil
}

// sets are the ControllerRevisions that the platform goes on to keep: of its
// current release, and of those in its history that succeeded.
func sets(ctx context.Context, c client.Reader, p *platform.Platform) ([]*unstructured.Unstructured, error) {
	found, err := list(ctx, c, p, "ControllerRevision")
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{p.Names().Set(p.Status.Release.Current.Digest): true}
	for _, r := range p.Status.History {
		if r.Outcome == v1alpha1.OutcomeSucceeded {
			wanted[p.Names().Set(r.Digest)] = true
		}
	}
	return slices.DeleteFunc(found, func(u *unstructured.Unstructured) bool { return !wanted[u.GetName()] }), nil
}

// data is the database that there is, and its volumes. Who may not list volumes sees what would change without them.
func data(ctx context.Context, c client.Reader, p *platform.Platform) (database *unstructured.Unstructured, volumes []corev1.PersistentVolumeClaim, err error) {
	clusters, err := list(ctx, c, p, "PostgresCluster")
	if err != nil {
		return nil, nil, err
	}
	for _, cluster := range clusters {
		if cluster.GetName() == p.Names().Database() {
			database = cluster
		}
	}
	var claims corev1.PersistentVolumeClaimList
	err = c.List(ctx, &claims, client.InNamespace(p.Namespace), client.MatchingLabels{kube.LabelCluster: p.Names().Database()})
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, nil, fmt.Errorf("list volumes of PostgresCluster %s/%s: %w", p.Namespace, p.Names().Database(), err)
	}
	return database, claims.Items, nil
}

// list answers the platform's children of a kind, none if the cluster does not serve it.
func list(ctx context.Context, c client.Reader, p *platform.Platform, kind string) ([]*unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(platform.KindOf(plan.Kinds, kind).GroupVersion().WithKind(kind + "List"))
	err := c.List(ctx, list, client.InNamespace(p.Namespace), client.MatchingLabels(p.Names().ListLabels()))
	if platform.Unserved(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s in %s: %w", kind, p.Namespace, err)
	}
	var found []*unstructured.Unstructured
	for i := range list.Items {
		if p.Names().Owns(list.Items[i].GetLabels()) {
			found = append(found, &list.Items[i])
		}
	}
	return found, nil
}

// finished tells of a Job that is gone and need not run again.
func finished(p *platform.Platform, planned plan.Plan, change apply.Change) bool {
	object := change.Object()
	if object.GetKind() != "Job" || change.Action != apply.Created {
		return false
	}
	return slices.ContainsFunc(p.Status.Migrations, func(m v1alpha1.MigrationStatus) bool { return m.Job == object.GetName() }) ||
		object.GetName() == p.Names().VerifyJob(planned.Digest, p.Status.Release.Attempt) && p.Status.Release.Current.Digest == planned.Digest
}

// Text is a change as a unified diff of YAML, after a line that says what it is.
func Text(change apply.Change) string {
	object := change.Object()
	name := fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())
	if change.Err != nil {
		return fmt.Sprintf("--- %s\n+++ cannot be applied: %v\n", name, change.Err)
	}
	before, after := masked(tidied(change.Before), tidied(change.After))
	from, to := name, name
	if change.Before == nil {
		from = "nothing"
	}
	if change.After == nil {
		to = "nothing"
	}
	return udiff.Unified(from, to, Manifest(before), Manifest(after))
}

// Manifest is an object as YAML.
func Manifest(object *unstructured.Unstructured) string {
	if object == nil {
		return ""
	}
	raw, err := yaml.Marshal(object.Object)
	if err != nil {
		return fmt.Sprintf("# cannot be written: %v\n", err)
	}
	return string(raw)
}

// tidied is the object without what nobody asked for.
func tidied(object *unstructured.Unstructured) *unstructured.Unstructured {
	if object == nil {
		return nil
	}
	object = object.DeepCopy()
	unstructured.RemoveNestedField(object.Object, "status")
	for _, field := range []string{"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"} {
		unstructured.RemoveNestedField(object.Object, "metadata", field)
	}
	annotations := object.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation) // holds a whole object once more, its secrets too
	if len(annotations) == 0 {
		annotations = nil
	}
	object.SetAnnotations(annotations)
	return object
}

// secret are the fields that hold values which only workloads should see, or ciphertext of them.
var secret = map[schema.GroupKind][][]string{
	{Kind: "Secret"}: {{"data"}, {"stringData"}},
	{Group: "bitnami.com", Kind: "SealedSecret"}: {{"spec", "encryptedData"}, {"spec", "template", "data"}},
	{Group: "apps", Kind: "ControllerRevision"}:  {{"data", "sealed"}}, // a set of the operator's
}

// hidden stands for a value.
const hidden = "***"

// masked hides the values of secrets, and still shows which of them change, as
// kubectl diff does.
func masked(before, after *unstructured.Unstructured) (*unstructured.Unstructured, *unstructured.Unstructured) {
	for _, object := range []*unstructured.Unstructured{before, after} {
		if object == nil {
			continue
		}
		for _, fields := range secret[object.GroupVersionKind().GroupKind()] {
			mask(before, after, fields)
		}
		break
	}
	return before, after
}

func mask(before, after *unstructured.Unstructured, fields []string) {
	old, now := values(before, fields), values(after, fields)
	for key, value := range old {
		other, found := now[key]
		old[key] = hidden
		switch {
		case found && reflect.DeepEqual(value, other):
			now[key] = hidden
		case found:
			old[key], now[key] = hidden+" (before)", hidden+" (after)"
		}
	}
	for key := range now {
		if _, found := old[key]; !found {
			now[key] = hidden
		}
	}
}

// values are the map in an object itself, not a copy.
func values(object *unstructured.Unstructured, fields []string) map[string]any {
	if object == nil {
		return nil
	}
	value, _, _ := unstructured.NestedFieldNoCopy(object.Object, fields...)
	found, _ := value.(map[string]any)
	return found
}
