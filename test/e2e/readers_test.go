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
	return hasCondition(ctx, env, v1alpha1.ConditionReady)
}

// hasCondition is nil once a condition of the platform is true for its present spec.
func hasCondition(ctx context.Context, env environment, name string) error {
	var bp v1alpha1.BlogPlatform
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: env.namespace, Name: platform}, &bp); err != nil {
		return err
	}
	condition := meta.FindStatusCondition(bp.Status.Conditions, name)
	if condition == nil {
		return fmt.Errorf("no condition %s yet", name)
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

// TestAPostIsShownWithItsComments crosses every edge from the frontend to a data service.
func TestAPostIsShownWithItsComments(t *testing.T) {
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			_, home := visit(t, "https://"+env.host+":"+httpsPort+"/")
			_, rest, found := strings.Cut(home, `href="/posts/`)
			slug, _, _ := strings.Cut(rest, `"`)
			if !found {
				t.Fatalf("home page links to no post: %.500s", home)
			}
			response, body := visit(t, "https://"+env.host+":"+httpsPort+"/posts/"+slug)
			if response.StatusCode != http.StatusOK || !strings.Contains(body, `id="comments"`) || strings.Contains(body, "Comments cannot be shown") {
				t.Errorf("post %s answered %s: %s", slug, response.Status, body)
			}
		})
	}
}

func visit(t testing.TB, url string) (*http.Response, string) {
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
