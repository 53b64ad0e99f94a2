//go:build e2e && gitops

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

// inCluster is the address at which Argo CD reads the repository.
const inCluster = "git://git.argocd/gitops.git"

// branches are what the two environments follow.
var branches = map[environment]string{production: "main", staging: "staging"}

// repository is a clone of what Argo CD follows, with the checkout's own config/gitops.
type repository struct {
	t   testing.TB
	dir string
}

// newRepository pushes both branches to the Git server of the cluster.
func newRepository(t testing.TB) repository {
	t.Helper()
	r := repository{t, t.TempDir()}
	for _, folder := range []string{"config/gitops", "test/e2e/gitops"} {
		if err := os.CopyFS(filepath.Join(r.dir, folder), os.DirFS(filepath.Join("../..", folder))); err != nil {
			t.Fatal(err)
		}
	}
	for env := range branches {
		bp := get(t, env)
		bare := &v1alpha1.BlogPlatform{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "BlogPlatform"}, Spec: bp.Spec}
		bare.Namespace, bare.Name = bp.Namespace, bp.Name
		r.write(env, "blogplatform.yaml", marshal(t, bare))
		r.writeRelease(env, bp.Spec.Release)
	}
	r.git("init", "--quiet", "--initial-branch=main")
	r.git("config", "user.name", "A maintainer")
	r.git("config", "user.email", "maintainer@example.com")
	r.git("remote", "add", "origin", forwardGit(t))
	r.git("add", ".")
	r.git("commit", "--quiet", "--message", "What runs already")
	r.git("branch", "staging")
	r.git("push", "--quiet", "--force", "origin", "main", "staging")
	return r
}

func marshal(t testing.TB, object any) []byte {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// forwardGit answers the address of the cluster's Git server on this machine, for as long as the test runs.
func forwardGit(t testing.TB) string {
	t.Helper()
	kubeconfig := os.Getenv("BLOGPLATFORM_KUBECONFIG")
	forward := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(kubeconfig), "bin", "kubectl"), "--kubeconfig", kubeconfig,
		"port-forward", "--namespace", "argocd", "service/git", ":9418")
	out, err := forward.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := forward.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = forward.Wait() }) // it was killed by the end of the test
	line, err := bufio.NewReader(out).ReadString('\n')
	var port int
	if _, scanned := fmt.Sscanf(line, "Forwarding from 127.0.0.1:%d", &port); err != nil || scanned != nil {
		t.Fatalf("kubectl port-forward says %q: %v", line, err)
	}
	return fmt.Sprintf("git://127.0.0.1:%d/gitops.git", port)
}

