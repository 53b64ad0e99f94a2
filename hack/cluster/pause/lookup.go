package main

import (
	"context"
	"fmt"
	"time"
)

// How often, how long and how soon again a name is asked for: the rules that lead to a Service follow its pods by about a second.
const (
	attempts      = 20
	answersWithin = 2 * time.Second
	again         = 500 * time.Millisecond
)

// resolver is what lookup needs of *net.Resolver.
type resolver interface {
	LookupHost(ctx context.Context, name string) ([]string, error)
}

// lookup asks for the addresses of a name until there is an answer, and fails when too many attempts have none.
func lookup(ctx context.Context, from resolver, name string, wait func(time.Duration)) (addresses []string, err error) {
	for range attempts {
		addresses, err = lookupOnce(ctx, from, name)
		if err == nil {
			return addresses, nil
		}
		wait(again)
	}
	return nil, fmt.Errorf("looking up %s, %d times: %w", name, attempts, err)
}

func lookupOnce(ctx context.Context, from resolver, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	return from.LookupHost(ctx, name)
}
