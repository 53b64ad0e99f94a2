package peers

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/cert"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
)

var certManagerProgram = build.Go{
	Name: "cert-manager", Module: "hack/cluster/certmanager", Sources: []string{"hack/cluster/certmanager/main.go"},
	Packages: map[string]string{"cert-manager": "."},
}

// CertManager signs certificates with a certificate authority of its own, ClusterIssuer local-ca.
var CertManager = component.Component{
	Name: "cert-manager", Needs: []string{"Node", "CRDs"}, Namespaces: []string{"cert-manager"}, Seconds: 40,
	Parts:  []build.Artifact{certManagerProgram},
	Images: component.StaticImages(certManagerProgram, "cert-manager"),
	Start: func(ctx context.Context, c *component.Cluster, _ component.Built) error {
		return c.ApplyFile(ctx, manifests, "manifests/cert-manager.yaml")
	},
	Ready: func(ctx context.Context, c *component.Cluster) error {
		if err := c.AwaitDeployment(ctx, "cert-manager", "cert-manager"); err != nil {
			return err
		}
		if err := c.AwaitCondition(ctx, "cert-manager.io/v1", "ClusterIssuer", "", "local-ca", "Ready"); err != nil {
			return err
		}
		return writeAuthority(ctx, c.Clientset, c.Authority())
	},
}

// writeAuthority writes the certificate of the local CA to a file, for browsers and for whoever must trust the cluster.
func writeAuthority(ctx context.Context, clientset kubernetes.Interface, file string) error {
	secret, err := clientset.CoreV1().Secrets("cert-manager").Get(ctx, "local-ca", metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading the certificate of the local CA: %w", err)
	}
	certificate := secret.Data[corev1.TLSCertKey]
	if _, err := cert.ParseCertsPEM(certificate); err != nil {
		return fmt.Errorf("reading the certificate of the local CA in Secret cert-manager/local-ca: %w", err)
	}
	return os.WriteFile(file, certificate, 0o644)
}
