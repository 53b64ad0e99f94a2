package controlplane_test

import (
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

func authority(t *testing.T) controlplane.PKI {
	t.Helper()
	pki := controlplane.PKI{Dir: filepath.Join(t.TempDir(), "pki")}
	if err := pki.Authority(); err != nil {
		t.Fatal(err)
	}
	return pki
}

func certificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func verify(t *testing.T, pki controlplane.PKI, leaf *x509.Certificate, usage x509.ExtKeyUsage, name string) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, pki.Path("ca.crt")))
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}, DNSName: name})
	return err
}

func TestAClientIsKnownByItsUserAndGroups(t *testing.T) {
	pki := authority(t)
	if err := pki.Client("kubelet", "system:node:node", "system:nodes"); err != nil {
		t.Fatal(err)
	}
	leaf := certificate(t, pki.Path("kubelet.crt"))
	if err := verify(t, pki, leaf, x509.ExtKeyUsageClientAuth, ""); err != nil {
		t.Error(err)
	}
	if verify(t, pki, leaf, x509.ExtKeyUsageServerAuth, "") == nil {
		t.Error("it may also serve")
	}
	if leaf.Subject.CommonName != "system:node:node" || !cmp.Equal(leaf.Subject.Organization, []string{"system:nodes"}) {
		t.Errorf("its subject is %s", leaf.Subject)
	}
}

func TestAServerIsKnownByItsNamesAndAddresses(t *testing.T) {
	pki := authority(t)
	if err := pki.Server("apiserver", "kubernetes.default.svc", "10.96.0.1"); err != nil {
		t.Fatal(err)
	}
	leaf := certificate(t, pki.Path("apiserver.crt"))
	for name, accepted := range map[string]bool{"kubernetes.default.svc": true, "10.96.0.1": true, "other": false, "10.96.0.2": false} {
		if err := verify(t, pki, leaf, x509.ExtKeyUsageServerAuth, name); (err == nil) != accepted {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysAreKeptFromOneStartToTheNextAndReadableByTheirOwnerOnly(t *testing.T) {
	pki := authority(t)
	read := func() map[string]string {
		contents := map[string]string{}
		for _, name := range []string{"ca.key", "ca.crt", "sa.key", "admin.key", "admin.crt"} {
			content, err := os.ReadFile(filepath.Join(pki.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			contents[name] = string(content)
			info, err := os.Stat(filepath.Join(pki.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != fs.FileMode(0o600) {
				t.Errorf("%s has mode %v", name, info.Mode())
			}
		}
		return contents
	}
	if err := pki.Client("admin", "admin", "system:masters"); err != nil {
		t.Fatal(err)
	}
	before := read()
	if err := pki.Authority(); err != nil {
		t.Fatal(err)
	}
	if err := pki.Client("admin", "admin", "system:masters"); err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(before, read()) {
		t.Error("a second start made new keys")
	}
}

func TestAKubeconfigCarriesAllThatAClientNeeds(t *testing.T) {
	pki := authority(t)
	if err := pki.Client("admin", "admin", "system:masters"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := pki.Kubeconfig(path, "admin", "https://127.0.0.1:6443"); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://127.0.0.1:6443" || len(config.CAData) == 0 || len(config.CertData) == 0 || len(config.KeyData) == 0 {
		t.Errorf("it leads to %s and carries %d, %d and %d bytes", config.Host, len(config.CAData), len(config.CertData), len(config.KeyData))
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v", info.Mode())
	}
}

func TestWithoutAnAuthorityNothingIsSigned(t *testing.T) {
	pki := controlplane.PKI{Dir: t.TempDir()}
	if err := pki.Client("admin", "admin"); err == nil {
		t.Error("it was signed")
	}
}
