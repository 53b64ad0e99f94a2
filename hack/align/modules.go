package align

import (
	"fmt"
	"os"
	"path/filepath"
)

// Dirs are the folders of the modules that share versions, relative to the
// checkout: the project, the programs that its local cluster runs, and kubeadm,
// which is made of the same libraries.
var Dirs = []string{
	".",
	"hack/cluster/kubernetes",
	"hack/cluster/coredns",
	"hack/cluster/istio",
	"hack/cluster/certmanager",
	"hack/cluster/metricsserver",
	"hack/cluster/prometheus",
	"hack/cluster/rollouts",
	"hack/cluster/sealedsecrets",
	"hack/tofu/kubeadm",
}

// Apart maps the folder of each module that keeps its own versions to the reason.
var Apart = map[string]string{
	"hack/cluster/argocd":           "its program comes on request and is built on demand",
	"hack/cluster/postgres":         "the operator does not compile with Kubernetes libraries after 0.31",
	"hack/cluster/postgres/pgquery": "it has no dependencies",
	"hack/tofu/programs":            "its programs are not part of the local cluster and are built on demand",
	"hack/tofu/tflint":              "its program is not part of the local cluster and is built on demand",
	"hack/tofu/schema":              "it holds data and compiles nothing",
	"hack/charts/upstream":          "it holds data and compiles nothing",
	"hack/tools":                    "its programs are not part of the local cluster and are built on demand",
	"hack/tools/ci":                 "its programs are not part of the local cluster and are built on demand",
	"hack/tools/lint":               "its program is not part of the local cluster and is built on demand",
	"hack/tools/openapi":            "its program is not part of the local cluster and is built on demand",
}

// Exceptions are the dependencies that one of the modules takes in a version of its own.
var Exceptions = []Exception{
	{Dir: "hack/cluster/rollouts", Path: "k8s.io/", Reason: "it checks pod templates with the internal types of Kubernetes, and those of 1.37 refuse every template with a serviceAccountName"},
	{Dir: "hack/cluster/rollouts", Path: "github.com/prometheus/client_golang", Reason: "it does not compile with 1.25, whose queries answer one value more"},
	{Dir: "hack/cluster/istio", Path: "helm.sh/helm/v4", Reason: "it renders its charts with the Helm that it was released with"},
	{Dir: "hack/cluster/istio", Path: "github.com/santhosh-tekuri/jsonschema/v6", Reason: "its Helm reads schemas with it"},
	{Dir: "hack/cluster/prometheus", Path: "k8s.io/kubernetes", Reason: "only its test needs it, with the version that Argo Rollouts compiles with"},
}

// Load reads the modules in Dirs of the checkout at root.
func Load(root string) ([]Module, error) {
	var modules []Module
	for _, dir := range Dirs {
		text, err := os.ReadFile(filepath.Join(root, dir, "go.mod"))
		if err != nil {
			return nil, fmt.Errorf("reading the requirements of %s: %w", dir, err)
		}
		module, err := Parse(dir, text)
		if err != nil {
			return nil, err
		}
		modules = append(modules, module)
	}
	return modules, nil
}
