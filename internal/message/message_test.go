package message

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestAMessageStaysTheSameWhileItsCauseDoes(t *testing.T) {
	webhook := func(port int) error {
		return fmt.Errorf("apply Gateway: %w", apierrors.NewInternalError(fmt.Errorf(
			`failed calling webhook "validation.istio.io": dial tcp 10.96.0.7:%d->[fd00::1]:%d: connection refused`, port, port)))
	}
	if a, b := OfError(webhook(40001)), OfError(webhook(52222)); a != b || !strings.Contains(a, "validation.istio.io") || !strings.Contains(a, "connection refused") {
		t.Errorf("%q and %q", a, b)
	}
	dial := func(port int) error { return fmt.Errorf("read tcp 10.0.0.1:%d: connection reset by peer", port) }
	if a, b := OfError(dial(40001)), OfError(dial(52222)); a != b {
		t.Errorf("%q and %q", a, b)
	}
	if a := OfError(fmt.Errorf("apply: %w", context.DeadlineExceeded)); !strings.Contains(a, "in time") {
		t.Error(a)
	}
}

func TestAQuotaIsNamedWithoutItsCounts(t *testing.T) {
	refusal := func(used int) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "blog-user",
			fmt.Errorf("exceeded quota: tight, requested: count/services=1, used: count/services=%d, limited: count/services=5", used))
	}
	if a, b := Quota(refusal(5)), Quota(refusal(6)); a != "tight" || a != b {
		t.Errorf("%q and %q, want tight", a, b)
	}
	if name := Quota(errors.New("exceeded quota: tight")); name != "" {
		t.Errorf("%q is no answer of the API server", name)
	}
}

func TestManyMessagesAreCutShortAndSorted(t *testing.T) {
	if got, want := Join([]string{"e", "b", "a", "b", "d", "c"}), "a; b; c; d; …"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Quote(strings.Repeat("ä", MaxQuote)); len(got) > MaxQuote {
		t.Errorf("%d bytes", len(got))
	}
}

// TestATextThatFitsIsUnchanged, and a longer one is not cut within a character.
func TestATextThatFitsIsUnchanged(t *testing.T) {
	for text, want := range map[string]string{"äää": "äää", "ääää": "ä…", "aäää": "aä…", "": ""} {
		if got := Fit(6, text); got != want || len(got) > 6 {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestJoinDoesNotReorderItsArgument(t *testing.T) {
	messages := []string{"b", "a"}
	if Join(messages); messages[0] != "b" {
		t.Errorf("%v", messages)
	}
}
