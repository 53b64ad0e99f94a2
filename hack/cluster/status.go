package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

// Status shows what runs.
func Status(ctx context.Context, s Settings, out io.Writer) error {
	pid := s.runningInit()
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
		if err := s.kubectl(ctx, out, args...); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	return nil
}

// kubectl runs the cluster's own kubectl.
func (s Settings) kubectl(ctx context.Context, out io.Writer, args ...string) error {
	command := exec.CommandContext(ctx, s.path("bin", "kubectl"), append([]string{"--kubeconfig", s.Kubeconfig()}, args...)...)
	command.Stdout, command.Stderr = out, os.Stderr
	return command.Run()
}
