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
	// timeout bounds one question, and parallel how many are open at the same time.
	timeout  = 3 * time.Second
	parallel = 8
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

// Asker asks providers in the background, and keeps their answers for a while:
// one that does not answer keeps nobody waiting. Make one with NewAsker; it may be
// used by many at a time.
type Asker struct {
	networks Networks
	changed  func(Provider)
	slots    chan struct{}
	mu       sync.Mutex
	answers  map[Provider]answer
}

type answer struct {
	problem error
	// known is false until the first answer, asking true while a question is open.
	known, asking bool
	until         time.Time
}

// NewAsker makes one that asks providers at public addresses and in networks, and
// calls changed after each answer that differs from the one before.
func NewAsker(networks Networks, changed func(Provider)) *Asker {
	return &Asker{networks: networks, changed: changed, slots: make(chan struct{}, parallel), answers: map[Provider]answer{}}
}

// Answer is what is known of a provider: no problem if it answered with a
// document of its own, otherwise what is wrong, in words that stay the same while
// it is. It does not wait: if nothing is known, or that is old, it has the provider asked.
func (a *Asker) Answer(provider Provider) (known bool, problem error) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.answers[provider]
	if last.asking || now.Before(last.until) {
		return last.known, last.problem
	}
	for other, kept := range a.answers {
		if !kept.asking && now.After(kept.until.Add(goodFor)) {
			delete(a.answers, other) // perhaps of a platform that is gone
		}
	}
	last.asking = true
	a.answers[provider] = last
	go a.ask(provider)
	return last.known, last.problem
}

func (a *Asker) ask(provider Provider) {
	a.slots <- struct{}{}
	problem := a.networks.ask(context.Background(), provider)
	<-a.slots
	next := answer{problem: problem, known: true, until: time.Now().Add(goodFor)}
	if problem != nil {
		next.until = time.Now().Add(badFor)
	}
	a.mu.Lock()
	last := a.answers[provider]
	a.answers[provider] = next
	a.mu.Unlock()
	if !last.known || fmt.Sprint(last.problem) != fmt.Sprint(problem) {
		a.changed(provider)
	}
}

func (n Networks) ask(ctx context.Context, provider Provider) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	address := strings.TrimSuffix(provider.Issuer, "/") + "/.well-known/openid-configuration"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("its address is none")
	}
	client, err := n.clientFor(req, provider.CABundle)
	if err != nil {
		return err
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

// clientFor makes a client that is used once: providers are asked rarely. Where a
// proxy connects to the provider, which addresses it may connect to is the proxy's to judge.
func (n Networks) clientFor(req *http.Request, bundle string) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if bundle != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(bundle)) {
			return nil, errors.New("the CA bundle holds no certificate that can be read")
		}
	}
	proxy, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the operator's HTTPS_PROXY is no address")
	}
	dialer := &net.Dialer{}
	if proxy == nil {
		dialer.Control = n.refuse
	}
	return &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DialContext: dialer.DialContext, TLSClientConfig: config, DisableKeepAlives: true},
		// Where it leads is not what was asked about.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// unreachable sorts out errors whose texts hold ports and addresses that change.
func unreachable(err error) error {
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.Is(err, ErrNotPublic):
		return ErrNotPublic
	case errors.As(err, &certificate):
		return errors.New("its certificate is not trusted")
	case errors.As(err, &name) && name.IsNotFound:
		return errors.New("its name is not known to DNS")
	}
	return errors.New("it does not answer")
}
