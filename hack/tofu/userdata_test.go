package tofu

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

// script writes a shell script and answers its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkers are programs that behave as the scripts say, and a Python module in the place of cloud-init's.
func checkers(t *testing.T, kubeadm, shellcheck, cloudInit string) Checkers {
	t.Helper()
	modules := t.TempDir()
	write(t, modules, map[string]string{"cloudinit/__init__.py": "", "cloudinit/cmd/__init__.py": "", "cloudinit/cmd/main.py": cloudInit})
	return Checkers{kubeadm: script(t, kubeadm), shellcheck: script(t, shellcheck), cloudInit: modules}
}

const userData = "#cloud-config\nruncmd:\n- [ls]\n- |\n  set -eu\n"

func TestWhatRunsRenderIsReadFromTheirPlans(t *testing.T) {
	s := fake(t, map[string]string{"modules/cluster/versions.tf": ""}, `[ "$1" = init ] && exit
echo "$*" >../../arguments
cat <<'EOF'
{"type": "version"}
{"type": "test_plan", "@testrun": "one", "test_plan": {"planned_values": {"outputs": {
"user_data": {"value": {"worker": "x"}}}}}}
{"type": "test_plan", "@testrun": "two", "test_plan": {"planned_values": {"outputs": {"user_data": {"value": {"worker": "#cloud-config"}}, "kubeadm_configurations": {"value": {"join": "kind: JoinConfiguration"}}}}}}
EOF`)
	rendered, err := s.Render(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Rendered{"two": {UserData: map[string]string{"worker": "#cloud-config"}, Kubeadm: map[string]string{"join": "kind: JoinConfiguration"}}}
	if diff := cmp.Diff(want, rendered); diff != "" {
		t.Error(diff)
	}
	if arguments, err := os.ReadFile(filepath.Join(s.Dir, "arguments")); err != nil || string(arguments) != "test -json -verbose -filter=tests/userdata.tftest.hcl\n" {
		t.Errorf("the arguments are %q, %v", arguments, err)
	}
}

func TestRenderingNothingIsAnError(t *testing.T) {
	s := fake(t, map[string]string{"modules/cluster/versions.tf": ""}, "true")
	if _, err := s.Render(t.Context()); err == nil || !strings.Contains(err.Error(), "render none") {
		t.Errorf("the error is %v", err)
	}
	s = fake(t, map[string]string{"modules/cluster/versions.tf": ""}, `[ "$1" = init ] || { echo failed; exit 1; }`)
	if _, err := s.Render(t.Context()); err == nil || !strings.Contains(err.Error(), "failed") {
		t.Errorf("the error is %v", err)
	}
}

func TestWhatPassesIsCountedByProgram(t *testing.T) {
	k := checkers(t, "exit 0", "exit 0", "")
	rendered := map[string]Rendered{"run": {
		UserData: map[string]string{"a": userData, "b": userData}, Kubeadm: map[string]string{"join-a": "kind: JoinConfiguration"},
	}}
	passed, err := k.Check(t.Context(), rendered, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"cloud-init schema": 2, "shellcheck": 2, "kubeadm config validate": 1}, passed); diff != "" {
		t.Error(diff)
	}
}

