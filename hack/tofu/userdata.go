package tofu

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cis"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

// Kubeadm is kubeadm of the version of Kubernetes that this project uses.
var Kubeadm = build.Go{
	Name: "kubeadm", Module: "hack/tofu/kubeadm",
	Packages: map[string]string{"kubeadm": "k8s.io/kubernetes/cmd/kubeadm"}, LDFlags: controlplane.VersionFlags,
}

var cloudInit = packages{name: "cloud-init", requirements: "hack/tofu/cloud-init.txt", debian: "cloud-init"}

// The folder and the test file that render what nodes begin with.
const (
	userDataFolder = "modules/cluster"
	userDataFile   = "tests/userdata.tftest.hcl"
	discoveryFile  = "/etc/kubernetes/discovery.yaml"
)

// Rendered is what the machines of a run of the tests begin with, by machine.
type Rendered struct {
	// UserData is for cloud-init, Kubeadm what it gives to kubeadm.
	UserData, Kubeadm map[string]string
}

// Render answers what the runs of userDataFile render, by run.
func (s *Scratch) Render(ctx context.Context) (map[string]Rendered, error) {
	if err := s.Init(ctx, userDataFolder); err != nil {
		return nil, err
	}
	out, err := s.run(ctx, userDataFolder, "test", "-json", "-verbose", "-filter="+userDataFile)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	rendered := map[string]Rendered{}
	for line := range bytes.Lines(out) {
		var event struct {
			Run  string `json:"@testrun"`
			Plan *struct {
				Values struct {
					Outputs struct {
						UserData struct {
							Value map[string]string `json:"value"`
						} `json:"user_data"`
						Kubeadm struct {
							Value map[string]string `json:"value"`
						} `json:"kubeadm_configurations"`
					} `json:"outputs"`
				} `json:"planned_values"`
			} `json:"test_plan"`
		}
		if json.Unmarshal(line, &event) == nil && event.Plan != nil {
			outputs := event.Plan.Values.Outputs
			rendered[event.Run] = Rendered{UserData: outputs.UserData.Value, Kubeadm: outputs.Kubeadm.Value}
		}
	}
	if len(rendered) == 0 {
		return nil, errors.New("the tests of user data render none")
	}
	return rendered, nil
}

// Checkers are the programs that check what is rendered.
type Checkers struct {
	// kubeadm and shellcheck are programs; cloudInit is the folder of its Python modules.
	kubeadm, shellcheck, cloudInit string
	// benchmark says what kubeadm must write.
	benchmark []cis.Check
}

// NewCheckers builds and installs them. shellcheck is the one that `make lint` uses.
func NewCheckers(ctx context.Context, c *build.Cache) (Checkers, error) {
	dir, err := Kubeadm.Build(ctx, c)
	if err != nil {
		return Checkers{}, err
	}
	modules, err := cloudInit.install(ctx, c)
	if err != nil {
		return Checkers{}, err
	}
	benchmark, err := cis.Read(c.Root)
	return Checkers{
		kubeadm: filepath.Join(dir, "kubeadm"), shellcheck: filepath.Join(c.Root, "bin", "shellcheck"), cloudInit: modules, benchmark: benchmark,
	}, err
}

// Check checks everything that was rendered in a temporary folder and answers
// how many documents passed each program.
func (k Checkers) Check(ctx context.Context, rendered map[string]Rendered, dir string) (map[string]int, error) {
	passed := map[string]int{}
	var wrong error
	note := func(program, what string, err error) {
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("%s: %s: %w", what, program, err))
			return
		}
		passed[program]++
	}
	for _, run := range slices.Sorted(maps.Keys(rendered)) {
		for _, machine := range slices.Sorted(maps.Keys(rendered[run].UserData)) {
			text, what := rendered[run].UserData[machine], run+", "+machine
			note("cloud-init schema", what, k.schema(ctx, dir, text))
			note("shellcheck", what, k.scripts(ctx, dir, text))
		}
		for _, name := range slices.Sorted(maps.Keys(rendered[run].Kubeadm)) {
			text, what := rendered[run].Kubeadm[name], run+", "+name
			note("kubeadm config validate", what, k.validate(ctx, dir, text))
			if strings.HasPrefix(name, "init-") {
				note("kubeadm phases", what, k.phases(ctx, text))
			}
		}
	}
	return passed, wrong
}

