package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// PKI is a certificate authority and what it signed, in one folder. What is
// there already is kept, so that an interrupted start can be resumed.
type PKI struct{ Dir string }

// certificateLife is long enough for a development cluster and short enough to be harmless.
const certificateLife = 30 * 24 * time.Hour

// Path of a file: <name>.crt or <name>.key.
func (p PKI) Path(name string) string { return filepath.Join(p.Dir, name) }

// Authority makes the certificate authority ca.crt and ca.key, and the key pair sa.key that signs ServiceAccount tokens.
func (p PKI) Authority() error {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "local cluster"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if err := p.sign("ca", template, nil); err != nil {
		return err
	}
	return p.sign("sa", &x509.Certificate{Subject: pkix.Name{CommonName: "service accounts"}}, nil)
}

// Server makes a serving certificate for names and addresses.
func (p PKI) Server(name string, hosts ...string) error {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return p.signByAuthority(name, template)
}

// Client makes a client certificate for a Kubernetes user in groups.
func (p PKI) Client(name, user string, groups ...string) error {
	return p.signByAuthority(name, &x509.Certificate{
		Subject: pkix.Name{CommonName: user, Organization: groups}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// Kubeconfig writes a kubeconfig that holds the client certificate of that name.
func (p PKI) Kubeconfig(path, name, server string) error {
	ca, caErr := os.ReadFile(p.Path("ca.crt"))
	certificate, certificateErr := os.ReadFile(p.Path(name + ".crt"))
	key, keyErr := os.ReadFile(p.Path(name + ".key"))
	if err := errors.Join(caErr, certificateErr, keyErr); err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["local"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key}
	config.Contexts["local"] = &clientcmdapi.Context{Cluster: "local", AuthInfo: name}
	config.CurrentContext = "local"
	return clientcmd.WriteToFile(*config, path)
}

func (p PKI) signByAuthority(name string, template *x509.Certificate) error {
	certificate, certificateErr := readPEM(p.Path("ca.crt"))
	key, keyErr := readPEM(p.Path("ca.key"))
	if err := errors.Join(certificateErr, keyErr); err != nil {
		return err
	}
	parent, certificateErr := x509.ParseCertificate(certificate)
	parentKey, keyErr := x509.ParseECPrivateKey(key)
	if err := errors.Join(certificateErr, keyErr); err != nil {
		return fmt.Errorf("reading the certificate authority in %s: %w", p.Dir, err)
	}
	return p.sign(name, template, &authority{certificate: parent, key: parentKey})
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// sign writes name.key and name.crt unless both exist. Without a parent the certificate signs itself.
func (p PKI) sign(name string, template *x509.Certificate, parent *authority) error {
	if _, err := os.Stat(p.Path(name + ".crt")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return err
	}
	template.NotBefore = time.Now().Add(-time.Minute)
	template.NotAfter = template.NotBefore.Add(certificateLife)
	if parent == nil {
		parent = &authority{certificate: template, key: key}
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, key.Public(), parent.key)
	if err != nil {
		return fmt.Errorf("signing %s: %w", name, err)
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(p.Path(name+".key"), "EC PRIVATE KEY", encoded); err != nil {
		return err
	}
	return writePEM(p.Path(name+".crt"), "CERTIFICATE", certificate)
}

func writePEM(path, kind string, content []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
}

func readPEM(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	return block.Bytes, nil
}
