package main

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

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

func TestAnOperatorIsReadyOnceItHasListedWhatItWatches(t *testing.T) {
	for _, synced := range []bool{false, true} {
		check := cacheSynced(&informertest.FakeInformers{Synced: &synced})
		if err := check(httptest.NewRequest("GET", "/readyz", nil)); (err == nil) != synced {
			t.Errorf("synced: %v, the answer: %v", synced, err)
		}
	}
}

func TestLogsNameTheEventSources(t *testing.T) {
	src := source.Kind[client.Object](&informertest.FakeInformers{}, &corev1.Secret{}, &handler.EnqueueRequestForObject{}, predicate.Funcs{})
	for _, format := range []string{"json", "text"} {
		var out bytes.Buffer
		logr.FromSlogHandler(flags{logFormat: format}.logHandler(&out)).Info("Starting EventSource", "source", src, "kind", "BlogPlatform")
		for _, want := range []string{"kind source: *v1.Secret", "BlogPlatform"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s log lacks %q: %s", format, want, &out)
			}
		}
	}
}
