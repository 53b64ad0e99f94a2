//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"blogplatform.io/operator/api/v1alpha1"
)

func TestTheIdentityProviderAnswersBrowsersAndTheOperator(t *testing.T) {
	discovery := "https://id.blog.localhost:" + httpsPort + "/t/blog/oauth2/token/.well-known/openid-configuration"
	eventually(t, time.Minute, discovery, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, discovery, nil)
		if err != nil {
			return err
		}
		resp, err := browser().Do(req)
		if err != nil {
			return err
		}
		if err := resp.TLS.PeerCertificates[0].VerifyHostname("id.blog.localhost"); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it answered %s", resp.Status)
		}
		return resp.Body.Close()
	})
	for _, env := range environments {
		eventually(t, 2*time.Minute, env.namespace+" "+v1alpha1.ConditionIdentityReady, func(context.Context) error {
			if c := meta.FindStatusCondition(get(t, env).Status.Conditions, v1alpha1.ConditionIdentityReady); c == nil || c.Reason != "Discovered" {
				return fmt.Errorf("the condition is %v", c)
			}
			return nil
		})
	}
}

// The way leads from the user service's proxy to the gateway and, outside of the
// mesh, to the provider. The probe is the frontend by its identity.
func TestTheUserServiceReachesTheIdentityProviderThroughTheMesh(t *testing.T) {
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			p := startProbe(t, env.namespace, platform+"-frontend", nil)
			eventually(t, time.Minute, "a sign-in begun", func(context.Context) error {
				a := p.run(t, "curl", "--silent", "--show-error", "--max-time", "10", "--header", "Content-Type: application/json", "--data", `{"returnTo":"/"}`, serviceURL(env, "user", "/v1/sign-ins"))
				if want := `"authorizationURL":"https://id.blog.localhost:` + httpsPort + `/t/blog/oauth2/authorize?`; !strings.Contains(a.out, want) {
					return fmt.Errorf("the answer %q %q lacks %s", a.out, a.err, want)
				}
				return nil
			})
		})
	}
}
