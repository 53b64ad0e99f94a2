package charts

import (
	"context"
	"errors"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/test/given"
	"blogplatform.io/operator/test/helm"
)

var (
	// cluster is reached by somebody who may do everything.
	cluster client.Client
	// kubeconfig is theirs.
	kubeconfig string
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	controlplane.Main(m, controlplane.Options{WithoutCRDs: true, ControllerManager: true}, func(cp *controlplane.ControlPlane) {
		kubeconfig = cp.Kubeconfig
		var err error
		if cluster, err = client.New(cp.Config, client.Options{}); err == nil {
			err = errors.Join(cluster.Create(context.Background(), given.Namespace(operator.Namespace)), cluster.Create(context.Background(), given.Namespace("g11-stg")))
		}
		if err != nil {
			cp.Stop()
			log.Fatal(err)
		}
	})
}

const crdName = "blogplatforms.blogplatform.io"

// engineer is somebody who installs the operator by Helm.
type engineer struct {
	*testing.T
	helm.Cluster
}

// newEngineer has a cluster without an operator. At the end of the test nothing of it is left.
func newEngineer(t *testing.T) engineer {
	t.Helper()
	e := engineer{t, helm.Cluster{Kubeconfig: kubeconfig, Namespace: operator.Namespace}}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, _ = e.Uninstall(operator.Name)
		crd := object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crdName)
		_ = cluster.Delete(ctx, crd)
		e.until(ctx, "a cluster without the CRD", func(ctx context.Context) error { return gone(ctx, crd) })
	})
	return e
}

func object(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// gone is nil once an object is not there.
func gone(ctx context.Context, u *unstructured.Unstructured) error {
	err := cluster.Get(ctx, client.ObjectKeyFromObject(u), u.DeepCopy())
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil
	}
	return errors.Join(err, errors.New(u.GetKind()+" "+u.GetName()+" is still there"))
}

func (e engineer) until(ctx context.Context, what string, condition func(context.Context) error) {
	e.Helper()
	if err := given.Await(ctx, condition); err != nil {
		e.Fatalf("waiting for %s: %v", what, err)
	}
}

func (e engineer) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// get reads an object that must be there.
func (e engineer) get(u *unstructured.Unstructured) *unstructured.Unstructured {
	e.Helper()
	e.must(cluster.Get(e.Context(), client.ObjectKeyFromObject(u), u))
	return u
}

func (e engineer) deployment() *appsv1.Deployment {
	e.Helper()
	deployment := &appsv1.Deployment{}
	e.must(cluster.Get(e.Context(), types.NamespacedName{Namespace: operator.Namespace, Name: "blogplatform-controller-manager"}, deployment))
	return deployment
}

// image of the operator that is deployed.
func (e engineer) image() string {
	e.Helper()
	return e.deployment().Spec.Template.Spec.Containers[0].Image
}

