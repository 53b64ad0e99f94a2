package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"blogplatform.io/operator/services/internal/testing/pki"
)

const (
	validity = 300 * 24 * time.Hour
	// renewal is when a certificate is too old to begin with.
	renewal = 7 * 24 * time.Hour
)

// certificates are kept from run to run, so that a browser has to be told once.
// The authority's key never reaches a disk: it signs these and nothing else.
type certificates struct {
	// authority is the PEM file of the certificate to trust.
	authority string
	pool      *x509.CertPool
	leaf      tls.Certificate
}

// openCertificates returns what the user's cache holds for the hosts, the first
// of which is a domain of the others, or makes it.
func openCertificates(hosts ...string) (certificates, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return certificates{}, fmt.Errorf("find the cache folder: %w", err)
	}
	dir := filepath.Join(base, "blogplatform", "dev")
	if kept, err := readCertificates(dir, hosts); err == nil {
		return kept, nil
	}
	if err := writeCertificates(dir, hosts); err != nil {
		return certificates{}, fmt.Errorf("keep a certificate in %s: %w", dir, err)
	}
	return readCertificates(dir, hosts)
}

func readCertificates(dir string, hosts []string) (certificates, error) {
	c := certificates{authority: filepath.Join(dir, "ca.crt"), pool: x509.NewCertPool()}
	authority, err := os.ReadFile(c.authority)
	if err != nil {
		return c, fmt.Errorf("read the certificate to trust: %w", err)
	}
	if !c.pool.AppendCertsFromPEM(authority) {
		return c, fmt.Errorf("%s holds no certificate", c.authority)
	}
	if c.leaf, err = tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")); err != nil {
		return c, fmt.Errorf("read the certificate: %w", err)
	}
	for _, host := range hosts {
		if _, err := c.leaf.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: c.pool, CurrentTime: time.Now().Add(renewal)}); err != nil {
			return c, fmt.Errorf("the certificate for %s: %w", host, err)
		}
	}
	return c, nil
}

// writeCertificates replaces the folder as a whole.
func writeCertificates(dir string, hosts []string) error {
	authority, err := pki.NewAuthority(validity, hosts[0])
	if err != nil {
		return err
	}
	leaf, err := authority.Issue(time.Now().Add(-time.Hour), validity, hosts...)
	if err != nil {
		return err
	}
	certificate, key, err := leaf.PEM()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	made, err := os.MkdirTemp(filepath.Dir(dir), "dev-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made)
	return errors.Join(
		os.WriteFile(filepath.Join(made, "ca.crt"), authority.PEM(), 0o600),
		os.WriteFile(filepath.Join(made, "tls.crt"), certificate, 0o600),
		os.WriteFile(filepath.Join(made, "tls.key"), key, 0o600),
		os.RemoveAll(dir), os.Rename(made, dir))
}