func (r repository) git(args ...string) {
	r.t.Helper()
	command := exec.CommandContext(r.t.Context(), "git", args...)
	command.Dir = r.dir
	if out, err := command.CombinedOutput(); err != nil {
		r.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// write writes a file of an environment's platform.
func (r repository) write(env environment, name string, text []byte) {
	r.t.Helper()
	folder := map[environment]string{production: "production", staging: "staging"}[env]
	if err := os.WriteFile(filepath.Join(r.dir, "test/e2e/gitops/environments", folder, name), text, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r repository) writeRelease(env environment, release v1alpha1.Release) {
	r.t.Helper()
	r.write(env, "release.yaml", marshal(r.t, map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "BlogPlatform",
		"metadata": map[string]any{"namespace": env.namespace, "name": platform}, "spec": map[string]any{"release": release},
	}))
}

// commit changes files on the branch of an environment, and pushes it.
func (r repository) commit(env environment, message string, change func()) {
	r.t.Helper()
	r.git("checkout", "--quiet", branches[env])
	change()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--message", message)
	r.git("push", "--quiet", "origin", branches[env])
}

// application reads an Application of Argo CD.
func application(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	app := &unstructured.Unstructured{}
	app.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"})
	return app, cluster.Get(ctx, client.ObjectKey{Namespace: "argocd", Name: name}, app)
}

// awaitApplication waits until Argo CD says that an Application is as Git wants it, and how its objects are.
func awaitApplication(t testing.TB, name, health string) {
	t.Helper()
	eventually(t, 3*time.Minute, name+" is synced and "+health, func(ctx context.Context) error {
		app, err := application(ctx, name)
		if err != nil {
			return err
		}
		sync, _, _ := unstructured.NestedString(app.Object, "status", "sync", "status")
		is, _, _ := unstructured.NestedString(app.Object, "status", "health", "status")
		if sync != "Synced" || is != health {
			status, _, _ := unstructured.NestedMap(app.Object, "status")
			delete(status, "history")
			return fmt.Errorf("Application %s is %s and %s: %v", name, sync, is, status)
		}
		return nil
	})
}

// followGit applies the roots, as docs/gitops.md says, with the repository of this cluster.
func followGit(t testing.TB) {
	t.Helper()
	files, err := filepath.Glob("../../config/gitops/argocd/roots/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %v, %v", files, err)
	}
	local := strings.NewReplacer("https://github.com/owner/gitops.git", inCluster, "path: config/gitops/argocd/", "path: test/e2e/gitops/")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := controlplane.ParseObjects([]byte(local.Replace(string(text))))
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range objects {
			if err := cluster.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl"), client.ForceOwnership); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ofThePod is a kubeconfig for the ServiceAccount of a pod, which is what argocd --core asks for, also where it runs in a cluster.
const ofThePod = `apiVersion: v1
kind: Config
clusters: [{name: own, cluster: {server: "https://kubernetes.default.svc", certificate-authority: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt}}]
users: [{name: own, user: {tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token}}]
contexts: [{name: own, context: {cluster: own, user: own, namespace: argocd}}]
current-context: own
`

// argocd runs Argo CD's own command line, without a server, beside its controller.
func argocd(t testing.TB, args ...string) {
	t.Helper()
	script := `printf %s "$1" >/tmp/kubeconfig && shift && KUBECONFIG=/tmp/kubeconfig exec argocd "$@" --core`
	command := append([]string{"sh", "-c", script, "argocd", ofThePod}, args...)
	if answer := execIn(t, "argocd", "argocd-application-controller-0", "argocd-application-controller", command...); answer.code != 0 {
		t.Fatalf("argocd %s: %+v", strings.Join(args, " "), answer)
	}
}

// kinds are those of what the operator makes and a sync could take away or change.
var kinds = []schema.GroupVersionKind{
	{Version: "v1", Kind: "Service"},
	{Version: "v1", Kind: "ServiceAccount"},
	{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"},
	{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
	{Group: "networking.istio.io", Version: "v1", Kind: "Gateway"},
	{Group: "networking.istio.io", Version: "v1", Kind: "VirtualService"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	{Group: "postgres-operator.crunchydata.com", Version: "v1beta1", Kind: "PostgresCluster"},
	{Group: "security.istio.io", Version: "v1", Kind: "AuthorizationPolicy"},
	{Group: "security.istio.io", Version: "v1", Kind: "PeerAuthentication"},
}

// children maps the objects of an environment, by kind and name, to what is known of each.
func children(t testing.TB, env environment) map[string]metav1.ObjectMeta {
	t.Helper()
	found := map[string]metav1.ObjectMeta{}
	for _, kind := range kinds {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind)
		if err := cluster.List(t.Context(), list, client.InNamespace(env.namespace)); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			found[fmt.Sprintf("%s %s/%s", kind.Kind, env.namespace, item.Name)] = item.ObjectMeta
		}
	}
	return found
}

// TestTheLoopOfGitOps is what a team does that deploys by Git: each step stands on the one before.
func TestTheLoopOfGitOps(t *testing.T) {
	plugins, repo := plugin(t), newRepository(t)
	v2, v3 := build(t, "v2.0.0", another), build(t, "v3.0.0", another, wrongTable)
	followGit(t)
	for _, name := range []string{"root-production", "root-staging", "platform-production", "platform-staging"} {
		awaitApplication(t, name, "Healthy")
	}
	before := map[environment]map[string]metav1.ObjectMeta{production: children(t, production), staging: children(t, staging)}

	readers, testers := load(t, production, 10), load(t, staging, 10)
	repo.commit(staging, "Release "+v2.Version, func() { repo.writeRelease(staging, v2) })
	aPauseByArgoCD(t, v2.Version)
	awaitRelease(t, staging, v2.Version, 15*time.Minute)
	awaitApplication(t, "platform-staging", "Healthy")
	noFailures(t, "staging, while Git asked for "+v2.Version, testers)

	repo.commit(production, "Promote "+v2.Version, func() {
		patch, errOut, code := kubectl(t, plugins, "blog", "promote", "-n", production.namespace, "-o", "patch")
		if code != 0 {
			t.Fatalf("kubectl blog promote ends with %d: %s", code, errOut)
		}
		repo.write(production, "release.yaml", []byte(patch))
	})
	awaitRelease(t, production, v2.Version, 20*time.Minute)
	awaitApplication(t, "platform-production", "Healthy")
	noFailures(t, "production, while Git asked for "+v2.Version, readers)

	testers = load(t, staging, 20, signIn(t, staging)...) // what fails for them is the fault of the release
	repo.commit(staging, "Release "+v3.Version, func() { repo.writeRelease(staging, v3) })
	awaitBack(t, staging, v2.Version, 10*time.Minute)
	testers()
	awaitApplication(t, "platform-staging", "Degraded")

	t.Run("nothing moves", func(t *testing.T) { nothingMoves(t, 10*time.Minute) })
	if err := runs(t.Context(), staging, v2.Version); err != nil {
		t.Errorf("the release that Git asks for came back: %v", err)
	}

	t.Run("a change by hand", aChangeByHand)
	t.Run("an Application that is made again", func(t *testing.T) { anApplicationMadeAgain(t, before[production]) })
	t.Run("an Application that is named like the platform", func(t *testing.T) { anApplicationNamedLikeThePlatform(t, repo, before[staging]) })
}

// aPauseByArgoCD asks for a pause and its end by the actions of Argo CD.
func aPauseByArgoCD(t *testing.T, version string) {
	t.Helper()
	is := func(what string, expected func(v1alpha1.ReleaseStatus) bool) {
		t.Helper()
		eventually(t, 5*time.Minute, what, func(context.Context) error {
			if release := get(t, staging).Status.Release; release.Target.Version != version || !expected(release) {
				return fmt.Errorf("the release is %+v", release)
			}
			return nil
		})
	}
	is("a release that can be paused", func(r v1alpha1.ReleaseStatus) bool { return r.Phase == v1alpha1.PhaseProgressing })
	argocd(t, "app", "actions", "run", "platform-staging", "pause", "--kind", "BlogPlatform")
	is("a pause", func(r v1alpha1.ReleaseStatus) bool { return r.Paused != nil && *r.Paused })
	awaitApplication(t, "platform-staging", "Suspended")
	argocd(t, "app", "actions", "run", "platform-staging", "resume", "--kind", "BlogPlatform")
	is("the end of the pause", func(r v1alpha1.ReleaseStatus) bool { return r.Paused == nil || !*r.Paused })
}

func aChangeByHand(t *testing.T) {
	wanted := get(t, production).Spec.DeletionPolicy
	if wanted == v1alpha1.Delete {
		t.Fatal("Git asks for what the change would be")
	}
	change(t, production, func(spec *v1alpha1.BlogPlatformSpec) { spec.DeletionPolicy = v1alpha1.Delete })
	eventually(t, 2*time.Minute, "the value of Git", func(context.Context) error {
		if is := get(t, production).Spec.DeletionPolicy; is != wanted {
			return fmt.Errorf("spec.deletionPolicy is %s, and was %s", is, wanted)
		}
		return nil
	})
}

func anApplicationMadeAgain(t *testing.T, before map[string]metav1.ObjectMeta) {
	app, err := application(t.Context(), "platform-production")
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Delete(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Minute, "another Application", func(ctx context.Context) error {
		again, err := application(ctx, "platform-production")
		if err == nil && again.GetUID() == app.GetUID() {
			return fmt.Errorf("the first Application is there")
		}
		return err
	})
	awaitApplication(t, "platform-production", "Healthy")
	sameChildren(t, production, before)
}

// sameChildren fails unless every object that was there still is the same one.
func sameChildren(t testing.TB, env environment, before map[string]metav1.ObjectMeta) {
	t.Helper()
	after := children(t, env)
	for name, object := range before {
		if after[name].UID != object.UID {
			t.Errorf("%s was %s, and is %q", name, object.UID, after[name].UID)
		}
	}
}

// anApplicationNamedLikeThePlatform tracks by label, as many do, and prunes without being asked.
func anApplicationNamedLikeThePlatform(t *testing.T, repo repository, before map[string]metav1.ObjectMeta) {
	overlay := filepath.Join(repo.dir, "test/e2e/gitops/production/kustomization.yaml")
	repo.commit(production, "Track by label", func() {
		text, err := os.ReadFile(overlay)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, `- target: {kind: ConfigMap, name: argocd-cm}
  patch: |-
    - {op: replace, path: /data/application.resourceTrackingMethod, value: label}
`...)
		if err := os.WriteFile(overlay, text, 0o644); err != nil {
			t.Fatal(err)
		}
		other := filepath.Join(repo.dir, "other")
		if err := os.Mkdir(other, 0o755); err != nil {
			t.Fatal(err)
		}
		config := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"
		if err := os.WriteFile(filepath.Join(other, "configmap.yaml"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	eventually(t, 2*time.Minute, "tracking by label", func(ctx context.Context) error {
		settings, err := clientset.CoreV1().ConfigMaps("argocd").Get(ctx, "argocd-cm", metav1.GetOptions{})
		if err == nil && settings.Data["application.resourceTrackingMethod"] != "label" {
			return fmt.Errorf("it tracks by %s", settings.Data["application.resourceTrackingMethod"])
		}
		return err
	})
	objects, err := controlplane.ParseObjects([]byte(`
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: ` + platform + `, namespace: argocd}
spec:
  project: default
  source: {repoURL: "` + inCluster + `", targetRevision: main, path: other}
  destination: {name: in-cluster, namespace: ` + staging.namespace + `}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Create(t.Context(), objects[0]); err != nil {
		t.Fatal(err)
	}
	awaitApplication(t, platform, "Healthy")
	argocd(t, "app", "sync", platform, "--prune")
	app, err := application(t.Context(), platform)
	if err != nil {
		t.Fatal(err)
	}
	resources, _, _ := unstructured.NestedSlice(app.Object, "status", "resources")
	if len(resources) != 1 {
		t.Errorf("the Application takes these for its own: %v", resources)
	}
	sameChildren(t, staging, before)
}

// nothingMoves watches what Argo CD, Argo Rollouts and the operator might fight over:
// no sync begins, and no object is written but for statuses.
func nothingMoves(t *testing.T, whole time.Duration) {
	before := writes(t)
	deadline := time.NewTimer(whole)
	defer deadline.Stop()
	for every := time.NewTicker(10 * time.Second); ; {
		select {
		case <-deadline.C:
			return
		case <-every.C:
		}
		after := writes(t)
		for _, name := range slices.Sorted(maps.Keys(after)) {
			if before[name] != after[name] {
				t.Fatalf("%s was written: %s, and then %s", name, before[name], after[name])
			}
		}
	}
}

// writes maps each object to what a write changes and a status does not: its generation, and the latest sync of an Application.
func writes(t testing.TB) map[string]string {
	t.Helper()
	is := map[string]string{}
	for _, name := range []string{"root-production", "root-staging", "platform-production", "platform-staging"} {
		app, err := application(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		started, _, _ := unstructured.NestedString(app.Object, "status", "operationState", "startedAt")
		is["Application "+name] = started
	}
	for _, env := range environments {
		is["BlogPlatform "+env.namespace] = fmt.Sprint(get(t, env).Generation)
		for name, object := range children(t, env) {
			is[name] = fmt.Sprint(object.Generation)
		}
	}
	return is
}
