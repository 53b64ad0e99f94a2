package helm

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/test/operator/harness"
)

// kubelet runs the pods of `helm test` in a world's namespace: kubectl itself, with
// the arguments of the pod and the rights of its ServiceAccount.
type kubelet struct {
	world
	kubectl string
	mu      sync.Mutex
	// pods that were run, and what kubectl printed.
	pods   []*corev1.Pod
	output string
}

// newKubelet runs pods until the test ends.
func newKubelet(w world) *kubelet {
	w.Helper()
	program, err := controlplane.Program.Build(w.Context(), harness.ControlPlane.Cache)
	if err != nil {
		w.Fatal(err)
	}
	bin := w.TempDir()
	if err := controlplane.Link(bin, controlplane.Programs(program)); err != nil {
		w.Fatal(err)
	}
	k := &kubelet{world: w, kubectl: filepath.Join(bin, "kubectl")}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	pods, err := harness.Cluster.Watch(ctx, &corev1.PodList{}, client.InNamespace(w.Namespace))
	if err != nil {
		w.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for event := range pods.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok && event.Type == watch.Added && pod.Name == "blog-helm-test" {
				k.run(ctx, pod)
			}
		}
	})
	w.Cleanup(func() { cancel(); pods.Stop(); running.Wait() })
	return k
}

// run runs a pod to its end.
func (k *kubelet) run(ctx context.Context, pod *corev1.Pod) {
	output, err := k.execute(ctx, pod)
	pod.Status.Phase = corev1.PodSucceeded
	if err != nil {
		pod.Status.Phase = corev1.PodFailed
	}
	k.mu.Lock()
	k.pods, k.output = append(k.pods, pod), output
	k.mu.Unlock()
	if err := harness.Cluster.Status().Update(ctx, pod); err != nil && ctx.Err() == nil {
		k.Errorf("say that pod %s has ended: %v", pod.Name, err)
	}
}

func (k *kubelet) execute(ctx context.Context, pod *corev1.Pod) (string, error) {
	kubeconfig, err := k.kubeconfig(ctx, pod)
	if err != nil {
		return err.Error(), err
	}
	command := exec.CommandContext(ctx, k.kubectl, pod.Spec.Containers[0].Args...)
	command.Env = []string{"KUBECONFIG=" + kubeconfig, "HOME=" + k.TempDir()}
	output, err := command.CombinedOutput()
	return string(output), err
}

// kubeconfig is a file with what a pod has: the API server, and the token of its ServiceAccount.
func (k *kubelet) kubeconfig(ctx context.Context, pod *corev1.Pod) (string, error) {
	config := harness.ControlPlane.Config
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", err
	}
	token, err := clientset.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, pod.Spec.ServiceAccountName, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("make a token of ServiceAccount %s: %w", pod.Spec.ServiceAccountName, err)
	}
	file := filepath.Join(k.TempDir(), "kubeconfig")
	return file, clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{"here": {Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*api.AuthInfo{"pod": {Token: token.Status.Token}},
		Contexts:       map[string]*api.Context{"pod": {Cluster: "here", AuthInfo: "pod"}},
		CurrentContext: "pod",
	}, file)
}

// last is the pod that was run last, and what it printed.
func (k *kubelet) last() (*corev1.Pod, string) {
	k.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.pods) == 0 {
		k.Fatal("no pod of helm test was run")
	}
	return k.pods[len(k.pods)-1], k.output
}

// noTestIsLeft waits until nothing is left of a test that succeeded.
func (k *kubelet) noTestIsLeft() {
	k.Helper()
	k.Until("an end of the test", func(ctx context.Context) error {
		pod := &corev1.Pod{}
		err := harness.Cluster.Get(ctx, types.NamespacedName{Namespace: k.Namespace, Name: "blog-helm-test"}, pod)
		if client.IgnoreNotFound(err) == nil && err != nil {
			return nil
		}
		return errors.Join(err, fmt.Errorf("pod %s is still there", pod.Name))
	})
}