func (k Checkers) schema(ctx context.Context, dir, text string) error {
	file := filepath.Join(dir, "user-data.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	if out, err := python(ctx, k.cloudInit, "cloudinit.cmd.main", "schema", "--config-file", file); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// scripts checks the scripts that cloud-init runs: those that it is given as text.
func (k Checkers) scripts(ctx context.Context, dir, text string) error {
	var config struct {
		Commands []any `json:"runcmd"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		return err
	}
	checked := 0
	for _, command := range config.Commands {
		script, isText := command.(string)
		if !isText {
			continue
		}
		file := filepath.Join(dir, "runcmd.sh")
		if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
			return err
		}
		if out, err := exec.CommandContext(ctx, k.shellcheck, "--shell=sh", file).CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		checked++
	}
	if checked == 0 {
		return errors.New("no script in runcmd")
	}
	return nil
}

// validate lets kubeadm read a configuration. A node fetches the file for
// discovery before it calls kubeadm; here an empty one takes its place.
func (k Checkers) validate(ctx context.Context, dir, text string) error {
	discovery, file := filepath.Join(dir, "discovery.yaml"), filepath.Join(dir, "kubeadm.yaml")
	for path, content := range map[string]string{discovery: "", file: strings.ReplaceAll(text, discoveryFile, discovery)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return k.run(ctx, dir, "config", "validate", "--config", file)
}

func (k Checkers) run(ctx context.Context, dir string, arguments ...string) error {
	command := exec.CommandContext(ctx, k.kubeadm, arguments...)
	command.Env = append(os.Environ(), "KUBEADM_INIT_DRYRUN_DIR="+dir)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("kubeadm %s: %w\n%s", strings.Join(arguments, " "), err, out)
	}
	return nil
}

// phases lets kubeadm make the certificates, kubeconfigs and static pods of a
// control plane node in a temporary folder, and looks for what must be in them.
func (k Checkers) phases(ctx context.Context, text string) error {
	dir, err := os.MkdirTemp("", "kubeadm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file, pki := filepath.Join(dir, "kubeadm.yaml"), filepath.Join(dir, "pki")
	cluster := "kind: ClusterConfiguration\n"
	if err := os.WriteFile(file, []byte(strings.Replace(text, cluster, cluster+"certificatesDir: "+pki+"\n", 1)), 0o600); err != nil {
		return err
	}
	for _, phase := range [][]string{
		{"certs", "all"}, {"kubeconfig", "all", "--kubeconfig-dir", dir}, {"control-plane", "all", "--dry-run"}, {"etcd", "local", "--dry-run"},
	} {
		if err := k.run(ctx, dir, slices.Concat([]string{"init", "phase"}, phase, []string{"--config", file})...); err != nil {
			return err
		}
	}
	return errors.Join(checkCertificate(filepath.Join(pki, "apiserver.crt"), text), checkStaticPods(dir), cis.CheckKubeadm(dir, k.benchmark))
}

// checkCertificate is an error if the API server's certificate does not name the endpoint that all nodes use.
func checkCertificate(path, config string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return fmt.Errorf("%s holds no certificate", path)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(config, "controlPlaneEndpoint: ")
	host, _, _ := strings.Cut(rest, ":")
	if err := certificate.VerifyHostname(host); err != nil {
		return fmt.Errorf("the API server's certificate is not for controlPlaneEndpoint: %w", err)
	}
	return nil
}

// staticPods is what the commands of the static pods must hold beyond the CIS benchmark.
var staticPods = map[string][]string{
	"kube-apiserver":          {"--service-account-issuer=https://"},
	"kube-controller-manager": {"--cloud-provider=external"},
	"etcd":                    {"--data-dir=/var/lib/etcd/data"},
}

func checkStaticPods(dir string) error {
	var missing error
	for _, name := range slices.Sorted(maps.Keys(staticPods)) {
		text, err := os.ReadFile(filepath.Join(dir, name+".yaml"))
		if err != nil {
			return err
		}
		for _, argument := range staticPods[name] {
			if !strings.Contains(string(text), argument) {
				missing = errors.Join(missing, fmt.Errorf("%s is started without %s", name, argument))
			}
		}
	}
	return missing
}
