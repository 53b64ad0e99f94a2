package gitops

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/gitops"
	"blogplatform.io/operator/test/helm"
)

var (
	// cluster is reached by somebody who may do everything.
	cluster client.Client
	// cache finds modules.
	cache *build.Cache
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	controlplane.Main(m, controlplane.Options{}, func(cp *controlplane.ControlPlane) {
		cache = cp.Cache
		var err error
		if cluster, err = client.New(cp.Config, client.Options{}); err != nil {
			cp.Stop()
			log.Fatal(err)
		}
	})
}

// source is where a chart lies in a Go module.
type source struct {
	module build.Module
	path   string
	// siblings are charts of the module that this one depends on.
	siblings []string
	// placeholder is true where the chart has its version only once it is released.
	placeholder bool
}

var (
	istio      = build.Module{Dir: "hack/cluster/istio", Path: "istio.io/istio"}
	argoHelm   = build.Module{Dir: "hack/charts/upstream", Path: "github.com/argoproj/argo-helm"}
	prometheus = build.Module{Dir: "hack/charts/upstream", Path: "github.com/prometheus-community/helm-charts"}
)

// sources of the charts that are rendered, by component.
var sources = map[string]source{
	"calico":         {module: build.Module{Dir: "hack/charts/upstream", Path: "github.com/projectcalico/calico"}, path: "charts/tigera-operator", placeholder: true},
	"metrics-server": {module: build.Module{Dir: "hack/cluster/metricsserver", Path: "sigs.k8s.io/metrics-server"}, path: "charts/metrics-server"},
	"cert-manager":   {module: build.Module{Dir: ".", Path: "github.com/cert-manager/cert-manager"}, path: "deploy/charts/cert-manager", placeholder: true},
	"sealed-secrets": {module: build.Module{Dir: ".", Path: "github.com/bitnami-labs/sealed-secrets"}, path: "helm/sealed-secrets"},
	"istio-base":     {module: istio, path: "manifests/charts/base", placeholder: true},
	"istiod":         {module: istio, path: "manifests/charts/istio-control/istio-discovery", placeholder: true},
	"istio-cni":      {module: istio, path: "manifests/charts/istio-cni", placeholder: true},
	"istio-ingress":  {module: istio, path: "manifests/charts/gateway", placeholder: true},
	"argo-rollouts":  {module: argoHelm, path: "charts/argo-rollouts"},
	"kube-prometheus-stack": {module: prometheus, path: "charts/kube-prometheus-stack",
		siblings: []string{"charts/kube-state-metrics", "charts/prometheus-node-exporter"}},
}

// load reads the chart of a component.
func load(t *testing.T, c gitops.Component) *chart.Chart {
	t.Helper()
	if c.Name == "blogplatform-operator" {
		return loadFrom(t, filepath.Join(root, "charts", c.Name))
	}
	from, known := sources[c.Name]
	if !known {
		t.Fatalf("component %s is rendered by no test: add where its chart lies, or say in it why it is unrendered", c.Name)
	}
	module := moduleOf(t, from.module)
	dir := filepath.Join(module, from.path)
	if _, err := os.Stat(filepath.Join(dir, "Chart.yaml")); err != nil {
		dir = released(t, dir, c.Chart.Version)
	}
	read := loadFrom(t, dir)
	for _, sibling := range from.siblings {
		read.AddDependency(loadFrom(t, filepath.Join(module, sibling)))
	}
	if !from.placeholder && read.Metadata.Version != c.Chart.Version {
		t.Errorf("component %s has version %s, and what is rendered %s", c.Name, c.Chart.Version, read.Metadata.Version)
	}
	return read
}

