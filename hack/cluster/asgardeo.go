package cluster

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
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

// asgardeo is the identity provider of the two blogs, a fake: outside of the mesh,
// as the real one is, and behind the same gateway, so that one URL works in a
// browser and in a pod.
var asgardeo = component{
	name: "fake Asgardeo",
	images: func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
		return staticImage(ctx, c, asgardeoProgram, "asgardeo")
	},
	start: startAsgardeo,
	ready: func(ctx context.Context, c *Cluster) error {
		if err := c.awaitDeployment(ctx, providerNamespace, "asgardeo"); err != nil {
			return err
		}
		if err := c.awaitCondition(ctx, "cert-manager.io/v1", "Certificate", "istio-ingress", "asgardeo", "Ready"); err != nil {
			return err
		}
		return c.awaitPage(ctx, providerHost, "/t/blog/oauth2/token/.well-known/openid-configuration")
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

func startAsgardeo(ctx context.Context, c *Cluster) error {
	if err := c.applyYAML(ctx, asgardeoNamespace); err != nil {
		return err
	}
	config, err := c.provider(ctx)
	if err != nil {
		return err
	}
	document, err := json.Marshal(config)
	if err != nil {
		return err
	}
	authority, err := c.authority(ctx)
	if err != nil {
		return err
	}
	images, err := staticImage(ctx, c.Cache, asgardeoProgram, "asgardeo")
	if err != nil {
		return err
	}
	secret, err := controlplane.ParseObjects([]byte(asgardeoSecret))
	if err != nil {
		return err
	}
	if err := unstructured.SetNestedStringMap(secret[0].Object, map[string]string{providerConfig: string(document), "ca.crt": authority}, "stringData"); err != nil {
		return err
	}
	if err := c.apply(ctx, secret...); err != nil {
		return err
	}
	return c.applyYAML(ctx, asgardeoObjects, "$PORT", fmt.Sprint(c.HTTPSPort), "$IMAGE", images[0].Digested, "$HOST", providerHost)
}

// provider is the configuration that the cluster has already, so that another up
// changes nothing, or a new one with new secrets.
func (c *Cluster) provider(ctx context.Context) (provider, error) {
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
	for _, file := range samples {
		objects, err := controlplane.ReadObjects(filepath.Join(c.Root, file))
		if err != nil {
			return provider{}, err
		}
		platforms = append(platforms, objects[0])
	}
	people, err := os.ReadFile(filepath.Join(c.Root, demoPeople))
	if err != nil {
		return provider{}, err
	}
	return newProvider(c.HTTPSPort, platforms, people)
}

// newProvider has two clients for each platform, with new secrets.
func newProvider(port int, platforms []*unstructured.Unstructured, people []byte) (provider, error) {
	config := provider{BaseURL: fmt.Sprintf("https://%s:%d/t/blog", providerHost, port)}
	if err := json.Unmarshal(people, &config.Users); err != nil {
		return provider{}, fmt.Errorf("read %s: %w", demoPeople, err)
	}
	if len(config.Users) == 0 {
		return provider{}, fmt.Errorf("%s names nobody", demoPeople)
	}
	for _, platform := range platforms {
		blog := fmt.Sprintf("https://%s:%d", host(platform), port)
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

// authority is the certificate of the local CA.
func (c *Cluster) authority(ctx context.Context) (string, error) {
	var secret *corev1.Secret
	err := poll(ctx, "Secret cert-manager/local-ca", func(ctx context.Context) (bool, error) {
		var err error
		secret, err = c.Clientset.CoreV1().Secrets("cert-manager").Get(ctx, "local-ca", metav1.GetOptions{})
		return err == nil, client.IgnoreNotFound(err)
	})
	if err != nil {
		return "", err
	}
	certificate := secret.Data[corev1.TLSCertKey]
	if _, err := cert.ParseCertsPEM(certificate); err != nil {
		return "", fmt.Errorf("certificate of the local CA: %w", err)
	}
	return string(certificate), nil
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

const asgardeoNamespace = `
apiVersion: v1
kind: Namespace
metadata:
  name: asgardeo
  labels: {istio-injection: disabled, pod-security.kubernetes.io/enforce: restricted}
`

const asgardeoSecret = `
apiVersion: v1
kind: Secret
metadata: {name: asgardeo, namespace: asgardeo}
`

// What the provider is told of sessions that end goes to the blogs, whose names
// only the local CA vouches for.
const asgardeoObjects = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: asgardeo, namespace: asgardeo}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: asgardeo}}
  template:
    metadata: {labels: {app: asgardeo}}
    spec:
      automountServiceAccountToken: false
      securityContext: {seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: asgardeo
        image: $IMAGE
        imagePullPolicy: Never
        args: [--address=:8080, --config=/etc/asgardeo/config.json, --ca=/etc/asgardeo/ca.crt]
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 20Mi}, limits: {memory: 128Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true, runAsNonRoot: true}
        volumeMounts: [{name: config, mountPath: /etc/asgardeo, readOnly: true}]
      volumes: [{name: config, secret: {secretName: asgardeo}}]
---
apiVersion: v1
kind: Service
metadata: {name: asgardeo, namespace: asgardeo}
spec:
  selector: {app: asgardeo}
  ports: [{name: http, port: 8080, targetPort: http}]
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: asgardeo, namespace: istio-ingress}
spec:
  secretName: asgardeo
  dnsNames: [$HOST]
  privateKey: {algorithm: ECDSA, size: 256, rotationPolicy: Always}
  issuerRef: {kind: ClusterIssuer, name: local-ca}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: asgardeo, namespace: asgardeo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: $PORT, name: https, protocol: HTTPS}
    hosts: [./$HOST]
    tls: {mode: SIMPLE, credentialName: asgardeo, minProtocolVersion: TLSV1_2}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: asgardeo, namespace: asgardeo}
spec:
  hosts: [$HOST]
  gateways: [asgardeo]
  http:
  - route: [{destination: {host: asgardeo.asgardeo.svc.cluster.local, port: {number: 8080}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: asgardeo, namespace: asgardeo}
spec:
  host: asgardeo.asgardeo.svc.cluster.local
  trafficPolicy: {tls: {mode: DISABLE}}
`
