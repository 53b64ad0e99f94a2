package faker

import (
	"context"
	"sync"

	"blogplatform.io/operator/internal/discovery"
)

// Providers are OpenID providers, all of which are there until they are said not to be.
type Providers struct {
	mu       sync.Mutex
	problems map[string]error
}

// Set says what is wrong with the provider of an issuer, nil for nothing.
func (p *Providers) Set(issuer string, problem error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.problems == nil {
		p.problems = map[string]error{}
	}
	p.problems[issuer] = problem
}

// Ask implements controllers.Providers.
func (p *Providers) Ask(_ context.Context, provider discovery.Provider) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problems[provider.Issuer]
}
