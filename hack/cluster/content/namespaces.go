package content

import (
	"context"
	"errors"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

// platformNamespaces are the names of the namespaces of config/samples.
var platformNamespaces = []string{"g11-stg", "g11-prod"}

// PlatformNamespaces are the namespaces of config/samples. They are good for
// use once a pod in each has been given a sidecar and is ready: a pod that
// starts earlier would run outside the mesh.
var PlatformNamespaces = component.Component{
	Name: "namespaces", Needs: []string{"Istio"}, Namespaces: platformNamespaces,
	Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error {
		namespaces, err := controlplane.ReadObjects(filepath.Join(c.Root, "config/samples/namespaces.yaml"))
		if err != nil {
			return err
		}
		return c.Apply(ctx, namespaces...)
	},
	Ready: func(ctx context.Context, c *component.Cluster) error {
		group, ctx := errgroup.WithContext(ctx)
		for _, namespace := range platformNamespaces {
			group.Go(func() error { return sendCanary(ctx, c, namespace) })
		}
		return group.Wait()
	},
}

// sendCanary runs a pod under the restricted profile until it and its sidecar are ready, and removes it.
func sendCanary(ctx context.Context, c *component.Cluster, namespace string) error {
	return c.WithPod(ctx, canaryPod(namespace), func(ctx context.Context, pod *corev1.Pod) error {
		if !hasSidecar(pod) {
			return errors.New("a pod in namespace " + namespace + " got no sidecar: istiod's webhook does not select it")
		}
		return c.AwaitCondition(ctx, "v1", "Pod", namespace, pod.Name, string(corev1.PodReady))
	})
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

func canaryPod(namespace string) *corev1.Pod {
	grace, user, yes, no := int64(1), int64(65535), true, false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "mesh-canary-"},
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
