package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/screen"
	"blogplatform.io/operator/internal/plan"
)

// minKubernetes is the first version with all that a platform is made of in
// stable form: CEL for policies and CRDs, and metrics by container to scale by.
// Native sidecars are on by default since the one before.
var minKubernetes = version.MajorMinor(1, 30)

func kubernetesVersion(_ context.Context, c *checker) []Result {
	const name = "Kubernetes"
	running, err := version.ParseGeneric(c.version.GitVersion)
	if err != nil {
		return []Result{{name, screen.Attention, c.version.GitVersion + ", which is no version that can be compared", "see that it is " + minKubernetes.String() + " or newer"}}
	}
	if running.LessThan(minKubernetes) {
		return []Result{{name, screen.Failed, c.version.GitVersion, "upgrade to " + minKubernetes.String() + " or newer, for the rules of the CRD, for native sidecars and for metrics by container"}}
	}
	return []Result{{Name: name, Text: c.version.GitVersion}}
}

// peer is a project whose kinds a platform is made of.
type peer struct {
	name string
	// groups of its kinds.
	groups []string
	// deployed tells its controller's Deployment by its name.
	deployed func(name string) bool
	// tested is the version that the operator is developed against, as far as its images' tags tell.
	tested *version.Version
}

var peers = []peer{
	{"Istio", []string{"networking.istio.io", "security.istio.io"}, func(n string) bool { return strings.HasPrefix(n, "istiod") }, version.MustParseGeneric("1.31.0")},
	{"cert-manager", []string{"cert-manager.io"}, func(n string) bool { return n == "cert-manager" }, version.MustParseGeneric("1.21.0")},
	{"Sealed Secrets", []string{"bitnami.com"}, func(n string) bool { return strings.Contains(n, "sealed-secrets") }, version.MustParseGeneric("0.36.0")},
	{"Argo Rollouts", []string{"argoproj.io"}, func(n string) bool { return n == "argo-rollouts" }, version.MustParseGeneric("1.10.0")},
	{"Crunchy PostgreSQL operator", []string{"postgres-operator.crunchydata.com"}, func(n string) bool {
		return n == "pgo" || strings.Contains(n, "postgres-operator") || strings.Contains(n, "postgresql-operator")
	}, nil},
}

// peerKinds asks discovery, which everybody may read.
func peerKinds(_ context.Context, c *checker) []Result {
	var results []Result
	for _, p := range peers {
		results = append(results, kindsOf(c, p))
	}
	return results
}

func kindsOf(c *checker, p peer) Result {
	name := p.name + " kinds"
	var served, missing []string
	for _, kind := range plan.Kinds {
		if !slices.Contains(p.groups, kind.Group) {
			continue
		}
		list, err := c.clientset.Discovery().ServerResourcesForGroupVersion(kind.GroupVersion().String())
		if err != nil && !apierrors.IsNotFound(err) {
			return unreadable(name, "the kinds of "+kind.Group, err)
		}
		word := kind.Kind + " " + kind.Version
		if err == nil && slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Kind == kind.Kind }) {
			served = append(served, word)
		} else {
			missing = append(missing, word)
		}
	}
	if len(missing) > 0 {
		return Result{name, screen.Failed, "missing: " + strings.Join(missing, ", "), "install " + p.name + " with its CRDs (group " + strings.Join(p.groups, ", ") + ")"}
	}
	return Result{Name: name, Text: strings.Join(served, ", ")}
}

// controllers looks for the Deployments of the peers, wherever they are.
func controllers(ctx context.Context, c *checker) []Result {
	all, err := c.deployments(ctx)
	if err != nil {
		return []Result{unreadable("Controllers", "Deployments of all namespaces", err)}
	}
	var results []Result
	for _, p := range peers {
		results = append(results, all.state(p.name, p.deployed, p.tested,
			Result{p.name, screen.Attention, "no Deployment of the usual name", "install it, unless it runs under another name or outside this cluster"}))
	}
	return results
}

func gateway(ctx context.Context, c *checker) []Result {
	name, where := "Ingress gateway", c.GatewayNamespace+"/"+c.GatewayService
	_, err := c.clientset.CoreV1().Services(c.GatewayNamespace).Get(ctx, c.GatewayService, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return []Result{{name, screen.Attention, "there is no Service " + where, "install an Istio ingress gateway, or name yours by --gateway namespace/service and in spec.gateway"}}
	case err != nil:
		return []Result{unreadable(name, "Service "+where, err)}
	}
	return []Result{{Name: name, Text: "Service " + where}}
}

