package content

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/timefactor"
)

const root = "../../.."

// TestTheFakeProviderKnowsTheBlogsThatAreToldOfIt starts the program that the
// image holds with the configuration that the cluster gives it.
func TestTheFakeProviderKnowsTheBlogsThatAreToldOfIt(t *testing.T) {
	platforms := committedSamples(t)
	people, err := os.ReadFile(filepath.Join(root, demoPeople))
	if err != nil {
		t.Fatal(err)
	}
	config, err := newProvider(8443, platforms, people)
	if err != nil {
		t.Fatal(err)
	}
	base := serveProvider(t, config)
	for _, platform := range platforms {
		if err := overlayIdentity(platform, config, "the authority"); err != nil {
			t.Fatal(err)
		}
		identity, _, _ := unstructured.NestedMap(platform.Object, "spec", "identity")
		scim := identity["scim"].(map[string]any)
		issuer := identity["issuer"].(string)
		var document struct {
			Issuer        string
			Authorization string `json:"authorization_endpoint"`
		}
		answer := fetch(t, http.MethodGet, base+below(t, issuer)+"/.well-known/openid-configuration", nil, http.StatusOK)
		if err := json.Unmarshal([]byte(answer), &document); err != nil || document.Issuer != issuer {
			t.Fatalf("the issuer of %s is %s: %s %v", platform.GetNamespace(), issuer, answer, err)
		}

		blog := fmt.Sprintf("https://%s:8443", host(platform))
		query := url.Values{"response_type": {"code"}, "scope": {"openid"}, "state": {"s"}, "client_id": {identity["clientID"].(string)}, "redirect_uri": {blog + "/auth/callback"}}
		fetch(t, http.MethodGet, base+below(t, document.Authorization)+"?"+query.Encode(), nil, http.StatusFound)
		query.Set("redirect_uri", "https://elsewhere.example.com/auth/callback")
		fetch(t, http.MethodGet, base+below(t, document.Authorization)+"?"+query.Encode(), nil, http.StatusBadRequest)

		application, err := config.client(scim["clientID"].(string))
		if err != nil {
			t.Fatal(err)
		}
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {application.ID}, "client_secret": {application.Secret}, "scope": {"internal_user_mgt_update"}}
		if answer := fetch(t, http.MethodPost, base+below(t, issuer), form, http.StatusOK); !strings.Contains(answer, `"scope":"internal_user_mgt_update"`) {
			t.Errorf("%s may not lock people: %s", application.ID, answer)
		}
		if subject := identity["bootstrapAdmin"].(map[string]any)["subject"]; subject != config.Users[0].ID {
			t.Errorf("the first Admin is %v", subject)
		}
	}
}

func TestNoTwoBlogsShareAnApplication(t *testing.T) {
	config, err := newProvider(8443, committedSamples(t), []byte(`[{"id": "a"}]`))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, application := range config.Clients {
		for _, value := range []string{application.ID, application.Secret} {
			if seen[value] || value == "" {
				t.Errorf("%q is there twice", value)
			}
			seen[value] = true
		}
	}
}

func TestTheFakeProviderRunsOutsideTheMeshBehindTheGateway(t *testing.T) {
	var text string
	for _, file := range []string{"manifests/asgardeo-namespace.yaml", "manifests/asgardeo.yaml"} {
		one, err := kube.Fill(manifests, file, "$PORT", "8443", "$IMAGE", "blogplatform.local/asgardeo@sha256:0", "$HOST", providerHost)
		if err != nil {
			t.Fatal(err)
		}
		text += "---\n" + one
	}
	objects, err := controlplane.ParseObjects([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		switch object.GetKind() {
		case "Namespace":
			if object.GetLabels()["istio-injection"] != "disabled" {
				t.Error("its pods get sidecars")
			}
		case "Certificate":
			if object.GetNamespace() != "istio-ingress" {
				t.Error("the gateway does not find its certificate")
			}
		default:
			if object.GetNamespace() != providerNamespace {
				t.Errorf("%s lives in %s", object.GetKind(), object.GetNamespace())
			}
		}
	}
	if len(objects) != 7 {
		t.Errorf("%d objects", len(objects))
	}
}

func committedSamples(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	var platforms []*unstructured.Unstructured
	for _, e := range []environment{staging, production} {
		objects, err := controlplane.ReadObjects(filepath.Join(root, e.sample))
		if err != nil {
			t.Fatal(err)
		}
		platforms = append(platforms, objects[0])
	}
	return platforms
}

// serveProvider builds and starts the program as its pod does, without the
// gateway, and returns where it listens.
func serveProvider(t *testing.T, config provider) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "asgardeo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, asgardeoProgram.Packages["asgardeo"])
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	document, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, providerConfig)
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	serve := exec.Command(program, "--address="+address, "--config="+file)
	serve.Stderr = os.Stderr
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := serve.Wait(); err != nil {
			t.Errorf("it did not stop well: %v", err)
		}
	})
	deadline := time.Now().Add(timefactor.Scale(20 * time.Second))
	for {
		resp, err := http.Get("http://" + address + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			return "http://" + address
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// below is the path of a URL: the gateway leaves it as it is.
func below(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Host != providerHost+":8443" {
		t.Fatalf("%s is not behind the gateway: %v", address, err)
	}
	return parsed.Path
}

func fetch(t *testing.T, method, address string, form url.Values, status int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("%s %s answered %d, want %d: %s %v", method, address, resp.StatusCode, status, body, err)
	}
	return string(body)
}
