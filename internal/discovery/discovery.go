package discovery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// timeout bounds one question. Somebody waits for the answer.
	timeout = 3 * time.Second
	// goodFor and badFor are how long an answer is believed.
	goodFor = 5 * time.Minute
	badFor  = 30 * time.Second
	// maxDocument is what is read of a document, in bytes.
	maxDocument = 1 << 20
)

// Provider is one that can be asked.
type Provider struct {
	// Issuer is the iss of its tokens, an https URL.
	Issuer string
	// CABundle holds PEM certificates of its authorities, empty for the system's.
	CABundle string
}

// Asker asks providers, and keeps their answers for a while. Its zero value is
// ready for use, by many at a time.
type Asker struct {
	mu      sync.Mutex
	answers map[Provider]answer
}

type answer struct {
	problem error
	until   time.Time
}

// Ask returns nil if the provider answers with a document of its own, and
// otherwise what is wrong, in words that stay the same while it is.
func (a *Asker) Ask(ctx context.Context, provider Provider) error {
	now := time.Now()
	a.mu.Lock()
	last, found := a.answers[provider]
	a.mu.Unlock()
	if found && now.Before(last.until) {
		return last.problem
	}
	next := answer{problem: ask(ctx, provider), until: now.Add(goodFor)}
	if next.problem != nil {
		next.until = now.Add(badFor)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers == nil {
		a.answers = map[Provider]answer{}
	}
	for other, kept := range a.answers {
		if now.After(kept.until) {
			delete(a.answers, other) // perhaps of a platform that is gone
		}
	}
	a.answers[provider] = next
	return next.problem
}

func ask(ctx context.Context, provider Provider) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client, err := clientFor(provider.CABundle)
	if err != nil {
		return err
	}
	address := strings.TrimSuffix(provider.Issuer, "/") + "/.well-known/openid-configuration"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("its address is none")
	}
	resp, err := client.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers with status %d", resp.StatusCode)
	}
	var document struct{ Issuer string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(&document); err != nil {
		return errors.New("its answer is no discovery document")
	}
	if document.Issuer != provider.Issuer {
		return errors.New("its discovery document names another issuer")
	}
	return nil
}

// clientFor makes a client that is used once: providers are asked rarely.
func clientFor(bundle string) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if bundle != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(bundle)) {
			return nil, errors.New("the CA bundle holds no certificate that can be read")
		}
	}
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, DisableKeepAlives: true},
		// Where it leads is not what was asked about.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// unreachable sorts out errors whose texts hold ports and addresses that change.
func unreachable(err error) error {
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return errors.New("its certificate is not trusted")
	case errors.As(err, &name) && name.IsNotFound:
		return errors.New("its name is not known to DNS")
	}
	return errors.New("it does not answer")
}
