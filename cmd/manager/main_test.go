package main

import (
	"testing"
	"time"

	"blogplatform.io/operator/hack/images/bare"
)

// The operator asks identity providers for their discovery documents, and
// decides windows of promotions in their time zones, out of an image that holds
// its program only.
func TestInItsImageTheOperatorTrustsPublicProvidersAndKnowsTimeZones(t *testing.T) {
	if !bare.Inside() {
		if err := bare.Run(t.Context(), ".", t.TempDir(), t.Name()); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := bare.VerifyPublicChain(); err != nil {
		t.Errorf("a public certificate is refused: %v", err)
	}
	if offset, err := bare.Colombo(); err != nil || offset != 5*time.Hour+30*time.Minute {
		t.Errorf("Asia/Colombo is %s from UTC, %v", offset, err)
	}
}
