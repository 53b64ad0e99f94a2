package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"blogplatform.io/operator/services/internal/command"
)

const (
	verifyRetry        = time.Second
	verifyCheckTimeout = 10 * time.Second
)

// check is one question that verify asks.
type check struct {
	name string
	// ask returns what was found, for the log, or why the check failed.
	ask func(context.Context) (string, error)
}

// verify asks every data service whether its database answers, and the gateway
// for the home page as a browser would. It prints a line per check, repeats what
// failed until VERIFY_TIMEOUT (default 30s) is over, and returns the reasons of
// all checks that still fail: they become the termination message.
func verify(ctx context.Context, _ command.Identity, args []string) error {
	if err := command.ParseFlags(flag.NewFlagSet("verify", flag.ContinueOnError), args); err != nil {
		return err
	}
	timeout, err := command.DurationEnv("VERIFY_TIMEOUT", 30*time.Second)
	if err != nil {
		return err
	}
	checks, err := checksFromEnv()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return runChecks(ctx, os.Stdout, checks)
}

func checksFromEnv() ([]check, error) {
	services, errServices := backendsFromEnv()
	gateway, errGateway := gatewayFromEnv()
	if err := errors.Join(errServices, errGateway); err != nil {
		return nil, err
	}
	dependencies := func(ask func(context.Context) error) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return "its database answers", ask(ctx) }
	}
	return []check{
		{"user", dependencies(services.user.Dependencies)},
		{"content", dependencies(services.content.Dependencies)},
		{"comment", dependencies(services.comment.Dependencies)},
		{"gateway", gateway.ask},
	}, nil
}

func runChecks(ctx context.Context, out io.Writer, checks []check) error {
	var failures []error
	for _, c := range checks {
		found, err := untilPassed(ctx, c)
		if err != nil {
			fmt.Fprintf(out, "FAIL %s: %v\n", c.name, err)
			failures = append(failures, fmt.Errorf("%s: %w", c.name, err))
			continue
		}
		fmt.Fprintf(out, "ok   %s: %s\n", c.name, found)
	}
	return errors.Join(failures...)
}

// untilPassed asks until the check passes or ctx ends, but at least once: after
// one check has used up the time, the others still get to say how they are.
func untilPassed(ctx context.Context, c check) (string, error) {
	for {
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), verifyCheckTimeout)
		found, err := c.ask(once)
		cancel()
		if err == nil || ctx.Err() != nil {
			return found, err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(verifyRetry):
		}
	}
}

// gateway is the way in that browsers take.
type gateway struct {
	public  *url.URL
	address string
	// roots is nil when the authority that signs the certificate may be one we
	// do not know; names and dates are checked in any case.
	roots *x509.CertPool
}

func gatewayFromEnv() (*gateway, error) {
	public, errPublic := publicURL()
	address, errAddress := command.RequireEnv("GATEWAY_ADDRESS")
	roots, errRoots := rootsFromEnv()
	return &gateway{public, address, roots}, errors.Join(errPublic, errAddress, errRoots)
}

func rootsFromEnv() (*x509.CertPool, error) {
	path := os.Getenv("GATEWAY_CA_FILE")
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the gateway's authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("GATEWAY_CA_FILE=%s holds no PEM certificate", path)
	}
	return roots, nil
}

// ask gets the home page from the gateway's address under the public name.
func (g *gateway) ask(ctx context.Context) (string, error) {
	authority := "authority checked"
	dialer := &net.Dialer{}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, g.address)
		},
		TLSClientConfig: &tls.Config{
			ServerName: g.public.Hostname(),
			MinVersion: tls.VersionTLS12,
			// Go's own check is all or nothing. VerifyConnection makes the same
			// check in parts, because the authority may be unknown in this pod.
			InsecureSkipVerify: true,
			VerifyConnection: func(state tls.ConnectionState) error {
				known, err := g.checkCertificate(state.PeerCertificates)
				if !known {
					authority = "its authority is not known here, which is accepted"
				}
				return err
			},
		},
	}
	expires, err := g.getHome(ctx, transport)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("home page of %s answered 200; certificate until %s, %s", g.public, expires.UTC().Format(time.DateOnly), authority), nil
}

// getHome asks for the home page and returns when the certificate expires.
func (g *gateway) getHome(ctx context.Context, transport *http.Transport) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.public.String()+"/", nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask for %s: %w", g.public, err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return time.Time{}, fmt.Errorf("get %s through %s: %w", g.public, g.address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return time.Time{}, fmt.Errorf("home page of %s answered %d instead of 200", g.public, resp.StatusCode)
	}
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media != "text/html" {
		return time.Time{}, fmt.Errorf("home page of %s is %q instead of text/html: is something else answering?", g.public, resp.Header.Get("Content-Type"))
	}
	return resp.TLS.PeerCertificates[0].NotAfter, nil
}

// checkCertificate checks that the served certificate covers the host and is
// valid today, and says whether its authority is known. An unknown authority is
// an error only when the authority to expect was given.
func (g *gateway) checkCertificate(chain []*x509.Certificate) (known bool, err error) {
	leaf := chain[0]
	host := g.public.Hostname()
	if err := leaf.VerifyHostname(host); err != nil {
		return false, fmt.Errorf("the served certificate does not cover %s, only %s", host, names(leaf))
	}
	if now := time.Now(); now.After(leaf.NotAfter) {
		return false, fmt.Errorf("the served certificate for %s expired on %s", host, leaf.NotAfter.UTC().Format(time.RFC3339))
	} else if now.Before(leaf.NotBefore) {
		return false, fmt.Errorf("the served certificate for %s is valid only from %s", host, leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	options := x509.VerifyOptions{DNSName: host, Roots: g.roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err = leaf.Verify(options)
	var unknown x509.UnknownAuthorityError
	var noRoots x509.SystemRootsError
	if g.roots == nil && (errors.As(err, &unknown) || errors.As(err, &noRoots)) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("the served certificate for %s cannot be trusted: %w", host, err)
	}
	return true, nil
}

func names(leaf *x509.Certificate) string {
	if len(leaf.DNSNames) == 0 {
		return "no name"
	}
	return strings.Join(leaf.DNSNames, ", ")
}
