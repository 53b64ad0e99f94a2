package content

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/cluster/component"

	"blogplatform.io/operator/hack/cluster/kube"
)

// PlatformNamespaces are the namespaces of config/samples. They are good for
// use once a pod in each has been given a sidecar and is ready: a pod that
// starts earlier would run outside the mesh.
var PlatformNamespaces = component.Component{
	Name: "namespaces of the two blogs in the mesh",
	Start: func(ctx context.Context, c *component.Cluster) error {
		namespaces, err := sampleNamespaces(ctx, c)
		if err != nil {
			return err
		}
		return c.Apply(ctx, namespaces...)
	},
	Ready: func(ctx context.Context, c *component.Cluster) error {
		namespaces, err := sampleNamespaces(ctx, c)
		if err != nil {
			return err
		}
		for _, namespace := range namespaces {
			if err := sendCanary(ctx, c, namespace.GetName()); err != nil {
				return err
			}
		}
		return nil
	},
}

func sampleNamespaces(ctx context.Context, c *component.Cluster) ([]*unstructured.Unstructured, error) {
	objects, err := kustomize(ctx, c, "config/samples")
	var namespaces []*unstructured.Unstructured
	for _, object := range objects {
		if object.GetKind() == "Namespace" {
			namespaces = append(namespaces, object)
		}
	}
	return namespaces, err
}

// sendCanary runs a pod under the restricted profile until it and its sidecar are ready, and removes it.
func sendCanary(ctx context.Context, c *component.Cluster, namespace string) error {
	pods := c.Clientset.CoreV1().Pods(namespace)
	var pod *corev1.Pod
	err := kube.Poll(ctx, "a pod to be admitted in "+namespace, func(ctx context.Context) (created bool, err error) {
		pod, err = pods.Create(ctx, canaryPod(), metav1.CreateOptions{})
		if apierrors.IsForbidden(err) {
			c.Progress.Detail(err.Error()) // the namespace is so new that it has no ServiceAccount yet
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	defer func() { _ = pods.Delete(context.WithoutCancel(ctx), pod.Name, metav1.DeleteOptions{}) }() // one left over does no harm
	if !hasSidecar(pod) {
		return errors.New("a pod in namespace " + namespace + " got no sidecar: istiod's webhook does not select it")
	}
	return c.AwaitCondition(ctx, "v1", "Pod", namespace, pod.Name, string(corev1.PodReady))
}

// hasSidecar is true for a pod with a native sidecar, which is an init container that goes on running.
func hasSidecar(pod *corev1.Pod) bool {
	for _, container := range pod.Spec.InitContainers {
		if container.Name == "istio-proxy" {
			return true
		}
	}
	return false
}

func canaryPod() *corev1.Pod {
	grace, user, yes, no := int64(1), int64(65535), true, false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "mesh-canary-"},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, RunAsUser: &user, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "pause", Image: "blogplatform.local/pause:dev", ImagePullPolicy: corev1.PullNever,
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}