func loadFrom(t *testing.T, dir string) *chart.Chart {
	t.Helper()
	read, err := helm.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// released is a copy of a chart whose Chart.yaml is written when it is released.
func released(t *testing.T, dir, version string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\nappVersion: %s\n", filepath.Base(dir), version, version)
	if err := os.WriteFile(filepath.Join(to, "Chart.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

func components(t *testing.T) []gitops.Component {
	t.Helper()
	read, err := gitops.Components(root)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// rendered are the objects of a component's chart with our values, CRDs first.
func rendered(t *testing.T, c gitops.Component) (crds, objects []*unstructured.Unstructured) {
	t.Helper()
	read := load(t, c)
	for _, crd := range read.CRDObjects() {
		more, err := controlplane.ParseObjects(crd.File.Data)
		if err != nil {
			t.Fatal(err)
		}
		crds = append(crds, more...)
	}
	answer, err := helm.Render(read, helm.Named{Name: c.Name, Namespace: c.Namespace}, c.Values)
	if err != nil {
		t.Fatal(err)
	}
	// Argo CD and Flux run what the chart has for before and after an install, too.
	for _, object := range append(answer.Objects, answer.Hooks...) {
		if object.GetKind() == "CustomResourceDefinition" {
			crds = append(crds, object)
		} else {
			objects = append(objects, object)
		}
	}
	return crds, objects
}

// TestTheAPIServerTakesWhatOurValuesRender: each chart that a Go module holds, with
// the values of its component, by server-side dry run. The CRDs are really there.
func TestTheAPIServerTakesWhatOurValuesRender(t *testing.T) {
	count, unrendered := 0, []string(nil)
	for _, c := range components(t) {
		if c.Unrendered != "" {
			unrendered = append(unrendered, c.Name)
			continue
		}
		count++
		t.Run(c.Name, func(t *testing.T) {
			crds, objects := rendered(t, c)
			if err := controlplane.InstallCRDs(t.Context(), cluster, crds); err != nil {
				t.Fatal(err)
			}
			if len(objects) == 0 {
				t.Error("nothing was rendered")
			}
			given(t, c.Namespace)
			for _, object := range objects {
				if err := dryRun(t.Context(), object, c.Namespace); err != nil {
					t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
				}
			}
		})
	}
	t.Logf("%d charts rendered; not rendered: %s", count, strings.Join(unrendered, ", "))
}

func given(t *testing.T, namespace string) {
	t.Helper()
	err := cluster.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// dryRun applies an object to the API server, which keeps nothing of it.
func dryRun(ctx context.Context, object *unstructured.Unstructured, namespace string) error {
	object = object.DeepCopy()
	mapping, err := cluster.RESTMapper().RESTMapping(object.GroupVersionKind().GroupKind(), object.GroupVersionKind().Version)
	if err != nil {
		return err
	}
	if mapping.Scope.Name() == "namespace" && object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	err = cluster.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.DryRunAll, client.FieldOwner("test"), client.ForceOwnership)
	var status *apierrors.StatusError
	if errors.As(err, &status) && apierrors.IsNotFound(err) && status.ErrStatus.Details.Kind == "namespaces" {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: object.GetNamespace()}}
		return errors.Join(cluster.Create(ctx, ns), dryRun(ctx, object, namespace))
	}
	return err
}

// TestTheDocumentNamesWhatIsNotRendered, and what is.
func TestTheDocumentNamesWhatIsNotRendered(t *testing.T) {
	var are, areNot []string
	for _, c := range components(t) {
		if c.Unrendered != "" {
			areNot = append(areNot, c.Name)
		} else {
			are = append(are, c.Name)
		}
	}
	document := read(t, filepath.Join(root, "docs/gitops.md"))
	for row, names := range map[string][]string{"| Rendered with": are, "| **Not rendered**": areNot} {
		before, _, found := strings.Cut(document, " "+row)
		listed := strings.Split(before[strings.LastIndex(before, "\n| ")+len("\n| "):], ", ")
		slices.Sort(listed)
		slices.Sort(names)
		if !found || !slices.Equal(listed, names) {
			t.Errorf("docs/gitops.md lists before %q %q, want %q", row, listed, names)
		}
	}
}

// TestTheAPIServerTakesWhatIsDeployed besides charts: what the roots of Argo CD and Flux
// render, namespaces and both platforms among it. Helm releases of Flux are left out: their kind cannot be had.
func TestTheAPIServerTakesWhatIsDeployed(t *testing.T) {
	var kinds []*unstructured.Unstructured
	for _, object := range argoCD(t) {
		if object.GetKind() == "CustomResourceDefinition" {
			kinds = append(kinds, object)
		}
	}
	for _, controller := range []string{"kustomize-controller", "source-controller"} {
		dir := moduleOf(t, build.Module{Dir: "hack/charts/upstream", Path: "github.com/fluxcd/" + controller})
		files, err := filepath.Glob(filepath.Join(dir, "config/crd/bases/*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no kinds: %v", controller, err)
		}
		for _, file := range files {
			more, err := controlplane.ReadObjects(file)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, more...)
		}
	}
	if err := controlplane.InstallCRDs(t.Context(), cluster, kinds); err != nil {
		t.Fatal(err)
	}
	roots, err := controlplane.ReadObjects(filepath.Join(root, "config/gitops/argocd/roots/project.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	objects := roots
	for _, app := range applications(t) {
		objects = append(objects, app.Unstructured)
	}
	for _, folder := range []string{"argocd/production", "argocd/staging", "flux/production", "flux/staging", "flux/components", "environments/production", "environments/staging"} {
		objects = append(objects, kustomized(t, folder)...)
	}
	for _, object := range objects {
		if object.GetKind() == "HelmRelease" {
			continue
		}
		if err := dryRun(t.Context(), object, "default"); err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// argoCD are the objects of Argo CD itself, as docs/gitops.md installs it.
func argoCD(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	values, err := helm.Parse(read(t, filepath.Join(root, "config/gitops/argocd/values.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := helm.Render(loadFrom(t, filepath.Join(moduleOf(t, argoHelm), "charts/argo-cd")), helm.Named{Name: "argocd", Namespace: "argocd"}, values)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Objects
}

// TestArgoCDItselfIsTaken by the API server, and leaves our settings of it alone.
func TestArgoCDItselfIsTaken(t *testing.T) {
	given(t, "argocd")
	var own []string
	for _, object := range argoCD(t) {
		if err := dryRun(t.Context(), object, "argocd"); err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
		if object.GetKind() == "ConfigMap" && object.GetName() == "argocd-cm" {
			data, _, _ := unstructured.NestedStringMap(object.Object, "data")
			own = slices.Collect(maps.Keys(data))
		}
	}
	ours, _, _ := unstructured.NestedStringMap(kustomized(t, "argocd/settings")[0].Object, "data")
	for key := range ours {
		if slices.Contains(own, key) {
			t.Errorf("the chart of Argo CD and our settings both write %s", key)
		}
	}
	if len(own) == 0 {
		t.Error("Argo CD has no ConfigMap argocd-cm")
	}
}

func moduleOf(t *testing.T, module build.Module) string {
	t.Helper()
	dir, err := module.Build(t.Context(), cache)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// field answers what is at a path of an object: keys, and names of items of lists.
func field(object *unstructured.Unstructured, path string) string {
	var at any = object.Object
	for key := range strings.FieldsSeq(path) {
		switch value := at.(type) {
		case map[string]any:
			at = value[key]
		case []any:
			i := slices.IndexFunc(value, func(item any) bool { return item.(map[string]any)["name"] == key })
			if i < 0 {
				return "no " + key
			}
			at = value[i]
		default:
			return "nothing"
		}
	}
	return fmt.Sprint(at)
}

// TestOurValuesReachWhatTheyAreFor: a chart ignores a value that it does not know.
func TestOurValuesReachWhatTheyAreFor(t *testing.T) {
	const certManager = "spec template spec containers cert-manager-controller "
	for _, want := range []struct{ component, object, path, value string }{
		{"calico", "Installation default", "spec cni type", "Calico"},
		{"calico", "Installation default", "spec calicoNetwork bgp", "Disabled"},
		{"metrics-server", "Deployment metrics-server", "spec replicas", "2"},
		{"cert-manager", "Deployment cert-manager", certManager + "env AWS_ROLE_ARN value", "arn:aws:iam::111122223333:role/blog-cert-manager"},
		{"cert-manager", "Deployment cert-manager", certManager + "volumeMounts aws-token mountPath", "/var/run/secrets/aws"},
		{"sealed-secrets", "Service sealed-secrets-controller", "kind", "Service"},
		{"istiod", "Deployment istiod", "spec template spec containers discovery env ENABLE_NATIVE_SIDECARS value", "true"},
		{"istiod", "HorizontalPodAutoscaler istiod", "spec minReplicas", "2"},
		{"istio-ingress", "Service istio-ingress", "spec type", "NodePort"},
		{"istio-ingress", "Service istio-ingress", "spec ports http2 nodePort", "30080"},
		{"istio-ingress", "Service istio-ingress", "spec ports https nodePort", "30443"},
		{"istio-ingress", "Service istio-ingress", "spec selector istio", "ingressgateway"},
		{"istio-ingress", "Deployment istio-ingress", "spec template metadata annotations proxy.istio.io/config", `{"gatewayTopology": {"proxyProtocol": {}}}`},
		{"istio-ingress", "ServiceAccount istio-ingress", "kind", "ServiceAccount"},
		{"argo-rollouts", "Deployment argo-rollouts", "spec replicas", "2"},
		{"kube-prometheus-stack", "Service prometheus-prometheus", "spec ports http-web port", "9090"},
		{"kube-prometheus-stack", "Prometheus prometheus-prometheus", "spec storage volumeClaimTemplate spec storageClassName", "gp3"},
		{"blogplatform-operator", "Deployment blogplatform-controller-manager", "spec replicas", "2"},
	} {
		_, objects := rendered(t, named(t, want.component))
		i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return want.object == o.GetKind()+" "+o.GetName() })
		if i < 0 {
			t.Errorf("component %s has no %s", want.component, want.object)
			continue
		}
		if got := field(objects[i], want.path); got != want.value {
			t.Errorf("component %s: %s: %s is %q, want %q", want.component, want.object, want.path, got, want.value)
		}
	}
}

func named(t *testing.T, name string) gitops.Component {
	t.Helper()
	for _, c := range components(t) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no component %s", name)
	return gitops.Component{}
}

// TestEachRoleIsTakenByItsServiceAccount, as terraform/modules/identity allows it:
// with a token for AWS in a volume, so that no webhook has to be there before.
func TestEachRoleIsTakenByItsServiceAccount(t *testing.T) {
	pods := read(t, filepath.Join(root, "terraform/modules/identity/pods.tf"))
	for name, test := range map[string]struct {
		role, account string
		// values is where the chart has what belongs to the pod, env and the next two what it calls them.
		values               []string
		env, volumes, mounts string
	}{
		"aws-cloud-controller-manager": {"cloud-controller", "cloud-controller-manager", nil, "env", "extraVolumes", "extraVolumeMounts"},
		"aws-ebs-csi-driver":           {"ebs-csi", "ebs-csi-controller-sa", []string{"controller"}, "env", "volumes", "volumeMounts"},
		"aws-efs-csi-driver":           {"efs-csi", "efs-csi-controller-sa", []string{"controller"}, "env", "volumes", "volumeMounts"},
		"cluster-autoscaler":           {"cluster-autoscaler", "cluster-autoscaler", nil, "extraEnv", "extraVolumes", "extraVolumeMounts"},
		"cert-manager":                 {"cert-manager", "cert-manager", nil, "extraEnv", "volumes", "volumeMounts"},
	} {
		t.Run(name, func(t *testing.T) {
			c := named(t, name)
			values, found, err := unstructured.NestedMap(c.Values, test.values...)
			if !found || err != nil {
				t.Fatalf("there are no values at %q: %v", test.values, err)
			}
			values = map[string]any{"env": values[test.env], "volumes": values[test.volumes], "mounts": values[test.mounts]}
			pod := &unstructured.Unstructured{Object: values}
			role, file := field(pod, "env AWS_ROLE_ARN value"), field(pod, "env AWS_WEB_IDENTITY_TOKEN_FILE value")
			if env, isMap := values["env"].(map[string]any); isMap {
				role, file = fmt.Sprint(env["AWS_ROLE_ARN"]), fmt.Sprint(env["AWS_WEB_IDENTITY_TOKEN_FILE"])
			}
			if !strings.HasSuffix(role, "/blog-"+test.role) {
				t.Errorf("it takes %s, want the role blog-%s", role, test.role)
			}
			if path := field(pod, "mounts aws-token mountPath") + "/token"; file != path {
				t.Errorf("it looks for its token at %s, and the volume has it at %s", file, path)
			}
			if all := fmt.Sprint(c.Values); strings.Contains(all, "serviceAccount:map[") && !strings.Contains(all, "serviceAccount:map[name:"+test.account+"]") {
				t.Errorf("its ServiceAccount has another name than %s", test.account)
			}
			volume := fmt.Sprint(values["volumes"])
			if !strings.Contains(volume, "audience:sts.amazonaws.com") || !strings.Contains(volume, "path:token") || !strings.Contains(volume, "name:aws-token") {
				t.Errorf("it has no token for AWS in %s", volume)
			}
			if want := fmt.Sprintf("%s = {\n      accounts = [%q]", test.role, c.Namespace+":"+test.account); !strings.Contains(pods, want) {
				t.Errorf("it is %s:%s, and the role %s is for somebody else", c.Namespace, test.account, test.role)
			}
		})
	}
}

// TestOneExampleGoesFromTerraformToGitOps: region, hosts and namespaces are those of the same cluster.
func TestOneExampleGoesFromTerraformToGitOps(t *testing.T) {
	variables := read(t, filepath.Join(root, "terraform/environments/example/terraform.tfvars.example"))
	platforms, err := gitops.Platforms(root)
	if err != nil {
		t.Fatal(err)
	}
	for environment, platform := range platforms {
		want := fmt.Sprintf("{ namespace = %q, hosts = [%q] }", platform.Namespace, strings.Join(platform.Spec.Hosts, `", "`))
		if !strings.Contains(variables, environment) || !strings.Contains(variables, want) {
			t.Errorf("terraform.tfvars.example has no %s with %s", environment, want)
		}
	}
	regions := regexp.MustCompile(`[a-z]{2}-[a-z]+-[0-9]`)
	want := regions.FindString(variables)
	texts := map[string]string{"issuers": read(t, filepath.Join(root, "config/gitops/issuers/letsencrypt.yaml"))}
	for _, c := range components(t) {
		texts[c.Name] = fmt.Sprint(c.Values)
	}
	found := 0
	for name, text := range texts {
		for _, region := range regions.FindAllString(text, -1) {
			found++
			if region != want {
				t.Errorf("%s is of the region %s, and terraform.tfvars.example of %s", name, region, want)
			}
		}
	}
	if found < 4 {
		t.Errorf("only %d values name a region", found)
	}
}
