//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

func TestBothPlatformsAreReady(t *testing.T) {
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			eventually(t, 5*time.Minute, "Ready=True", func(ctx context.Context) error { return ready(ctx, env) })
		})
	}
}

func ready(ctx context.Context, env environment) error {
	var bp v1alpha1.BlogPlatform
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: env.namespace, Name: platform}, &bp); err != nil {
		return err
	}
	condition := meta.FindStatusCondition(bp.Status.Conditions, v1alpha1.ConditionReady)
	if condition == nil {
		return fmt.Errorf("no condition Ready yet")
	}
	if condition.Status != "True" || condition.ObservedGeneration != bp.Generation {
		return fmt.Errorf("%s: %s", condition.Reason, condition.Message)
	}
	return nil
}

func TestAReaderGetsTheHomePageWithItsPosts(t *testing.T) {
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			response, body := visit(t, "https://"+env.host+":"+httpsPort+"/")
			if response.StatusCode != http.StatusOK {
				t.Fatalf("home page answered %s: %.300s", response.Status, body)
			}
			if err := response.TLS.PeerCertificates[0].VerifyHostname(env.host); err != nil {
				t.Errorf("certificate of the gateway: %v", err)
			}
			if !strings.Contains(body, "<article") {
				t.Errorf("home page lists no post: %.500s", body)
			}
		})
	}
}

func visit(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := browser().Do(request)
	if err != nil {
		t.Fatalf("visiting %s: %v", url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading %s: %v", url, err)
	}
	return response, string(body)
}

func TestPlainHTTPIsSentToHTTPS(t *testing.T) {
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			p := outsider(t, env.namespace)
			a := p.run(t, "curl", "--silent", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}",
				"--header", "Host: "+env.host, "http://istio-ingress.istio-ingress.svc/some/page")
			code, location, _ := strings.Cut(a.out, " ")
			if code != "301" || !strings.HasPrefix(location, "https://"+env.host+":") || !strings.HasSuffix(location, "/some/page") {
				t.Errorf("plain HTTP answered %q %s, want 301 to https://%s:…/some/page", a.out, a.err, env.host)
			}
		})
	}
}