// isDefaultClass marks the StorageClass of claims that name none (k8s.io/kubernetes pkg/apis/storage/util).
const isDefaultClass = "storageclass.kubernetes.io/is-default-class"

func storage(ctx context.Context, c *checker) []Result {
	const name = "Storage"
	classes, err := c.clientset.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	switch {
	case err != nil:
		return []Result{unreadable(name, "StorageClasses", err)}
	case len(classes.Items) == 0:
		return []Result{{name, screen.Failed, "there is no StorageClass", "install a CSI driver with a StorageClass: PostgreSQL and its backups need volumes"}}
	}
	var names []string
	for _, class := range classes.Items {
		if class.Annotations[isDefaultClass] == "true" {
			return []Result{{Name: name, Text: "StorageClass " + class.Name + " is the default" + growable(class)}}
		}
		names = append(names, class.Name)
	}
	return []Result{{name, screen.Attention, "no StorageClass is the default", "name one in spec.database.storage and its backups: " + strings.Join(names, ", ")}}
}

func growable(class storagev1.StorageClass) string {
	if class.AllowVolumeExpansion != nil && *class.AllowVolumeExpansion {
		return ", and its volumes can grow"
	}
	return ", and its volumes cannot grow"
}

func metrics(_ context.Context, c *checker) []Result {
	const name, group = "Resource metrics", "metrics.k8s.io/v1beta1"
	_, err := c.clientset.Discovery().ServerResourcesForGroupVersion(group)
	switch {
	case apierrors.IsNotFound(err):
		return []Result{{name, screen.Attention, "nobody serves " + group, "install metrics-server, without which nothing scales by itself"}}
	case err != nil:
		return []Result{unreadable(name, group, err)}
	}
	return []Result{{Name: name, Text: group}}
}

// namespace looks at whether pods of a platform would start there.
func namespace(ctx context.Context, c *checker) []Result {
	name := "Namespace " + c.Namespace
	found, err := c.clientset.CoreV1().Namespaces().Get(ctx, c.Namespace, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return []Result{{name, screen.Failed, "it does not exist", "create it, with the labels istio-injection=enabled and " + enforce + "=restricted; or name another by -n"}}
	case err != nil:
		return []Result{unreadable(name, "Namespace "+c.Namespace, err)}
	}
	return []Result{podSecurity(name, found), c.sidecar(ctx)}
}

// enforce is the label of Pod Security admission.
const enforce = "pod-security.kubernetes.io/enforce"

func podSecurity(name string, found *corev1.Namespace) Result {
	if level := found.Labels[enforce]; level != "restricted" {
		return Result{name, screen.Attention, "Pod Security does not enforce the restricted level", fmt.Sprintf("kubectl label namespace %s --overwrite %s=restricted", found.Name, enforce)}
	}
	return Result{Name: name, Text: "Pod Security enforces the restricted level"}
}

// sidecar asks the API server what it would make of a pod, as the operator does.
func (c *checker) sidecar(ctx context.Context) Result {
	const name = "Sidecars"
	pod, err := c.clientset.CoreV1().Pods(c.Namespace).Create(ctx, restrictedPod(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	hint := fmt.Sprintf("kubectl label namespace %s istio-injection=enabled; run istiod 1.27 or newer with native sidecars and istio-cni", c.Namespace)
	named := func(container corev1.Container) bool { return container.Name == "istio-proxy" }
	switch {
	case err != nil:
		return unreadable(name, "what becomes of a pod (create pods) in namespace "+c.Namespace, err)
	case slices.ContainsFunc(pod.Spec.InitContainers, named):
		return Result{Name: name, Text: "pods get a native sidecar"}
	case slices.ContainsFunc(pod.Spec.Containers, named):
		return Result{name, screen.Failed, "pods get a sidecar that is not native, beside which no Job ends", hint}
	}
	return Result{name, screen.Failed, "pods get no sidecar", hint}
}

// restrictedPod is admitted under the restricted level.
func restrictedPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "kubectl-blog-check-"},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: new(false),
			SecurityContext:              &corev1.PodSecurityContext{RunAsNonRoot: new(true), RunAsUser: new(int64(65532)), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{Name: "check", Image: "registry.k8s.io/pause", SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}}},
		},
	}
}
