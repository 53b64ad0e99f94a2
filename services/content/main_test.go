package main

import (
	"testing"

	"blogplatform.io/operator/hack/images/bare"
)

func TestInItsImageTheServiceTrustsPublicCollectorsOfTraces(t *testing.T) {
	if !bare.Inside() {
		if err := bare.Run(t.Context(), ".", t.TempDir(), t.Name()); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := bare.VerifyPublicChain(); err != nil {
		t.Errorf("a public certificate is refused: %v", err)
	}
}
