package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	istionet "istio.io/client-go/pkg/apis/networking/v1"
	securityv1 "istio.io/client-go/pkg/apis/security/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"blogplatform.io/operator/api/v1alpha1"
)

// restoring is the source that the plan gives to the Crunchy operator.
func restoring(t *testing.T, in Input) map[string]any {
	t.Helper()
	for _, child := range planOf(t, in).Children {
		if child.Object.GetKind() == "PostgresCluster" {
			source, _, _ := unstructured.NestedMap(child.Object.Object, "spec", "dataSource", "postgresCluster")
			delete(source, "resources")
			return source
		}
	}
	t.Fatal("no PostgresCluster is planned")
	return nil
}

// TestADatabaseBeginsWithABackup names what the Crunchy operator restores.
func TestADatabaseBeginsWithABackup(t *testing.T) {
	noon := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600)))
	for name, c := range map[string]struct {
		source *v1alpha1.DataSource
		want   map[string]any
	}{
		"empty": {nil, nil},
		"its own backups": {&v1alpha1.DataSource{PostgresCluster: &v1alpha1.PostgresClusterSource{}},
			map[string]any{"clusterName": "blog-db", "clusterNamespace": "g11-prod", "repoName": "repo1"}},
		"those of another": {&v1alpha1.DataSource{PostgresCluster: &v1alpha1.PostgresClusterSource{ClusterName: "old-db", ClusterNamespace: "g11-old", RepoName: "repo2"}},
			map[string]any{"clusterName": "old-db", "clusterNamespace": "g11-old", "repoName": "repo2"}},
		"until a time": {&v1alpha1.DataSource{PostgresCluster: &v1alpha1.PostgresClusterSource{}, TargetTime: &noon},
			map[string]any{"clusterName": "blog-db", "clusterNamespace": "g11-prod", "repoName": "repo1", "options": []any{"--type=time", `--target="2026-03-01 11:00:00+00"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			in := stories(t)["production"]
			in.Platform.Spec.Database.DataSource = c.source
			if diff := cmp.Diff(c.want, restoring(t, in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestABackupIsRestoredOnce: a database that has begun goes on with its data, also
// after a restore in place, whatever the spec would have had it begin with.
func TestABackupIsRestoredOnce(t *testing.T) {
	const asked = ", dataSource: {postgresCluster: {clusterName: blog-db, repoName: repo1}}"
	data := corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "blog-db-data", Labels: map[string]string{labelRole: roleData}}}
	for name, c := range map[string]struct {
		found    string
		started  bool
		volumes  []corev1.PersistentVolumeClaim
		restores bool
	}{
		"nothing is there":              {"", false, nil, true},
		"a volume with data":            {"", false, []corev1.PersistentVolumeClaim{data}, false},
		"it is being restored":          {asked, false, []corev1.PersistentVolumeClaim{data}, true},
		"it was restored":               {asked, true, []corev1.PersistentVolumeClaim{data}, false},
		"it began empty, and starts":    {", ", false, []corev1.PersistentVolumeClaim{data}, false},
		"it began empty, and has begun": {", ", true, []corev1.PersistentVolumeClaim{data}, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := stories(t)["production"]
			if c.found != "" {
				in = withDatabase(t, found[:len(found)-1]+c.found+"}")
			}
			if c.started {
				_ = unstructured.SetNestedField(in.Database.Object, "7437", "status", "patroni", "systemIdentifier")
			}
			in.Volumes = c.volumes
			in.Platform.Spec.Database.DataSource = &v1alpha1.DataSource{PostgresCluster: &v1alpha1.PostgresClusterSource{}}
			if got := restoring(t, in) != nil; got != c.restores {
				t.Errorf("restored: %v, want %v", got, c.restores)
			}
		})
	}
}

// TestBackupsOfADatabaseThatIsGoneAreRestored by the platform whose they are, and no
// other backup is restored over them.
func TestBackupsOfADatabaseThatIsGoneAreRestored(t *testing.T) {
	in := stories(t)["production"]
	in.Volumes = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "blog-db-repo1", Labels: map[string]string{labelRepoVolume: ""}}}}
	source := &v1alpha1.PostgresClusterSource{}
	in.Platform.Spec.Database.DataSource = &v1alpha1.DataSource{PostgresCluster: source}
	expectProblem(t, in, "BackupsWithoutDatabase", "")
	source.ClusterNamespace = "g11-old"
	expectProblem(t, in, "BackupsWithoutDatabase", "write spec.database.dataSource: {postgresCluster: {}} to begin with them (docs/restore.md), or delete the claim")
}

// TestARestoreReachesTheRepositoryThatLetsIt: production's backups are for staging, and for nobody else.
func TestARestoreReachesTheRepositoryThatLetsIt(t *testing.T) {
	production, staging := stories(t)["production"], stories(t)["staging"]
	staging.Platform.Spec.Database.DataSource = &v1alpha1.DataSource{PostgresCluster: &v1alpha1.PostgresClusterSource{ClusterName: "blog-db", ClusterNamespace: "g11-prod"}}
	restore, other := everybody()["restore"], everybody()["restore"]
	restore.namespace, other.namespace = "g11-stg", "g11-other"
	repository, instance := everybody()["repository"], everybody()["instance"]
	for _, allowed := range []bool{false, true} {
		if allowed {
			production.Platform.Spec.Database.Backups.Readers = []v1alpha1.PlatformReference{{Namespace: "g11-stg", Name: "blog"}}
		}
		children := append(planOf(t, production).Children, planOf(t, staging).Children...)
		policies, networks := childrenOf[securityv1.AuthorizationPolicy](t, children, "AuthorizationPolicy"), childrenOf[networkingv1.NetworkPolicy](t, children, "NetworkPolicy")
		for _, c := range []struct {
			what     string
			from, to somebody
			want     bool
		}{
			{"staging's restore reaches the repository", restore, repository, allowed},
			{"staging's restore reaches PostgreSQL's pod", restore, instance, false},
			{"a stranger's restore reaches the repository", other, repository, false},
		} {
			meshed := authorized(policies, c.from, c.to, request{port: portPgBackRest})
			if connects := connected(networks, c.from, c.to, connection{corev1.ProtocolTCP, portPgBackRest}); meshed != c.want || connects != c.want {
				t.Errorf("allowed %v: %s: by the mesh %v, by the network %v, want %v", allowed, c.what, meshed, connects, c.want)
			}
		}
		var hosts []string
		for _, sidecar := range childrenOf[istionet.Sidecar](t, children, "Sidecar") {
			if sidecar.Namespace == "g11-stg" && labels.SelectorFromSet(sidecar.Spec.GetWorkloadSelector().GetLabels()).Matches(labels.Set(restore.labels)) {
				hosts = sidecar.Spec.Egress[0].Hosts
			}
		}
		if diff := cmp.Diff([]string{"./*", "default/kubernetes.default.svc.cluster.local", "g11-prod/blog-db-mesh.g11-prod.svc.cluster.local"}, hosts); diff != "" {
			t.Error(diff)
		}
	}
}

// TestAPlatformOfTheSameNamespaceKeepsItsPolicies: where one begins with the backups of
// its neighbour, whose repository it may reach, the policies of that are not its own.
func TestAPlatformOfTheSameNamespaceKeepsItsPolicies(t *testing.T) {
	neighbour := platformNamed(t, "other")
	neighbour.Platform.Spec.Database.DataSource = &v1alpha1.DataSource{PostgresCluster: &v1alpha1.PostgresClusterSource{ClusterName: "blog-db"}}
	for _, child := range planOf(t, neighbour).Children {
		if name := child.Object.GetName(); name == "" || name == "blog-db-repo" {
			t.Errorf("%s %q is planned", child.Object.GetKind(), name)
		}
	}
}
