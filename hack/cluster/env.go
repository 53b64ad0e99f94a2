package cluster

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"blogplatform.io/operator/hack/cluster/node"
)

// Env writes what a shell has to evaluate so that its kubectl is that of the
// cluster, with the plugin of the checkout. It writes shell, and nothing else.
func Env(s node.Settings, out io.Writer) error {
	if s.RunningInit() == 0 {
		return errors.New("the cluster is down; start it with make up")
	}
	_, err := io.WriteString(out, environment(s))
	return err
}

func environment(s node.Settings) string {
	return fmt.Sprintf("export KUBECONFIG=%s\nexport PATH=%s:%s:\"$PATH\"\n", quote(s.Kubeconfig()), quote(s.Path("bin")), quote(filepath.Join(s.Root, "bin")))
}

// quote makes a text one word of a POSIX shell, whatever is in it.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
