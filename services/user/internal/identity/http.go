package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// timeout bounds one question to the provider.
	timeout = 4 * time.Second
	// keysEvery bounds how often keys are fetched: anybody can send a token with
	// an unknown key, and the provider counts requests per address.
	keysEvery = 5 * time.Second
)

// NewHTTP returns a client for the provider. authorities are PEM certificates of
// its CA, empty for the system's.
func NewHTTP(authorities []byte) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = dial
	if len(authorities) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(authorities) {
			return nil, errors.New("the identity provider's CA bundle holds no PEM certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: timeout}, nil
}

// dial takes names under .localhost for loopback where nobody resolves them, as
// browsers do (RFC 6761, section 6.3); Go does not.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, network, address)
	var unknown *net.DNSError
	if host, port, _ := net.SplitHostPort(address); errors.As(err, &unknown) && unknown.IsNotFound && strings.HasSuffix(host, ".localhost") {
		return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
	return conn, err
}

// patient returns a client that asks every keysEvery at most.
func patient(client *http.Client) *http.Client {
	copied := *client
	copied.Transport = &throttle{next: client.Transport}
	return &copied
}

type throttle struct {
	next http.RoundTripper
	mu   sync.Mutex
	last time.Time
}

// RoundTrip implements http.RoundTripper.
func (t *throttle) RoundTrip(req *http.Request) (*http.Response, error) {
	t.mu.Lock()
	wait := keysEvery - time.Since(t.last)
	if wait <= 0 {
		t.last = time.Now()
	}
	t.mu.Unlock()
	if wait > 0 {
		return nil, fmt.Errorf("the provider's keys were fetched a moment ago; try again in %s", wait.Round(time.Second))
	}
	return t.next.RoundTrip(req)
}