// knows answers whether the API server knows a field of spec.
func (e engineer) knows(field string) bool {
	e.Helper()
	crd := e.get(object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", crdName))
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	_, known, _ := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema", "properties", "spec", "properties", field)
	return known
}

// platform creates a BlogPlatform from the sample, once the API server serves the kind.
func (e engineer) platform() *unstructured.Unstructured {
	e.Helper()
	text, err := os.ReadFile(root + "/config/samples/blogplatform_staging.yaml")
	e.must(err)
	p := &unstructured.Unstructured{}
	e.must(yaml.Unmarshal(text, &p.Object))
	e.until(e.Context(), "BlogPlatforms to be served", func(ctx context.Context) error { return cluster.Create(ctx, p) })
	return p
}

// same fails the test unless a platform is the one that was created.
func (e engineer) same(p *unstructured.Unstructured, when string) {
	e.Helper()
	live := e.get(object(p.GetAPIVersion(), p.GetKind(), p.GetNamespace(), p.GetName()))
	if live.GetUID() != p.GetUID() || live.GetDeletionTimestamp() != nil {
		e.Errorf("%s BlogPlatform %s is another one, or is being deleted", when, p.GetName())
	}
}

// earlier is the chart as a release before this one had it: its CRD lacks the
// field spec.suspend, and there is no overrider.
func earlier(t *testing.T) *chart.Chart {
	t.Helper()
	read, err := helm.Load(folder("blogplatform-operator"))
	if err != nil {
		t.Fatal(err)
	}
	read.Metadata.Version, read.Metadata.AppVersion = "0.1.0", "0.1.0"
	for _, file := range read.Files {
		if strings.HasPrefix(file.Name, "files/crd/") {
			file.Data = withoutSuspend(t, file.Data)
		}
	}
	for i, file := range read.Files {
		if strings.HasSuffix(file.Name, "overrider_role.yaml") {
			read.Files = slices.Delete(read.Files, i, i+1)
			break
		}
	}
	return read
}

func withoutSuspend(t *testing.T, text []byte) []byte {
	t.Helper()
	crd := map[string]any{}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	versions, _, _ := unstructured.NestedSlice(crd, "spec", "versions")
	unstructured.RemoveNestedField(versions[0].(map[string]any), "schema", "openAPIV3Schema", "properties", "spec", "properties", "suspend")
	if err := unstructured.SetNestedSlice(crd, versions, "spec", "versions"); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(crd)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const (
	imageBefore = "image: {digest: \"sha256:1111111111111111111111111111111111111111111111111111111111111111\"}"
	imageAfter  = "image: {digest: \"sha256:2222222222222222222222222222222222222222222222222222222222222222\"}"
)

// TestAnOperatorComesChangesGoesBackAndGoes, and its platforms stay the ones that they are.
func TestAnOperatorComesChangesGoesBackAndGoes(t *testing.T) {
	e := newEngineer(t)
	overrider := object("rbac.authorization.k8s.io/v1", "ClusterRole", "", "blogplatform-blogplatform-overrider-role")
	e.must(e.Install(operator.Name, earlier(t), values(t, imageBefore), false))
	p := e.platform()
	if e.knows("suspend") || gone(t.Context(), overrider) != nil {
		t.Fatal("the chart before is not the one before")
	}

	e.must(e.Upgrade(operator.Name, load(t, "blogplatform-operator"), values(t, imageAfter)))
	e.same(p, "after the upgrade")
	e.get(overrider)
	if !e.knows("suspend") || !strings.HasSuffix(e.image(), strings.Repeat("2", 64)) {
		t.Errorf("after the upgrade the CRD is of before, or the image: %s", e.image())
	}

	e.must(e.Rollback(operator.Name, 1))
	e.same(p, "after the rollback")
	if e.knows("suspend") || !strings.HasSuffix(e.image(), strings.Repeat("1", 64)) || gone(t.Context(), overrider) != nil {
		t.Errorf("after the rollback something is not of before: %s", e.image())
	}

	e.must(e.Upgrade(operator.Name, load(t, "blogplatform-operator"), values(t, imageAfter)))
	left, err := e.Uninstall(operator.Name)
	e.must(err)
	if !strings.Contains(left, crdName) {
		t.Errorf("the notes do not say that the CRD stays: %q", left)
	}
	e.same(p, "after the uninstall")
	for _, object := range render(t, "blogplatform-operator", operator, digest).Objects {
		if object.GetKind() != "CustomResourceDefinition" {
			e.until(t.Context(), "the uninstall", func(ctx context.Context) error { return gone(ctx, object) })
		}
	}

	e.must(e.Install(operator.Name, load(t, "blogplatform-operator"), values(t, imageAfter), false))
	e.same(p, "after it was installed again")
}

// TestTheCRDStaysWhenSomebodyElseLooksAfterIt from now on.
func TestTheCRDStaysWhenSomebodyElseLooksAfterIt(t *testing.T) {
	e := newEngineer(t)
	e.must(e.Install(operator.Name, load(t, "blogplatform-operator"), values(t, imageBefore), false))
	p := e.platform()
	e.must(e.Upgrade(operator.Name, load(t, "blogplatform-operator"), values(t, imageBefore, "crd: {install: false}")))
	e.same(p, "without a CRD in the chart")
}

// TestAnOperatorOfKustomizeIsTakenOver, if people say so.
func TestAnOperatorOfKustomizeIsTakenOver(t *testing.T) {
	e := newEngineer(t)
	objects := kustomized(t, "default")
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		if objects[name].GetKind() != "Namespace" {
			e.must(cluster.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(objects[name]), client.FieldOwner("kubectl"), client.ForceOwnership))
		}
	}
	p, before := e.platform(), e.deployment().UID
	err := e.Install(operator.Name, load(t, "blogplatform-operator"), values(t, imageAfter), false)
	if err == nil || !strings.Contains(err.Error(), "invalid ownership metadata") {
		t.Fatalf("it was taken over without a word: %v", err)
	}
	e.must(e.Install(operator.Name, load(t, "blogplatform-operator"), values(t, imageAfter), true))
	e.same(p, "after it was taken over")
	if d := e.deployment(); d.UID != before || *d.Spec.Replicas != 2 || !strings.HasSuffix(e.image(), strings.Repeat("2", 64)) {
		t.Errorf("the operator is %s with %d pods of %s, it was %s", d.UID, *d.Spec.Replicas, e.image(), before)
	}
}

