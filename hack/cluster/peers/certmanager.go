package peers

import (
	"context"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
)

var certManagerProgram = build.Go{
	Name: "cert-manager", Module: "hack/cluster/certmanager", Sources: []string{"hack/cluster/certmanager/main.go"},
	Packages: map[string]string{"cert-manager": "."},
}

// CertManager signs certificates with a certificate authority of its own, ClusterIssuer local-ca.
var CertManager = component.Component{
	Name: "cert-manager and a certificate authority",
	Images: func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
		return component.StaticImage(ctx, c, certManagerProgram, "cert-manager")
	},
	Start: func(ctx context.Context, c *component.Cluster) error {
		return c.ApplyFile(ctx, manifests, "manifests/cert-manager.yaml")
	},
	Ready: func(ctx context.Context, c *component.Cluster) error {
		if err := c.AwaitDeployment(ctx, "cert-manager", "cert-manager"); err != nil {
			return err
		}
		return c.AwaitCondition(ctx, "cert-manager.io/v1", "ClusterIssuer", "", "local-ca", "Ready")
	},
}
