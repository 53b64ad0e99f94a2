package helm

import (
	"path/filepath"
	"strings"
	"testing"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/helm"
	"blogplatform.io/operator/test/operator/harness"
)

// world is a namespace with somebody who thinks in values files.
type world struct {
	harness.World
	helm  helm.Cluster
	chart *chart.Chart
}

func newWorld(t *testing.T) world {
	t.Helper()
	w := harness.NewWorld(t)
	loaded, err := helm.Load(filepath.Join(harness.ControlPlane.Cache.Root, "charts/blogplatform"))
	if err != nil {
		t.Fatal(err)
	}
	return world{w, helm.Cluster{Kubeconfig: harness.ControlPlane.Kubeconfig, Namespace: w.Namespace}, loaded}
}

// values are those of a platform like a sample, with what is changed in YAML.
func (w world) values(p *v1alpha1.BlogPlatform, changes ...string) helm.Values {
	w.Helper()
	text, err := yaml.Marshal(map[string]any{"spec": p.Spec})
	if err != nil {
		w.Fatal(err)
	}
	values, err := helm.Parse(append([]string{string(text)}, changes...)...)
	if err != nil {
		w.Fatal(err)
	}
	return values
}

func (w world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// database answers which PostgresCluster holds the data.
func (w world) database() types.UID {
	w.Helper()
	return w.Get(w.Object("PostgresCluster", "blog-db")).GetUID()
}

// TestAPlatformOfTheChart becomes Ready, says so to `helm test`, goes to another
// release and back, and serves on after the chart was uninstalled.
func TestAPlatformOfTheChart(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	k := newKubelet(w)
	p := w.Platform("staging", harness.Release("v1.0.0"))
	w.must(w.helm.Install("blog", w.chart, w.values(p), false))
	w.UntilReady(p)
	database, platform := w.database(), p.UID

	w.must(w.helm.Test("blog"))
	pod, output := k.last()
	if !strings.Contains(output, "condition met") || len(pod.Spec.InitContainers) > 0 {
		t.Errorf("the test had %d sidecars and printed %q", len(pod.Spec.InitContainers), output)
	}
	k.noTestIsLeft()

	w.must(w.helm.Upgrade("blog", w.chart, w.values(w.Platform("staging", harness.Release("v2.0.0")))))
	w.UntilReady(p)
	w.AllBackOn("v2.0.0")
	w.must(w.helm.Rollback("blog", 1))
	w.UntilReady(p)
	w.AllBackOn("v1.0.0")

	left, err := w.helm.Uninstall("blog")
	w.must(err)
	if !strings.Contains(left, "[BlogPlatform] blog") {
		t.Errorf("the notes do not say that the platform stays: %q", left)
	}
	w.UntilReady(p)
	w.must(w.helm.Install("blog", w.chart, w.values(p), false))
	w.UntilReady(p)
	if p.UID != platform || w.database() != database {
		t.Errorf("the platform is %s with database %s, it was %s with %s", p.UID, w.database(), platform, database)
	}
	w.AlwaysServed()
}

// TestAPlatformThatGoesWithItsChartLeavesItsData, and finds it again.
func TestAPlatformThatGoesWithItsChartLeavesItsData(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.Platform("staging", harness.Release("v1.0.0"))
	w.must(w.helm.Install("blog", w.chart, w.values(p, "keepOnUninstall: false"), false))
	w.UntilReady(p)
	database := w.database()
	_, err := w.helm.Uninstall("blog")
	w.must(err)
	w.UntilGone(p)
	if w.database() != database {
		t.Error("the data is gone")
	}
	w.must(w.helm.Install("blog", w.chart, w.values(p, "keepOnUninstall: false"), false))
	w.UntilReady(p)
	if w.database() != database {
		t.Error("the platform has another database")
	}
}

// TestAReleaseOfSomebodyElseIsNotOverwritten: Helm says who has set it.
func TestAReleaseOfSomebodyElseIsNotOverwritten(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.Platform("staging", harness.Release("v1.0.0"))
	w.must(w.helm.Install("blog", w.chart, w.values(p), false))
	w.UntilReady(p)
	w.Edit(p, harness.Release("v2.0.0"))
	err := w.helm.Upgrade("blog", w.chart, w.values(w.Platform("staging", harness.Release("v3.0.0"))))
	if err == nil || !strings.Contains(err.Error(), "conflict") || !strings.Contains(err.Error(), ".spec.release.version") {
		t.Errorf("the answer is %v", err)
	}
	w.UntilReady(p)
	w.AllBackOn("v2.0.0")
}

// TestATestOfAPlatformThatIsNotReadyFails in time.
func TestATestOfAPlatformThatIsNotReadyFails(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	k := newKubelet(w)
	const nobody = "issuer-of-nobody"
	t.Cleanup(harness.WithoutPeer(nobody))
	p := w.Platform("staging", func(p *v1alpha1.BlogPlatform) { p.Spec.TLS.IssuerRef.Name = nobody })
	w.must(w.helm.Install("blog", w.chart, w.values(p, "test: {timeoutSeconds: 1}"), false))
	w.UntilCondition(p, v1alpha1.ConditionCertificatesReady, metav1.ConditionFalse, "IssuerMissing", nobody)
	if err := w.helm.Test("blog"); err == nil {
		t.Error("the test passes")
	}
	if _, output := k.last(); !strings.Contains(output, "timed out waiting for the condition on blogplatforms/blog") {
		t.Errorf("the test printed %q", output)
	}
}
