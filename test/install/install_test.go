package install

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/timefactor"
)

// patience is how long one command may take.
const patience = 2 * time.Minute

// engineer is somebody with a kubeconfig and this repository.
type engineer struct {
	*testing.T
	root, kubectl, kubeconfig string
}

func newEngineer(t *testing.T) engineer {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	// Namespaces go only where a controller manager runs.
	cp, err := controlplane.Start(ctx, controlplane.Options{WithoutCRDs: true, ControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cp.Stop)
	program, err := controlplane.Program.Build(ctx, cp.Cache)
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := controlplane.Link(bin, controlplane.Programs(program)); err != nil {
		t.Fatal(err)
	}
	return engineer{t, cp.Cache.Root, filepath.Join(bin, "kubectl"), cp.Kubeconfig}
}

// runs answers what a command prints, and whether it ended well.
func (e engineer) runs(name string, args ...string) (string, bool) {
	e.Helper()
	ctx, cancel := context.WithTimeout(e.Context(), timefactor.Scale(patience))
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.WaitDelay = e.root, time.Second
	// A make that runs this test hands its own flags down.
	command.Env = append(os.Environ(), "KUBECONFIG="+e.kubeconfig, "MAKEFLAGS=", "MFLAGS=")
	out, err := command.CombinedOutput()
	return string(out), err == nil
}

func (e engineer) makes(targets ...string) (string, bool) {
	e.Helper()
	return e.runs("make", append([]string{"KUBECTL=" + e.kubectl, "IMG=registry.example.com/operator:v1"}, targets...)...)
}

func (e engineer) wants(out string, ok bool) string {
	e.Helper()
	if !ok {
		e.Fatal(out)
	}
	return out
}

// kubectls runs a kubectl that must succeed.
func (e engineer) kubectls(args ...string) string {
	e.Helper()
	return e.wants(e.runs(e.kubectl, args...))
}

func TestTheOperatorComesToAClusterAndGoes(t *testing.T) {
	e := newEngineer(t)
	e.wants(e.makes("install"))
	e.kubectls("wait", "--for=condition=Established", "--timeout=30s", "crd/blogplatforms.blogplatform.io")
	e.wants(e.makes("deploy"))
	e.wants(e.makes("deploy")) // once more, as after an update
	image := e.kubectls("get", "deployments", "-A", "-o", "jsonpath={.items[*].spec.template.spec.containers[*].image}")
	if image != "registry.example.com/operator:v1" {
		t.Errorf("deployed is %q", image)
	}

	e.kubectls("create", "namespace", "g11-stg")
	e.kubectls("apply", "-f", "config/samples/blogplatform_staging.yaml")
	for _, target := range []string{"undeploy", "uninstall"} {
		if out, ok := e.makes(target); ok || !strings.Contains(out, "There are BlogPlatforms left; delete them first") {
			t.Errorf("make %s with a BlogPlatform left: %v, %s", target, ok, out)
		}
	}
	e.kubectls("delete", "blogplatform", "-n", "g11-stg", "blog")
	e.wants(e.makes("undeploy"))
	e.wants(e.makes("undeploy", "uninstall")) // nothing is left, and that is no error
	left := e.kubectls("get", "crd,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings", "-o", "name")
	if strings.Contains(left, "blogplatform") {
		t.Errorf("left behind: %s", left)
	}
}
