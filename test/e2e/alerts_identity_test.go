//go:build e2e && alerts

package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// secretsThatTheProviderReplaced are those of both applications: nobody can sign in any
// more, and a lock does not reach the provider.
func secretsThatTheProviderReplaced(t *testing.T, b *board, env environment) {
	people := signIn(t, env)
	admin, person := people[0], "/admin/people/"+queryIn(t, env, "blog-user", `SELECT id FROM "user".people WHERE email = 'reader4@example.com'`)
	before := get(t, env).Spec.Secrets
	t.Cleanup(func() { change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Secrets = before }) })
	fails := b.begins(t, env, "BlogSignInsFail")
	oidc, scim := replaceClientSecrets(t, env)
	giveUp := keepSigningIn(t, env)

	late := b.begins(t, env, "BlogSCIMSyncLate")
	t.Cleanup(func() { post(context.WithoutCancel(t.Context()), t, admin, person+"/unlock", nil) })
	post(t.Context(), t, admin, person+"/lock", url.Values{"reason": {"The test tries a lock"}})
	if said := fails.fires(t); !strings.Contains(said, "invalid_client") {
		t.Errorf("the log does not say why nobody can sign in: %s", said)
	}
	if said := late.fires(t); !strings.Contains(said, "the provider does not follow") {
		t.Errorf("the log does not say why the provider does not follow: %s", said)
	}

	certificate := sealingCertificate(t)
	fails.values["$CERTIFICATE"], late.values["$CERTIFICATE"] = certificate, certificate
	sealedOIDC := strings.TrimSpace(fails.follows(t, "kubectl blog seal", oidc))
	sealedSCIM := strings.TrimSpace(late.follows(t, "kubectl blog seal", scim))
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Secrets.OIDC = &v1alpha1.OIDCSecret{Sealed: &v1alpha1.SealedOIDC{ClientSecret: sealedOIDC}}
		spec.Secrets.SCIM = &v1alpha1.SCIMSecret{Sealed: &v1alpha1.SealedSCIM{ClientSecret: sealedSCIM}}
	})
	eventually(t, 3*time.Minute, "people sign in", func(ctx context.Context) error { return tryToSignIn(ctx, env) })
	giveUp()
	fails.ends()

	late.advised(t, "ask for a retry in the Admin panel")
	late.ends()
	asked := time.Time{}
	eventually(t, 5*time.Minute, late.rule()+" resolves", func(ctx context.Context) error {
		err := late.isOver(ctx)
		if err != nil && time.Since(asked) > 15*time.Second { // a pod may have the secret of before for a minute
			asked = time.Now()
			_, _ = admin.follow(ctx, http.MethodPost, env.url(person+"/retry"), url.Values{})
		}
		return err
	})
}

// post sends a form of the Admin panel.
func post(ctx context.Context, t *testing.T, p *person, path string, form url.Values) {
	t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if _, err := p.follow(ctx, http.MethodPost, p.env.url(path), form); err != nil {
		t.Errorf("posting %s: %v", path, err)
	}
}

// tryToSignIn is what somebody does whose browser knows nothing of the blog.
func tryToSignIn(ctx context.Context, env environment) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	p := &person{env: env, browser: browser()}
	p.browser.Jar = jar
	return p.signIn(ctx, "reader3@example.com", "reader")
}

// keepSigningIn has somebody try again and again until they give up.
func keepSigningIn(t *testing.T, env environment) (giveUp func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var pending sync.WaitGroup
	pending.Go(func() {
		ticker := time.NewTicker(4 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				_ = tryToSignIn(ctx, env)
			}
		}
	})
	giveUp = func() { cancel(); pending.Wait() }
	t.Cleanup(giveUp)
	return giveUp
}

// replaceClientSecrets gives both applications of an environment new secrets at the fake
// Asgardeo, until the test is over.
func replaceClientSecrets(t *testing.T, env environment) (oidc, scim string) {
	t.Helper()
	const name, key = "asgardeo", "config.json"
	secrets := clientset.CoreV1().Secrets(name)
	secret, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(secret.Data[key], &config); err != nil {
		t.Fatal(err)
	}
	replaced := map[string]string{env.namespace: rand.Text(), env.namespace + "-scim": rand.Text()}
	clients, _ := config["clients"].([]any)
	found := 0
	for _, c := range clients {
		application, _ := c.(map[string]any)
		id, _ := application["id"].(string)
		if value, is := replaced[id]; is {
			application["secret"] = value
			found++
		}
	}
	if found != len(replaced) {
		t.Fatalf("the provider knows %d of the applications %v", found, replaced)
	}
	document, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	serve := func(document []byte) {
		replace(t, secret, map[string][]byte{key: document})
		scale(t, name, name, 0)
		scale(t, name, name, 1)
	}
	t.Cleanup(func() { serve(secret.Data[key]) })
	serve(document)
	return replaced[env.namespace], replaced[env.namespace+"-scim"]
}

// sealingCertificate is a file with the certificate of Sealed Secrets, as kubeseal --fetch-cert prints it.
func sealingCertificate(t *testing.T) string {
	t.Helper()
	pem, err := clientset.CoreV1().Services("sealed-secrets").ProxyGet("http", "sealed-secrets-controller", "8080", "/v1/cert.pem", nil).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sealing.pem")
	if err := os.WriteFile(file, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
