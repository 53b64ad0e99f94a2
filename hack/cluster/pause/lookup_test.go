package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// answers is a resolver that fails some times before it answers.
type answers struct {
	failures int
	asked    []string
}

func (a *answers) LookupHost(ctx context.Context, name string) ([]string, error) {
	if _, limited := ctx.Deadline(); !limited {
		return nil, errors.New("it may take for ever")
	}
	if a.asked = append(a.asked, name); len(a.asked) <= a.failures {
		return nil, errors.New("connection refused")
	}
	return []string{"10.96.0.1"}, nil
}

func TestANameIsAskedForUntilThereIsAnAnswer(t *testing.T) {
	from := &answers{failures: 3}
	var waited time.Duration
	addresses, err := lookup(t.Context(), from, "kubernetes.default", func(d time.Duration) { waited += d })
	if err != nil || !slices.Equal(addresses, []string{"10.96.0.1"}) {
		t.Errorf("answered %v, %v", addresses, err)
	}
	if len(from.asked) != 4 || waited != 3*again {
		t.Errorf("asked %q, and waited %v", from.asked, waited)
	}
}

func TestANameWithoutAnAnswerFailsWithTheReason(t *testing.T) {
	from := &answers{failures: attempts}
	_, err := lookup(t.Context(), from, "kubernetes.default", func(time.Duration) {})
	if err == nil || !strings.Contains(err.Error(), "looking up kubernetes.default, 20 times: connection refused") {
		t.Errorf("the error is %v", err)
	}
	if len(from.asked) != attempts {
		t.Errorf("asked %d times", len(from.asked))
	}
}
