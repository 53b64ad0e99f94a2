package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/controllers"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/given"
)

var (
	cp      *controlplane.ControlPlane
	cluster client.WithWatch
	peers   *faker.Faker
)

// TestMain starts a real API server with the operator, and a faker in place of
// the peers' controllers.
func TestMain(m *testing.M) {
	given.CollectGarbageRarely()
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	controlplane.Main(m, controlplane.Options{}, func(started *controlplane.ControlPlane) {
		cp = started
		if err := furnish(ctx); err != nil {
			cp.Stop()
			log.Fatal(err)
		}
	})
}

func furnish(ctx context.Context) (err error) {
	if cluster, err = client.NewWithWatch(cp.Config, client.Options{Scheme: kube.NewScheme()}); err != nil {
		return err
	}
	if err := given.Furnish(ctx, cluster); err != nil {
		return err
	}
	if peers, err = faker.New(cp.Config, faker.Options{}); err != nil {
		return err
	}
	peers.Start(ctx)
	options := kube.ManagerOptions(nil, nil)
	options.Metrics = server.Options{BindAddress: "0"}
	mgr, err := manager.New(kube.Config(cp.Config), options)
	if err != nil {
		return err
	}
	if err := controllers.Setup(mgr, controllers.Options{GatewayNamespaces: []string{plan.DefaultGateway}, MeshDataPlane: controllers.MeshDataPlaneRequired, NewProviders: new(faker.Providers).New, MaxConcurrentReconciles: 4}); err != nil {
		return err
	}
	go func() {
		if err := mgr.Start(ctx); err != nil && ctx.Err() == nil {
			panic(err)
		}
	}()
	return nil
}

// world is one namespace in which platforms live.
type world struct {
	*testing.T
	namespace string
}

func newWorld(t *testing.T) world {
	t.Helper()
	name := strings.ToLower(strings.TrimPrefix(t.Name(), "Test"))
	name = strings.NewReplacer("/", "-", "_", "-").Replace(name)
	return namespaceNamed(t, name[:min(len(name), 40)])
}

func namespaceNamed(t *testing.T, name string) world {
	t.Helper()
	w := world{t, name}
	w.create(given.Namespace(name))
	return w
}