func TestEveryProgramThatComplainsIsNamedWithTheMachine(t *testing.T) {
	k := checkers(t, "echo unknown field; exit 1", "echo SC2086; exit 1", "import sys\nprint('runcmd is no list')\nsys.exit(1)")
	rendered := map[string]Rendered{"run": {
		UserData: map[string]string{"worker": userData}, Kubeadm: map[string]string{"init-0": "kind: ClusterConfiguration\n"},
	}}
	passed, err := k.Check(t.Context(), rendered, t.TempDir())
	for _, want := range []string{
		"run, worker: cloud-init schema: exit status 1\nruncmd is no list", "run, worker: shellcheck: exit status 1\nSC2086",
		"run, init-0: kubeadm config validate: kubeadm config validate", "unknown field", "run, init-0: kubeadm phases: kubeadm init phase certs all",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
	if len(passed) != 0 {
		t.Errorf("something passed: %v", passed)
	}
}

func TestUserDataWithoutAScriptIsNotTakenForChecked(t *testing.T) {
	k := checkers(t, "", "exit 0", "")
	for want, text := range map[string]string{"no script in runcmd": "#cloud-config\nruncmd:\n- [ls]\n", "cannot unmarshal": "runcmd: 3\n"} {
		if err := k.scripts(t.Context(), t.TempDir(), text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
}

func TestShellcheckSeesTheScriptAsCloudInitRunsIt(t *testing.T) {
	k := checkers(t, "", `[ "$1" = --shell=sh ] && grep -qx 'set -eu' "$2"`, "")
	if err := k.scripts(t.Context(), t.TempDir(), userData); err != nil {
		t.Error(err)
	}
}

func TestKubeadmFindsAFileForDiscovery(t *testing.T) {
	k := checkers(t, `grep -q /etc/kubernetes/discovery.yaml "$4" && exit 1
test -f "$(sed -n 's/.*kubeConfigPath: //p' "$4")"`, "", "")
	if err := k.validate(t.Context(), t.TempDir(), "kubeConfigPath: /etc/kubernetes/discovery.yaml\n"); err != nil {
		t.Error(err)
	}
}

// certificate writes a certificate for a host as PEM.
func certificate(t *testing.T, path, host string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheCertificateMustNameTheEndpointOfAllNodes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "apiserver.crt")
	certificate(t, path, "api.example.com")
	if err := checkCertificate(path, "controlPlaneEndpoint: api.example.com:6443\n"); err != nil {
		t.Error(err)
	}
	if err := checkCertificate(path, "controlPlaneEndpoint: other.example.com:6443\n"); err == nil || !strings.Contains(err.Error(), "controlPlaneEndpoint") {
		t.Errorf("the error is %v", err)
	}
	if err := checkCertificate(path+".none", ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
	write(t, filepath.Dir(path), map[string]string{"empty.crt": ""})
	if err := checkCertificate(filepath.Join(filepath.Dir(path), "empty.crt"), ""); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("the error is %v", err)
	}
}

func TestStaticPodsMustBeStartedAsTheClusterNeedsThem(t *testing.T) {
	dir := t.TempDir()
	for name, arguments := range staticPods {
		write(t, dir, map[string]string{name + ".yaml": strings.Join(arguments, "\n")})
	}
	if err := checkStaticPods(dir); err != nil {
		t.Error(err)
	}
	write(t, dir, map[string]string{"etcd.yaml": "--data-dir=/var/lib/etcd"})
	if err := checkStaticPods(dir); err == nil || !strings.Contains(err.Error(), "etcd is started without --data-dir=/var/lib/etcd/data") {
		t.Errorf("the error is %v", err)
	}
	if err := checkStaticPods(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}

func TestPackagesAreInstalledOnce(t *testing.T) {
	c := &build.Cache{Dir: t.TempDir(), Root: t.TempDir(), Log: func(string) {}}
	write(t, c.Root, map[string]string{"none.txt": ""})
	bin := t.TempDir()
	calls := filepath.Join(bin, "calls")
	write(t, bin, map[string]string{"python3": "#!/bin/sh\necho \"$@\" >>" + calls + "\n"})
	if err := os.Chmod(filepath.Join(bin, "python3"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	p := packages{name: "checker", requirements: "none.txt"}
	for range 2 {
		if _, err := p.install(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(calls)
	if err != nil || strings.Count(string(text), "pip install") != 1 {
		t.Errorf("pip was called as %q, %v", text, err)
	}
}

func TestPackagesThatCannotBeInstalledSayWhy(t *testing.T) {
	c := &build.Cache{Dir: t.TempDir(), Root: t.TempDir(), Log: func(string) {}}
	if _, err := (packages{name: "checker", requirements: "none.txt"}).install(t.Context(), c); err == nil || !strings.Contains(err.Error(), "what checker needs") {
		t.Errorf("the error is %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	write(t, c.Root, map[string]string{"none.txt": ""})
	if _, err := (packages{name: "checker", requirements: "none.txt"}).install(ctx, c); err == nil {
		t.Error("it went on after an interrupt")
	}
}

func TestNodesRunTheVersionOfKubernetesThatThisProjectUses(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(checkout(t).Dir, "modules/cluster/variables.tf"))
	if err != nil {
		t.Fatal(err)
	}
	if want := `default     = "` + strings.TrimPrefix(controlplane.Version, "v") + `"`; !strings.Contains(string(text), want) {
		t.Errorf("kubernetes_version has another default than %s", want)
	}
}