// TestAClusterHasOneOperator: another release would undo the first.
func TestAClusterHasOneOperator(t *testing.T) {
	e := newEngineer(t)
	e.must(e.Install(operator.Name, load(t, "blogplatform-operator"), values(t, imageBefore), false))
	err := e.Install("another", load(t, "blogplatform-operator"), values(t, imageBefore), false)
	if err == nil || !strings.Contains(err.Error(), `must equal "another": current value is "`+operator.Name+`"`) {
		t.Errorf("a second operator is installed: %v", err)
	}
}

// TestAMonitorNeedsItsKind, and without it nothing of the operator is installed.
func TestAMonitorNeedsItsKind(t *testing.T) {
	e := newEngineer(t)
	err := e.Install(operator.Name, load(t, "blogplatform-operator"), values(t, imageBefore, "monitoring: {enabled: true}"), false)
	if err == nil || !strings.Contains(err.Error(), "ServiceMonitor") {
		t.Errorf("the answer is %v", err)
	}
	if err := gone(t.Context(), object("apps/v1", "Deployment", operator.Namespace, "blogplatform-controller-manager")); err != nil {
		t.Error(err)
	}
}

// TestPodsOfTheOperatorAreAdmitted where only restricted pods are.
func TestPodsOfTheOperatorAreAdmitted(t *testing.T) {
	e := newEngineer(t)
	e.must(e.Install(operator.Name, load(t, "blogplatform-operator"), values(t, imageBefore), false))
	template := e.deployment().Spec.Template
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: operator.Namespace, GenerateName: "admitted-", Labels: template.Labels}, Spec: template.Spec}
	e.must(cluster.Create(t.Context(), pod, client.DryRunAll))
	pod.Spec.SecurityContext, pod.Name = nil, ""
	if err := cluster.Create(t.Context(), pod, client.DryRunAll); !apierrors.IsForbidden(err) {
		t.Errorf("this cluster admits every pod: %v", err)
	}
}

// TestWhatProtectsTheOperatorSelectsItsPods and nobody else's.
func TestWhatProtectsTheOperatorSelectsItsPods(t *testing.T) {
	objects := byName(render(t, "blogplatform-operator", operator, everything).Objects)
	var deployment appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(objects["Deployment blogplatform-system/blogplatform-controller-manager"].Object, &deployment); err != nil {
		t.Fatal(err)
	}
	pods := deployment.Spec.Template.Labels
	for name, path := range map[string][]string{
		"PodDisruptionBudget blogplatform-system/blogplatform-controller-manager": {"spec", "selector", "matchLabels"},
		"NetworkPolicy blogplatform-system/blogplatform-controller-manager":       {"spec", "podSelector", "matchLabels"},
		"Service blogplatform-system/blogplatform-controller-manager-metrics":     {"spec", "selector"},
	} {
		selector, found, err := unstructured.NestedStringMap(objects[name].Object, path...)
		if !found || err != nil || len(selector) == 0 {
			t.Errorf("%s selects nothing in particular: %v", name, err)
		}
		for key, value := range selector {
			if pods[key] != value {
				t.Errorf("%s selects %s=%s, and the pods have %q", name, key, value, pods[key])
			}
		}
	}
	monitor, _, _ := unstructured.NestedStringMap(objects["ServiceMonitor blogplatform-system/blogplatform-operator"].Object, "spec", "selector", "matchLabels")
	service := objects["Service blogplatform-system/blogplatform-controller-manager-metrics"].GetLabels()
	if len(monitor) == 0 {
		t.Error("the monitor selects nothing in particular")
	}
	for key, value := range monitor {
		if service[key] != value {
			t.Errorf("the monitor selects %s=%s, and the Service has %q", key, value, service[key])
		}
	}
}
