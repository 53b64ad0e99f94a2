package controllers

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
	if a, b := said(webhook(40001)), said(webhook(52222)); a != b || !strings.Contains(a, "validation.istio.io") || !strings.Contains(a, "connection refused") {
		t.Errorf("%q and %q", a, b)
	}
	dial := func(port int) error { return fmt.Errorf("read tcp 10.0.0.1:%d: connection reset by peer", port) }
	if a, b := said(dial(40001)), said(dial(52222)); a != b {
		t.Errorf("%q and %q", a, b)
	}
	if a := said(fmt.Errorf("apply: %w", context.DeadlineExceeded)); !strings.Contains(a, "in time") {
		t.Error(a)
	}
}

func TestAQuotaIsNamedWithoutItsCounts(t *testing.T) {
	refusal := func(used int) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "blog-user",
			fmt.Errorf("exceeded quota: tight, requested: count/services=1, used: count/services=%d, limited: count/services=5", used))
	}
	if a, b := quota(refusal(5)), quota(refusal(6)); a != "tight" || a != b {
		t.Errorf("%q and %q, want tight", a, b)
	}
	if name := quota(errors.New("exceeded quota: tight")); name != "" {
		t.Errorf("%q is no answer of the API server", name)
	}
}

func TestManyMessagesAreCutShortAndSorted(t *testing.T) {
	if got, want := joined([]string{"e", "b", "a", "b", "d", "c"}), "a; b; c; d; …"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := cut(strings.Repeat("ä", maxMessage)); len(got) > maxMessage {
		t.Errorf("%d bytes", len(got))
	}
}
