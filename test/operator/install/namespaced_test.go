package install

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/controllers"
	"blogplatform.io/operator/test/kustomize"
	"blogplatform.io/operator/test/operator/harness"
)

// serviceAccount is the operator, as config deploys it.
const serviceAccount = "system:serviceaccount:blogplatform-system:blogplatform-controller-manager"

// rendered are the objects of a folder of config.
func rendered(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := kustomize.Objects(harness.ControlPlane.Cache.Root, folder)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// as converts an object that was rendered.
func as[T any](t *testing.T, object *unstructured.Unstructured) (typed T) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &typed); err != nil {
		t.Fatal(err)
	}
	return typed
}

// namespaced is what config/namespaced gives and tells the operator.
type namespaced struct {
	// rights are roles and bindings.
	rights []*unstructured.Unstructured
	// roles are the rules of each ClusterRole, bound the namespaces of each in RoleBindings.
	roles map[string][]rbacv1.PolicyRule
	bound map[string][]string
	// clusterWide are the ClusterRoles that are bound everywhere.
	clusterWide []string
	args        []string
}

func readNamespaced(t *testing.T) namespaced {
	t.Helper()
	n := namespaced{roles: map[string][]rbacv1.PolicyRule{}, bound: map[string][]string{}}
	for _, object := range rendered(t, "namespaced") {
		switch object.GetKind() {
		case "ClusterRole":
			n.roles[object.GetName()] = as[rbacv1.ClusterRole](t, object).Rules
		case "ClusterRoleBinding":
			n.clusterWide = append(n.clusterWide, as[rbacv1.ClusterRoleBinding](t, object).RoleRef.Name)
		case "RoleBinding":
			binding := as[rbacv1.RoleBinding](t, object)
			n.bound[binding.RoleRef.Name] = append(n.bound[binding.RoleRef.Name], binding.Namespace)
		case "Deployment":
			n.args = as[appsv1.Deployment](t, object).Spec.Template.Spec.Containers[0].Args
			continue
		default:
			continue
		}
		n.rights = append(n.rights, object)
	}
	return n
}

// of is the value of an argument, a list.
func (n namespaced) of(argument string) []string {
	for _, arg := range n.args {
		if value, ok := strings.CutPrefix(arg, argument+"="); ok {
			return strings.Split(value, ",")
		}
	}
	return nil
}

// TestTheRightsInNamespacesAreThoseThatTheOperatorIsTold: what it watches it may
// read, everywhere it has rights only to what has no namespace, and no right of the
// generated role is left out.
func TestTheRightsInNamespacesAreThoseThatTheOperatorIsTold(t *testing.T) {
	n := readNamespaced(t)
	for role, argument := range map[string]string{"blogplatform-manager-role": "--watch-namespaces", "blogplatform-manager-gateway-role": "--gateway-namespaces"} {
		bound, named := slices.Sorted(slices.Values(n.bound[role])), slices.Sorted(slices.Values(n.of(argument)))
		if len(bound) == 0 || !slices.Equal(bound, named) {
			t.Errorf("%s is bound in %v, and %s names %v", role, bound, argument, named)
		}
	}
	const everywhere = "blogplatform-manager-cluster-role"
	if !slices.Equal(n.clusterWide, []string{everywhere}) {
		t.Errorf("bound everywhere: %v", n.clusterWide)
	}
	withoutNamespace := []string{"namespaces", "customresourcedefinitions", "clusterissuers", "tokenreviews", "subjectaccessreviews"}
	allowed := map[string][]string{}
	for _, rule := range n.roles[everywhere] {
		for _, resource := range rule.Resources {
			allowed[resource] = slices.Sorted(slices.Values(rule.Verbs))
		}
	}
	if len(allowed) != len(withoutNamespace) {
		t.Errorf("allowed everywhere: %v", allowed)
	}
	for _, rule := range n.roles["blogplatform-manager-role"] {
		for _, resource := range rule.Resources {
			if slices.Contains(withoutNamespace, resource) && !slices.Equal(allowed[resource], slices.Sorted(slices.Values(rule.Verbs))) {
				t.Errorf("%s of %s everywhere, want %s", allowed[resource], resource, rule.Verbs)
			}
		}
	}
}

// TestAnOperatorOfSomeNamespaces has no rights elsewhere, asks for nothing that it
// may not do, and leaves the platforms of other namespaces alone. It has the
// cluster for itself.
func TestAnOperatorOfSomeNamespaces(t *testing.T) {
	elsewhere := newWorld(t)
	n := readNamespaced(t)
	elsewhere.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "blogplatform-system"}})
	stg, prod := world{harness.World{T: t, Namespace: "g11-stg"}}, world{harness.World{T: t, Namespace: "g11-prod"}}
	for _, w := range []world{stg, prod} {
		w.CreateNamespace(w.Namespace)
	}
	for _, object := range n.rights {
		elsewhere.Create(object)
	}

	since := harness.Tail(t)
	harness.Start(t, func(options *controllers.Options, config *rest.Config) {
		options.WatchNamespaces, options.GatewayNamespaces = n.of("--watch-namespaces"), n.of("--gateway-namespaces")
		config.Impersonate = rest.ImpersonationConfig{UserName: serviceAccount}
	})
	ignored := elsewhere.Given("staging")
	staging := stg.GivenReady("staging")
	production := prod.GivenReady("production", harness.Release("v1.0.0"), func(p *v1alpha1.BlogPlatform) {
		p.Spec.Promotion.From = v1alpha1.PlatformReference{Namespace: elsewhere.Namespace, Name: "blog"}
	})
	prod.Edit(production, harness.Release("v2.0.0"))
	prod.UntilCondition(production, v1alpha1.ConditionPromotionAllowed, metav1.ConditionFalse, "StagingNotWatched",
		"the operator does not watch namespace "+elsewhere.Namespace+", so it cannot see what BlogPlatform "+elsewhere.Namespace+"/blog has verified; have the namespace added to the operator's --watch-namespaces")
	stg.DeletePlatform(staging)
	prod.DeletePlatform(production)

	if err := elsewhere.Refresh(t.Context(), ignored); err != nil {
		t.Fatal(err)
	}
	if len(ignored.Finalizers) > 0 || meta.FindStatusCondition(ignored.Status.Conditions, v1alpha1.ConditionReady) != nil {
		t.Errorf("the platform of another namespace was touched: %v, %s", ignored.Finalizers, harness.ConditionsOf(ignored))
	}
	requests := harness.RequestsOf(t, serviceAccount, since)
	if len(requests) == 0 {
		t.Error("the audit log has no request of the operator")
	}
	for _, e := range requests {
		if e.ResponseStatus.Code == 403 {
			t.Errorf("forbidden: %s %s", e.Verb, e.RequestURI)
		}
	}
	if err := harness.Cluster.Delete(t.Context(), ignored); err != nil {
		t.Fatal(err)
	}
	elsewhere.UntilGone(ignored)
}
