package peers

import (
	"context"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
)

var sealedSecretsProgram = build.Go{
	Name: "sealed-secrets", Module: "hack/cluster/sealedsecrets",
	Packages: map[string]string{"sealed-secrets-controller": "github.com/bitnami-labs/sealed-secrets/cmd/controller"},
}

// SealedSecrets is the Sealed Secrets controller. It makes its own key pair at
// the first start; its certificate is read through the API server's proxy.
var SealedSecrets = component.Component{
	Name: "Sealed-Secrets", Needs: []string{"Node", "CRDs"}, Namespaces: []string{"sealed-secrets"}, Seconds: 15,
	Parts: []build.Artifact{sealedSecretsProgram}, Compiled: []build.Artifact{sealedSecretsProgram}, Released: []string{"sealed-secrets"},
	Images: component.StaticImages(sealedSecretsProgram, "sealed-secrets-controller"),
	Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error {
		return c.ApplyFile(ctx, manifests, "manifests/sealed-secrets.yaml")
	},
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitDeployment(ctx, "sealed-secrets", "sealed-secrets-controller")
	},
}