func (w world) create(object client.Object) {
	w.Helper()
	if err := cluster.Create(w.Context(), object); err != nil {
		w.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// createAll creates what a manifest holds.
func (w world) createAll(manifest string) {
	w.Helper()
	objects, err := controlplane.ParseObjects([]byte(manifest))
	if err != nil {
		w.Fatal(err)
	}
	for _, object := range objects {
		w.create(object)
	}
}

// release names digests, so that production accepts it.
func release(version string) v1alpha1.Release {
	digest := "@sha256:" + strings.Repeat(strings.TrimLeft(version, "v")[:1], 64)
	return v1alpha1.Release{Version: version, Images: v1alpha1.Images{
		Frontend: "blogplatform.local/frontend" + digest, User: "blogplatform.local/user" + digest,
		Content: "blogplatform.local/content" + digest, Comment: "blogplatform.local/comment" + digest}}
}

// platform is the sample of an environment, in this namespace.
func (w world) platform(environment, version string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	w.Helper()
	p, err := given.Platform(cp.Cache.Root, environment, w.namespace)
	if err != nil {
		w.Fatal(err)
	}
	p.Spec.Release = release(version)
	// Pauses, at which the faker holds a canary that is to be looked at.
	p.Spec.Rollout.Steps = []v1alpha1.RolloutStep{{Weight: new(int32(20))}, {PauseSeconds: new(int32(60))}}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

func (w world) given(environment, version string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	w.Helper()
	p := w.platform(environment, version, edits...)
	w.create(p)
	return p
}

func (w world) givenReady(environment, version string, edits ...func(*v1alpha1.BlogPlatform)) *v1alpha1.BlogPlatform {
	w.Helper()
	p := w.given(environment, version, edits...)
	w.untilCondition(p, v1alpha1.ConditionReady, metav1.ConditionTrue, "Verified")
	return p
}

// until waits until condition is nil.
func (w world) until(what string, condition func(context.Context) error) {
	w.Helper()
	if err := given.Await(w.Context(), condition); err != nil {
		w.Fatalf("waiting for %s: %v", what, err)
	}
}

func (w world) untilCondition(p *v1alpha1.BlogPlatform, name string, status metav1.ConditionStatus, reason string) {
	w.Helper()
	w.until(name+"="+reason, func(ctx context.Context) error {
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
			return err
		}
		c := meta.FindStatusCondition(p.Status.Conditions, name)
		if c == nil || c.Status != status || c.Reason != reason || c.ObservedGeneration != p.Generation {
			return fmt.Errorf("%+v", p.Status.Conditions)
		}
		return nil
	})
}

// edit changes the platform as a person does with kubectl edit.
func (w world) edit(p *v1alpha1.BlogPlatform, change func(*v1alpha1.BlogPlatform)) {
	w.Helper()
	w.until("edit of "+p.Namespace, func(ctx context.Context) error {
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
			return err
		}
		change(p)
		return cluster.Update(ctx, p)
	})
}

// result is what a run of the plugin left.
type result struct {
	out, err string
	code     int
}

// blog runs the plugin in this namespace.
func (w world) blog(args ...string) result {
	w.Helper()
	return w.blogWith(w.Context(), "", nil, args...)
}

func (w world) blogWith(ctx context.Context, in string, wrap func(*rest.Config) *rest.Config, args ...string) result {
	w.Helper()
	var out safeBuffer
	return w.start(ctx, in, &out, wrap, args...)
}

// blogTo runs the plugin and lets the test read along.
func (w world) blogTo(out *safeBuffer, args ...string) result {
	return w.start(w.Context(), "", out, nil, args...)
}

func (w world) start(ctx context.Context, in string, out *safeBuffer, wrap func(*rest.Config) *rest.Config, args ...string) result {
	var errOut safeBuffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(in), Out: out, ErrOut: &errOut}
	args = append([]string{"--kubeconfig", cp.Kubeconfig, "-n", w.namespace}, args...)
	code := run(ctx, streams, time.Now, wrap, args...)
	return result{out.String(), errOut.String(), code}
}

// wants fails the test unless the plugin ended with a code, and said something.
func (w world) wants(r result, code int, says ...string) {
	w.Helper()
	if r.code != code {
		w.Errorf("exit code %d, want %d\n%s%s", r.code, code, r.out, r.err)
	}
	for _, text := range says {
		if !strings.Contains(r.out+r.err, text) {
			w.Errorf("nothing says %q:\n%s%s", text, r.out, r.err)
		}
	}
}

// safeBuffer can be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// What differs from run to run: hashes, ages, dates and ports.
var scrubs = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "<uid>"},
	{regexp.MustCompile(`\b[0-9a-f]{10}\b`), "<digest>"},
	{regexp.MustCompile(`for \d+[smhd]\S*`), "for <age>"},
	{regexp.MustCompile(`\d+[smhd]\S* ago`), "<age> ago"},
	{regexp.MustCompile(`\(in \d+d\)`), "(in <age>)"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?`), "<date>"},
}

func scrub(text string) string {
	for _, s := range scrubs {
		text = s.pattern.ReplaceAllString(text, s.with)
	}
	return text
}

// counter counts requests.
type counter struct{ n atomic.Int64 }

func (c *counter) wrap(config *rest.Config) *rest.Config {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			c.n.Add(1)
			return next.RoundTrip(r)
		})
	})
	return config
}

// meanwhile does something before the first write goes out.
func meanwhile(do func()) func(*rest.Config) *rest.Config {
	var once sync.Once
	return func(config *rest.Config) *rest.Config {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method != http.MethodGet {
					once.Do(do)
				}
				return next.RoundTrip(r)
			})
		})
		return config
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// object is a child, by kind and name.
func (w world) object(apiVersion, kind, name string) *unstructured.Unstructured {
	w.Helper()
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	if err := cluster.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, u); err != nil {
		w.Fatal(err)
	}
	return u
}

var errNotYet = errors.New("not yet")
