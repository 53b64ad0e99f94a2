package main

import (
	"strings"
	"testing"
)

func TestTheCheckoutPassesItsCheck(t *testing.T) {
	if err := run([]string{"check"}); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	for _, args := range [][]string{nil, {"deploy"}, {"check", "staging"}} {
		if err := run(args); err == nil || !strings.Contains(err.Error(), "usage: gitops generate|check") {
			t.Errorf("gitops %q: the answer is %v", args, err)
		}
	}
}
