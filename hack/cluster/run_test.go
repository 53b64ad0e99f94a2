package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/cluster/progress"
)

// nobody is the kubeconfig of an API server that nobody runs.
const nobody = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c}}]
current-context: c
`

// diary notes what happens to components that do nothing else.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, fmt.Sprintf(format, args...))
}

// before fails the test unless one entry comes before another one.
func (d *diary) before(t *testing.T, first, second string) {
	t.Helper()
	i, j := slices.Index(d.entries, first), slices.Index(d.entries, second)
	if i < 0 || j < 0 || i > j {
		t.Errorf("want %q before %q in %q", first, second, d.entries)
	}
}

func (d *diary) component(name string, needs ...string) component.Component {
	return component.Component{
		Name: name, Needs: needs, Namespaces: []string{"of-" + name},
		Start: func(context.Context, *component.Cluster, component.Built) error { d.note("start %s", name); return nil },
		Ready: func(context.Context, *component.Cluster) error { d.note("ready %s", name); return nil },
	}
}

// bringUp runs components, and answers what a person saw.
func bringUp(ctx context.Context, t *testing.T, components ...component.Component) (shown string, err error) {
	t.Helper()
	state := t.TempDir()
	if err := os.WriteFile(filepath.Join(state, "kubeconfig"), []byte(nobody), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	g, err := plan(components, "")
	if err != nil {
		t.Fatal(err)
	}
	p := progress.New(out)
	cache := &build.Cache{Dir: t.TempDir(), Root: t.TempDir(), Log: func(string) {}}
	err = newRun(component.Cluster{Settings: node.Settings{State: state}, Cache: cache}, g, inBuildOrder(g, components), p).all(ctx)
	p.Close()
	text, readErr := os.ReadFile(out.Name())
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(text), err
}

func TestAComponentStartsWhenWhatItNeedsIsReady(t *testing.T) {
	d := &diary{}
	blog := d.component("blog", "Istio", "database")
	blog.Announce = func(*component.Cluster) string { return "the blog is there" }
	shown, err := bringUp(t.Context(), t, d.component("Kubernetes"), d.component("Istio", "Kubernetes"), d.component("database", "Kubernetes"), blog)
	if err != nil {
		t.Fatal(err)
	}
	d.before(t, "ready Kubernetes", "start Istio")
	d.before(t, "ready Istio", "start blog")
	d.before(t, "ready database", "start blog")
	if !strings.Contains(shown, "✔ start  blog") || !strings.HasSuffix(strings.TrimSpace(shown), "the blog is there") {
		t.Errorf("shown:\n%s", shown)
	}
}

func TestComponentsThatDoNotNeedEachOtherStartSideBySide(t *testing.T) {
	d := &diary{}
	istio, database := d.component("Istio", "Kubernetes"), d.component("database", "Kubernetes")
	met := make(chan struct{}) // without a buffer: each waits for the other
	istio.Ready = func(ctx context.Context, _ *component.Cluster) error { return wait(ctx, met) }
	database.Ready = func(ctx context.Context, _ *component.Cluster) error {
		select {
		case met <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if shown, err := bringUp(t.Context(), t, d.component("Kubernetes"), istio, database); err != nil {
		t.Errorf("%v:\n%s", err, shown)
	}
}

func TestTheFirstErrorNamesItsComponentExplainsItAndEndsTheRest(t *testing.T) {
	d := &diary{}
	broken := errors.New("0 of 1 pods ready")
	istio := d.component("Istio", "Kubernetes")
	istio.Ready = func(context.Context, *component.Cluster) error { return broken }
	slow := d.component("database", "Kubernetes")
	slow.Ready = func(ctx context.Context, _ *component.Cluster) error { return wait(ctx, nil) }
	shown, err := bringUp(t.Context(), t, d.component("Kubernetes"), istio, slow, d.component("blog", "Istio", "database"))
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "Istio: ") {
		t.Errorf("the error is %v", err)
	}
	if slices.Contains(d.entries, "start blog") {
		t.Error("what needs it was started")
	}
	for _, want := range []string{"pods of of-Istio can't be read", "/log, those of pods in ", "✖ start  Istio"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
	if strings.Count(shown, "✖") != 1 || strings.Contains(shown, "of-database") {
		t.Errorf("what was only ended is shown as an error, too:\n%s", shown)
	}
}

func TestWhoInterruptsSeesNoErrorsOfComponents(t *testing.T) {
	d := &diary{}
	ctx, interrupt := context.WithCancel(t.Context())
	istio := d.component("Istio", "Kubernetes")
	istio.Ready = func(ctx context.Context, _ *component.Cluster) error {
		interrupt()
		<-ctx.Done()
		return errors.New("signal: interrupt") // as a child process that was ended says
	}
	shown, err := bringUp(ctx, t, d.component("Kubernetes"), istio)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if strings.Contains(shown, "✖") {
		t.Errorf("shown:\n%s", shown)
	}
}

func TestABuildThatFailsNamesItsComponent(t *testing.T) {
	d := &diary{}
	istio := d.component("Istio", "Kubernetes")
	istio.Parts = []build.Artifact{build.Go{Name: "istiod", Module: "nowhere"}}
	_, err := bringUp(t.Context(), t, d.component("Kubernetes"), istio)
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "Istio: reading the sources of istiod") {
		t.Errorf("the error is %v", err)
	}
}

// kept is an artifact that counts how often it is built.
type kept struct {
	name   string
	cached bool
	builds *int
}

func (k kept) ArtifactName() string              { return k.name }
func (k kept) Cached(*build.Cache) (bool, error) { return k.cached, nil }
func (k kept) Build(_ context.Context, c *build.Cache) (string, error) {
	*k.builds++
	if !k.cached {
		c.Spent(k.name, 0)
	}
	return "/cache/" + k.name, nil
}

func TestWhatIsBuiltIsHandedToTheStartAndIsNotBuiltTwice(t *testing.T) {
	d := &diary{}
	builds := 0
	program := kept{name: "istiod", builds: &builds}
	istio := d.component("Istio", "Kubernetes")
	istio.Parts = []build.Artifact{program}
	istio.Start = func(_ context.Context, _ *component.Cluster, built component.Built) error {
		if path := built.Path(program); path != "/cache/istiod" {
			t.Errorf("the start gets PATH %q", path)
		}
		return nil
	}
	shown, err := bringUp(t.Context(), t, d.component("Kubernetes"), istio)
	if err != nil || builds != 1 {
		t.Errorf("built %d times, %v", builds, err)
	}
	if !strings.Contains(shown, "✔ build  Istio") || strings.Contains(shown, "✔ build  Kubernetes") {
		t.Errorf("want a line for the build of Istio only:\n%s", shown)
	}
}
