package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// running is a platform and its PostgresCluster as the API server keeps it, with a default of the CRD.
func running(t *testing.T) Input {
	t.Helper()
	in := stories(t)["production"]
	live := clusterOf(t, in)
	live.SetLabels(naming.Of(keyOf(in.Platform)).Labels())
	_ = unstructured.SetNestedField(live.Object, int64(30), "spec", "patroni", "leaderLeaseDurationSeconds")
	in.Database = live
	return in
}

func clusterOf(t *testing.T, in Input) *unstructured.Unstructured {
	t.Helper()
	for _, child := range planOf(t, in).Children {
		if child.Object.GetKind() == "PostgresCluster" {
			return child.Object.DeepCopy()
		}
	}
	t.Fatal("no PostgresCluster is planned")
	return nil
}

// TestWhatRestartsPostgreSQLIsKnown, and kept while it is held; all else is written at once.
func TestWhatRestartsPostgreSQLIsKnown(t *testing.T) {
	memory := func(p *v1alpha1.BlogPlatformSpec) {
		p.Database.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("3Gi")}}
	}
	for name, c := range map[string]struct {
		edit     func(*v1alpha1.BlogPlatformSpec)
		restarts bool
	}{
		"nothing":     {func(*v1alpha1.BlogPlatformSpec) {}, false},
		"more memory": {memory, true},
		"a parameter": {func(p *v1alpha1.BlogPlatformSpec) { p.Database.Parameters = map[string]string{"shared_buffers": "1GB"} }, true},
		"more pods": {func(p *v1alpha1.BlogPlatformSpec) {
			p.Services.User.Autoscaling = &v1alpha1.Autoscaling{Min: 2, Max: 50}
		}, true},
		"other pull secrets": {func(p *v1alpha1.BlogPlatformSpec) { p.ImagePullSecrets = []v1alpha1.SecretReference{{Name: "other"}} }, true},
		"a bigger volume":    {func(p *v1alpha1.BlogPlatformSpec) { p.Database.Storage.Size = new(resource.MustParse("500Gi")) }, false},
		"another schedule":   {func(p *v1alpha1.BlogPlatformSpec) { p.Database.Backups.Schedule.Full = new("0 2 * * 0") }, false},
		"another instance":   {func(p *v1alpha1.BlogPlatformSpec) { p.Database.Replicas = new(int32(3)) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := running(t)
			c.edit(&in.Platform.Spec)
			if got := RestartsDatabase(in.Platform, in.Database); got != c.restarts {
				t.Errorf("it restarts PostgreSQL: %v, want %v", got, c.restarts)
			}
			at := clusterOf(t, in)
			in.HoldDatabase = true
			held := clusterOf(t, in)
			if diff := cmp.Diff(at.Object, held.Object); (diff != "") != c.restarts {
				t.Errorf("held back: %s", diff)
			}
			if c.restarts {
				keepRunning(at, in.Database)
				if diff := cmp.Diff(at.Object, held.Object); diff != "" {
					t.Errorf("what does not restart it is held back, too: %s", diff)
				}
			}
		})
	}
}

// TestADatabaseThatIsNotThereIsNotHeld, nor one of somebody else.
func TestADatabaseThatIsNotThereIsNotHeld(t *testing.T) {
	in := running(t)
	in.Platform.Spec.Database.Parameters = map[string]string{"shared_buffers": "1GB"}
	in.Database.SetLabels(nil)
	if RestartsDatabase(in.Platform, in.Database) || RestartsDatabase(in.Platform, nil) {
		t.Error("it is said to restart")
	}
	in.Database, in.HoldDatabase = nil, true
	if value, _, _ := unstructured.NestedString(clusterOf(t, in).Object, append(parametersField, "shared_buffers")...); value != "1GB" {
		t.Errorf("a new database begins with shared_buffers %q", value)
	}
}
