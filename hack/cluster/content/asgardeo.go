package content

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
)

const (
	providerNamespace = "asgardeo"
	providerHost      = "id.blog.localhost"
	// providerConfig is the key of the configuration in the Secret of the same
	// name as the namespace.
	providerConfig = "config.json"
	// demoPeople are who can sign in, the first of whom is the first Admin.
	demoPeople = "services/internal/testing/asgardeo/people.json"
)

var asgardeoProgram = build.Go{
	Name: "asgardeo", Module: ".", Sources: []string{"services"},
	Packages: map[string]string{"asgardeo": "./services/internal/testing/asgardeo/cmd"},
}

// Asgardeo is the identity provider of the two blogs, a fake: outside of the mesh,
// as the real one is, and behind the same gateway, so that one URL works in a
// browser and in a pod.
var Asgardeo = component.Component{
	Name: "Asgardeo", Needs: []string{"Istio", "cert-manager"}, Namespaces: []string{providerNamespace}, Seconds: 10,
	Parts:  []build.Artifact{asgardeoProgram},
	Images: component.StaticImages(asgardeoProgram, "asgardeo"),
	Start:  startAsgardeo,
	Ready: func(ctx context.Context, c *component.Cluster) error {
		if err := c.AwaitDeployment(ctx, providerNamespace, "asgardeo"); err != nil {
			return err
		}
		if err := c.AwaitCondition(ctx, "cert-manager.io/v1", "Certificate", "istio-ingress", "asgardeo", "Ready"); err != nil {
			return err
		}
		return awaitPage(ctx, c, providerHost, "/t/blog/oauth2/token/.well-known/openid-configuration")
	},
}

// provider is what the fake is configured with (services/internal/testing/asgardeo: Config).
type provider struct {
	BaseURL string           `json:"baseURL"`
	Clients []providerClient `json:"clients"`
	Users   []providerUser   `json:"users"`
}

type providerClient struct {
	ID                     string   `json:"id"`
	Secret                 string   `json:"secret"`
	RedirectURIs           []string `json:"redirectURIs,omitempty"`
	PostLogoutRedirectURIs []string `json:"postLogoutRedirectURIs,omitempty"`
	BackChannelLogoutURI   string   `json:"backChannelLogoutURI,omitempty"`
	Scopes                 []string `json:"scopes,omitempty"`
}

type providerUser struct {
	ID            string `json:"id"`
	UserName      string `json:"userName"`
	Password      string `json:"password"`
	Given         string `json:"given"`
	Family        string `json:"family"`
	EmailVerified bool   `json:"emailVerified"`
}

// client is the application of that id.
func (p provider) client(id string) (providerClient, error) {
	i := slices.IndexFunc(p.Clients, func(c providerClient) bool { return c.ID == id })
	if i < 0 {
		return providerClient{}, fmt.Errorf("the fake Asgardeo knows no client %s; make down and make up again", id)
	}
	return p.Clients[i], nil
}

// Clients of a platform: each environment has its own.
func oidcClient(platform *unstructured.Unstructured) string { return platform.GetNamespace() }
func scimClient(platform *unstructured.Unstructured) string { return platform.GetNamespace() + "-scim" }

func startAsgardeo(ctx context.Context, c *component.Cluster, built component.Built) error {
	if err := c.ApplyFile(ctx, manifests, "manifests/asgardeo-namespace.yaml"); err != nil {
		return err
	}
	config, err := liveProvider(ctx, c)
	if err != nil {
		return err
	}
	document, err := json.Marshal(config)
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(c.Authority())
	if err != nil {
		return err
	}
	secret := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret"}}
	secret.SetNamespace(providerNamespace)
	secret.SetName(providerNamespace)
	if err := unstructured.SetNestedStringMap(secret.Object, map[string]string{providerConfig: string(document), "ca.crt": string(authority)}, "stringData"); err != nil {
		return err
	}
	if err := c.Apply(ctx, secret); err != nil {
		return err
	}
	return c.ApplyFile(ctx, manifests, "manifests/asgardeo.yaml", "$PORT", fmt.Sprint(c.HTTPSPort), "$IMAGE", built.Images[0].Digested, "$HOST", providerHost)
}

// liveProvider is the configuration that the cluster has already, so that another up
// changes nothing, or a new one with new secrets.
func liveProvider(ctx context.Context, c *component.Cluster) (provider, error) {
	secret, err := c.Clientset.CoreV1().Secrets(providerNamespace).Get(ctx, providerNamespace, metav1.GetOptions{})
	if client.IgnoreNotFound(err) != nil {
		return provider{}, err
	}
	if err == nil {
		var config provider
		err := json.Unmarshal(secret.Data[providerConfig], &config)
		return config, err
	}
	var platforms []*unstructured.Unstructured
	for _, e := range []environment{staging, production} {
		platform, err := readSample(c, e)
		if err != nil {
			return provider{}, err
		}
		platforms = append(platforms, platform)
	}
	people, err := os.ReadFile(filepath.Join(c.Root, demoPeople))
	if err != nil {
		return provider{}, err
	}
	return newProvider(c.HTTPSPort, platforms, people)
}

func providerAddress(port int) string { return fmt.Sprintf("https://%s:%d", providerHost, port) }

// newProvider has two clients for each platform, with new secrets.
func newProvider(port int, platforms []*unstructured.Unstructured, people []byte) (provider, error) {
	config := provider{BaseURL: providerAddress(port) + "/t/blog"}
	if err := json.Unmarshal(people, &config.Users); err != nil {
		return provider{}, fmt.Errorf("read %s: %w", demoPeople, err)
	}
	if len(config.Users) == 0 {
		return provider{}, fmt.Errorf("%s names nobody", demoPeople)
	}
	for _, platform := range platforms {
		blog := address(platform, port)
		config.Clients = append(config.Clients,
			providerClient{
				ID: oidcClient(platform), Secret: rand.Text(),
				RedirectURIs: []string{blog + "/auth/callback"}, PostLogoutRedirectURIs: []string{blog + "/"}, BackChannelLogoutURI: blog + "/hooks/back-channel-logout",
			},
			providerClient{ID: scimClient(platform), Secret: rand.Text(), Scopes: []string{"internal_user_mgt_view", "internal_user_mgt_update", "internal_session_delete"}},
		)
	}
	return config, nil
}

// overlayIdentity has a platform's people sign in at the fake.
func overlayIdentity(platform *unstructured.Unstructured, config provider, authority string) error {
	set := func(value string, field ...string) error {
		return unstructured.SetNestedField(platform.Object, value, append([]string{"spec", "identity"}, field...)...)
	}
	return errors.Join(
		set(config.BaseURL+"/oauth2/token", "issuer"),
		set(oidcClient(platform), "clientID"),
		set(authority, "caBundle"),
		set(config.BaseURL+"/scim2", "scim", "baseURL"),
		set(scimClient(platform), "scim", "clientID"),
		set(config.Users[0].ID, "bootstrapAdmin", "subject"),
	)
}
