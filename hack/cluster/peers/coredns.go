package peers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/node"
)

var corednsProgram = build.Go{
	Name: "coredns", Module: "hack/cluster/coredns", Sources: []string{"hack/cluster/coredns/main.go"},
	Packages: map[string]string{"coredns": "."},
}

// CoreDNS answers cluster.local, and the names of the blogs with the address of
// the ingress gateway, so that one URL works in a browser and in a pod.
var CoreDNS = component.Component{
	Name: "CoreDNS", Needs: []string{"Node"}, Namespaces: []string{"kube-system"}, Seconds: 30,
	Parts: []build.Artifact{corednsProgram}, Compiled: []build.Artifact{corednsProgram}, Released: []string{"coredns"},
	Images: component.StaticImages(corednsProgram, "coredns"),
	Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error {
		return c.ApplyFile(ctx, manifests, "manifests/coredns.yaml", "$DNS", node.DNSAddress)
	},
	Ready: func(ctx context.Context, c *component.Cluster) error {
		if err := c.AwaitDeployment(ctx, "kube-system", "coredns"); err != nil {
			return err
		}
		return c.WithPod(ctx, lookupPod(), func(ctx context.Context, pod *corev1.Pod) error {
			return c.AwaitSuccess(ctx, pod.Namespace, pod.Name)
		})
	},
}

// lookupPod asks for the address of a Service as any pod does: through the Service of CoreDNS. It has neither a token nor a sidecar.
func lookupPod() *corev1.Pod {
	grace, no := int64(1), false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", GenerateName: "dns-lookup-"},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyOnFailure, TerminationGracePeriodSeconds: &grace, AutomountServiceAccountToken: &no,
			Containers: []corev1.Container{{
				Name: "lookup", Image: "blogplatform.local/pause:dev", ImagePullPolicy: corev1.PullNever,
				Args: []string{"lookup", "kubernetes.default.svc.cluster.local"}, TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
			}},
		},
	}
}
