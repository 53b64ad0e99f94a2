package plan

import (
	"maps"
	"testing"

	sealedsecrets "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// rotated is a platform with a provider, the set that was verified before its secrets
// and its CA bundle were replaced, and the one after.
func rotated(t *testing.T) (in Input, before, after Set) {
	t.Helper()
	in = withIdentity(t, "https://login.example.com/t/acme/oauth2/token", "")
	in.Platform.Spec.Identity.CABundle = "the authority before"
	setOf := func() Set {
		set, err := SetOf(in.Platform, in.Release)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	before = setOf()
	in.Platform = in.Platform.DeepCopy()
	in.Platform.Spec.Identity.CABundle = "the authority after"
	in.Platform.Spec.Secrets.OIDC.Sealed.ClientSecret = "AgByOIDCAfter"
	in.Platform.Spec.Secrets.Cookies.Sealed = &v1alpha1.SealedCookies{Key: "AgByCookiesAfter"}
	after = setOf()
	return in, before, after
}

// sealedIn are the values of all SealedSecrets of a plan, by name.
func sealedIn(t *testing.T, plan Plan) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, s := range childrenOf[sealedsecrets.SealedSecret](t, plan.Children, "SealedSecret") {
		for _, value := range s.Spec.EncryptedData {
			values[s.Name] = value
		}
	}
	return values
}

// TestSecretsGoOutAndBackWithTheirRelease: those of the data services with these, the
// cookie key with the frontend.
func TestSecretsGoOutAndBackWithTheirRelease(t *testing.T) {
	in, before, after := rotated(t)
	for name, story := range map[string]struct {
		run           Run
		cookies, oidc string
	}{
		"nothing has begun":                 {Run{Good: &before, Data: &before, Frontend: &before}, "", "AgByOIDC"},
		"the data services run the new one": {Run{Good: &before, Frontend: &before}, "", "AgByOIDCAfter"},
		"all run the new one":               {Run{Good: &before}, "AgByCookiesAfter", "AgByOIDCAfter"},
		"it was taken back":                 {Run{Target: &after, Good: &before, Data: &before, Frontend: &before}, "", "AgByOIDC"},
	} {
		in.Run = story.run
		if story.cookies == "" {
			story.cookies = before.Sealed["blog-cookies"]["key"]
		}
		if got := sealedIn(t, planOf(t, in)); got["blog-cookies"] != story.cookies || got["blog-oidc"] != story.oidc {
			t.Errorf("%s: got %v, want %s and %s", name, got, story.cookies, story.oidc)
		}
	}
}

// TestAnotherSecretIsAnotherRelease, and so is another authority.
func TestAnotherSecretIsAnotherRelease(t *testing.T) {
	_, before, after := rotated(t)
	if before.Digest == after.Digest {
		t.Error("the sets have one digest")
	}
	in, _, _ := rotated(t)
	in.Platform.Spec.Identity.CABundle = "a third one"
	if third, err := SetOf(in.Platform, in.Release); err != nil || third.Digest == after.Digest {
		t.Errorf("another authority is no other set: %v", err)
	}
}

// TestASecretThatAnEarlierReleaseDidNotHave is made at once: nobody mounts it yet.
func TestASecretThatAnEarlierReleaseDidNotHave(t *testing.T) {
	in, before, _ := rotated(t)
	delete(before.Sealed, "blog-oidc")
	in.Run = Run{Good: &before, Data: &before, Frontend: &before}
	if got := sealedIn(t, planOf(t, in)); got["blog-oidc"] != "AgByOIDCAfter" {
		t.Errorf("got %v", got)
	}
}

// TestBothReleasesHaveTheirAuthority until the one before is gone, in ConfigMaps of two names.
func TestBothReleasesHaveTheirAuthority(t *testing.T) {
	in, before, after := rotated(t)
	mounted := func(set Set) string {
		for _, volume := range set.Templates[naming.User].Spec.Volumes {
			if volume.ConfigMap != nil {
				return volume.ConfigMap.Name
			}
		}
		return ""
	}
	old := before // as an operator made it that kept no authority, and had one name for all
	old.Authority, old.Templates = "", maps.Clone(before.Templates)
	template := old.Templates[naming.User]
	template = *template.DeepCopy()
	for i := range template.Spec.Volumes {
		if template.Spec.Volumes[i].ConfigMap != nil {
			template.Spec.Volumes[i].ConfigMap.Name = "blog-identity"
		}
	}
	old.Templates[naming.User] = template
	for name, story := range map[string]struct {
		good *Set
		want map[string]string
	}{
		"after an upgrade": {&old, map[string]string{"blog-identity": "the authority after", mounted(after): "the authority after"}},
		"under way":        {&before, map[string]string{mounted(before): "the authority before", mounted(after): "the authority after"}},
		"complete":         {&after, map[string]string{mounted(after): "the authority after"}},
	} {
		in.Run = Run{Good: story.good}
		got := map[string]string{}
		for _, m := range childrenOf[corev1.ConfigMap](t, planOf(t, in).Children, "ConfigMap") {
			if bundle := m.Data[authorityFile]; bundle != "" {
				got[m.Name] = bundle
			}
		}
		if len(got) != len(story.want) {
			t.Errorf("%s: got %v", name, got)
		}
		for configMap, bundle := range story.want {
			if got[configMap] != bundle {
				t.Errorf("%s: ConfigMap %s holds %q, want %q", name, configMap, got[configMap], bundle)
			}
		}
	}
}

// TestWhatIsSealedIsReadOnce, since it belongs to a release; what users keep is followed.
func TestWhatIsSealedIsReadOnce(t *testing.T) {
	in, _, _ := rotated(t)
	mount := func(service naming.Service, volume string) corev1.VolumeMount {
		set, err := SetOf(in.Platform, in.Release)
		if err != nil {
			t.Fatal(err)
		}
		for _, mount := range set.Templates[service].Spec.Containers[0].VolumeMounts {
			if mount.Name == volume {
				return mount
			}
		}
		t.Fatalf("%s mounts no volume %s", service, volume)
		return corev1.VolumeMount{}
	}
	for volume, service := range map[string]naming.Service{cookiesVolume: naming.Frontend, oidcVolume: naming.User} {
		if m := mount(service, volume); m.SubPath == "" {
			t.Errorf("%s: pods of the release before would read another secret: %+v", volume, m)
		}
	}
	in.Platform.Spec.Secrets.OIDC = &v1alpha1.OIDCSecret{SecretRef: &v1alpha1.SecretReference{Name: "ours"}}
	in.Platform.Spec.Secrets.Cookies = v1alpha1.CookiesSecret{SecretRef: &v1alpha1.SecretReference{Name: "ours"}}
	for volume, service := range map[string]naming.Service{cookiesVolume: naming.Frontend, oidcVolume: naming.User, databaseVolume: naming.Content} {
		if m := mount(service, volume); m.SubPath != "" {
			t.Errorf("%s: pods never see that the Secret was replaced: %+v", volume, m)
		}
	}
}
