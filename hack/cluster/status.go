package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/timefactor"
)

// answersWithin is how long a person who asks for the status waits for an API server that does not answer.
const answersWithin = 5 * time.Second

// Status shows what runs. It fails within seconds if the API server does not answer.
func Status(ctx context.Context, s node.Settings, out io.Writer) error {
	pid := s.RunningInit()
	if pid == 0 {
		fmt.Fprintln(out, "The cluster is down (make up).")
		return nil
	}
	fmt.Fprintf(out, "Kubernetes %s runs as process %d, state in %s\n\n", controlplane.Version, pid, s.State)
	if err := answers(ctx, s.Kubeconfig()); err != nil {
		return fmt.Errorf("the API server does not answer: %w; its log is %s", err, s.Path("log", "kube-apiserver.log"))
	}
	lists := [][]string{{"get", "pods", "--all-namespaces"}, {"get", "apiservices", "v1beta1.metrics.k8s.io", "--ignore-not-found"}}
	var kinds bytes.Buffer
	if err := s.Kubectl(ctx, &kinds, "api-resources", "--api-group=blogplatform.io", "--output=name"); err != nil {
		return err
	}
	if kinds.Len() > 0 { // else the cluster was brought up as far as another component
		lists = append(lists, []string{"get", "blogplatforms", "--all-namespaces"})
	}
	for _, args := range lists {
		if err := s.Kubectl(ctx, out, args...); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	return nil
}

// answers asks the API server of a kubeconfig whether it is ready.
func answers(ctx context.Context, kubeconfig string) error {
	ctx, cancel := context.WithTimeout(ctx, timefactor.Scale(answersWithin))
	defer cancel()
	api, err := kube.Connect(kubeconfig, func(string) {})
	if err != nil {
		return err
	}
	_, err = api.Clientset.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err
}
