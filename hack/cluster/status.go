package cluster

import (
	"context"
	"fmt"
	"io"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/node"
)

// Status shows what runs.
func Status(ctx context.Context, s node.Settings, out io.Writer) error {
	pid := s.RunningInit()
	if pid == 0 {
		fmt.Fprintln(out, "The cluster is down (make up).")
		return nil
	}
	fmt.Fprintf(out, "Kubernetes %s runs as process %d, state in %s\n\n", controlplane.Version, pid, s.State)
	for _, args := range [][]string{
		{"get", "pods", "--all-namespaces"},
		{"get", "apiservices", "v1beta1.metrics.k8s.io", "--ignore-not-found"},
		{"get", "blogplatforms", "--all-namespaces"},
	} {
		if err := s.Kubectl(ctx, out, args...); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	return nil
}
