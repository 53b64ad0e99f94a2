package service

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// environment sets the variables of a service with a provider, but for the changed ones.
func environment(t *testing.T, changed map[string]string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("hush-hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{
		"PUBLIC_URL": "https://blog.example.com/", "TOKEN_ISSUER": "blogplatform://g11-stg/blog",
		"OIDC_ISSUER": "https://id.example.com/t/acme/oauth2/token", "OIDC_CLIENT_ID": "blog", "OIDC_CLIENT_SECRET_FILE": file, "OIDC_CA_FILE": "",
		"SCIM_URL": "https://id.example.com/t/acme/scim2", "SCIM_CLIENT_ID": "m2m", "SCIM_CLIENT_SECRET_FILE": file,
		"BOOTSTRAP_ADMIN_SUBJECT": "", "CONTENT_URL": "http://blog-content:8080/", "COMMENT_URL": "",
	}
	maps.Copy(variables, changed)
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

func TestTheEnvironmentSaysWhoTheProviderIs(t *testing.T) {
	environment(t, nil)
	got, err := settingsFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"https://blog.example.com", "hush-hush", "hush-hush", "http://blog-content:8080"}
	if have := []string{got.publicURL, got.clientSecret(), got.scimClientSecret(), got.erasers["content"]}; !slices.Equal(have, want) || len(got.erasers) != 1 {
		t.Errorf("got %q", have)
	}
}

func TestASettingThatIsWrongIsNamed(t *testing.T) {
	for name, value := range map[string]string{
		"PUBLIC_URL": "", "TOKEN_ISSUER": "", "OIDC_CLIENT_ID": "", "OIDC_CLIENT_SECRET_FILE": "/nowhere", "OIDC_CA_FILE": "/nowhere",
		"OIDC_ISSUER": "http://id.example.com", "SCIM_URL": "http://id.example.com/scim2", "SCIM_CLIENT_ID": "", "SCIM_CLIENT_SECRET_FILE": "",
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, map[string]string{name: value})
			_, err := settingsFromEnv()
			if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hush-hush") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestABlogWithoutAProviderNeedsNoSettings(t *testing.T) {
	environment(t, map[string]string{
		"OIDC_ISSUER": "", "PUBLIC_URL": "", "TOKEN_ISSUER": "", "OIDC_CLIENT_ID": "", "OIDC_CLIENT_SECRET_FILE": "", "SCIM_URL": "", "CONTENT_URL": "",
	})
	if _, err := settingsFromEnv(); err != nil {
		t.Fatal(err)
	}
}

func TestAProviderThatCannotBeUsedIsRefusedAtTheStart(t *testing.T) {
	for want, wrong := range map[string]settings{
		"CA bundle":      {issuer: "https://id.example.com", authorities: []byte("no certificate")},
		"ends in /scim2": {issuer: "https://id.example.com", scimURL: "https://id.example.com/users"},
	} {
		if _, err := newService(nil, wrong); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("instead of %q: %v", want, err)
		}
	}
}
