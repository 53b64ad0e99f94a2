package faker

import (
	"sync"

	"blogplatform.io/operator/controllers"
	"blogplatform.io/operator/internal/discovery"
)

// Providers are OpenID providers, all of which are there until they are said not
// to be. As with the real ones, nothing is known of one that is asked for the
// first time, and nothing new before the operator hears of it.
type Providers struct {
	mu       sync.Mutex
	problems map[string]error
	asked    map[string]discovery.Provider
	// changed are those who want to hear of changes: each operator of the process.
	changed []func(discovery.Provider)
}

// New is controllers.Options.NewProviders.
func (p *Providers) New(changed func(discovery.Provider)) controllers.Providers {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = append(p.changed, changed)
	return p
}

// Set says what is wrong with the provider of an issuer, nil for nothing.
func (p *Providers) Set(issuer string, problem error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.problems == nil {
		p.problems = map[string]error{}
	}
	p.problems[issuer] = problem
	if provider, known := p.asked[issuer]; known {
		p.tell(provider)
	}
}

// Answer implements controllers.Providers.
func (p *Providers) Answer(provider discovery.Provider) (known bool, problem error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.asked[provider.Issuer]; known {
		return true, p.problems[provider.Issuer]
	}
	if p.asked == nil {
		p.asked = map[string]discovery.Provider{}
	}
	p.asked[provider.Issuer] = provider
	p.tell(provider)
	return false, nil
}

func (p *Providers) tell(provider discovery.Provider) {
	for _, changed := range p.changed {
		go changed(provider)
	}
}
