package faker_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/test/faker"
)

var config *rest.Config

func TestMain(m *testing.M) {
	controlplane.Main(m, controlplane.Options{}, func(cp *controlplane.ControlPlane) { config = cp.Config })
}

// world is one namespace with a faker of its own behaviour.
type world struct {
	*testing.T
	c         client.Client
	f         *faker.Faker
	namespace string
}

func newWorld(t *testing.T, options faker.Options) world {
	t.Helper()
	return newWorldWith(t, config, options)
}

// newWorldWith has the faker write through a client config of its own.
func newWorldWith(t *testing.T, ofFaker *rest.Config, options faker.Options) world {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "faker-", Labels: map[string]string{
		"istio-injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted"}}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	f, err := faker.New(ofFaker, options)
	if err != nil {
		t.Fatal(err)
	}
	f.Start(t.Context())
	return world{t, c, f, namespace.Name}
}

// apply writes a child as the operator does.
func (w world) apply(text string) *unstructured.Unstructured {
	w.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		w.Fatal(err)
	}
	u.SetNamespace(w.namespace)
	u.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "blogplatform"})
	if err := w.c.Apply(w.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("blogplatform"), client.ForceOwnership); err != nil {
		w.Fatal(err)
	}
	return u
}

// until waits for a state of an object, and returns it.
func (w world) until(u *unstructured.Unstructured, what string, is func(*unstructured.Unstructured) bool) *unstructured.Unstructured {
	w.Helper()
	live := u.DeepCopy()
	err := wait.PollUntilContextTimeout(w.Context(), 10*time.Millisecond, timefactor.Scale(20*time.Second), true, func(ctx context.Context) (bool, error) {
		err := w.c.Get(ctx, client.ObjectKeyFromObject(u), live)
		return err == nil && is(live), client.IgnoreNotFound(err)
	})
	if err != nil {
		w.Fatalf("%s %s is not %s: %v\n%v", u.GetKind(), u.GetName(), what, err, live.Object["status"])
	}
	return live
}

// untilJudged waits until the operator's own judgement has a reason.
func (w world) untilJudged(u *unstructured.Unstructured, reason string) *unstructured.Unstructured {
	w.Helper()
	return w.until(u, reason, func(live *unstructured.Unstructured) bool { return ready.Judge(u, live, time.Now()).Reason == reason })
}

func field(u *unstructured.Unstructured, path string) any {
	var value any = u.Object
	for _, key := range strings.Split(path, ".") {
		m, _ := value.(map[string]any)
		value = m[key]
	}
	return value
}

func synced(status string) func(*unstructured.Unstructured) bool {
	return func(u *unstructured.Unstructured) bool {
		conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		if len(conditions) != 1 {
			return false
		}
		m, _ := conditions[0].(map[string]any)
		return m["type"] == "Synced" && m["status"] == status
	}
}

const sealedCookies = `
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: blog-cookies}
spec:
  encryptedData: {key: AgAAAAAA}
  template: {metadata: {labels: {app.kubernetes.io/managed-by: blogplatform, colour: blue}}}
`

func TestASealedSecretBecomesASecretAndComesBackWhenItIsDeleted(t *testing.T) {
	w := newWorld(t, faker.Options{})
	u := w.apply(sealedCookies)
	w.until(u, "synced", synced("True"))
	secret := &corev1.Secret{}
	key := client.ObjectKeyFromObject(u)
	if err := w.c.Get(t.Context(), key, secret); err != nil {
		t.Fatal(err)
	}
	if len(secret.Data["key"]) == 0 || secret.Labels["colour"] != "blue" || !metav1.IsControlledBy(secret, u) {
		t.Errorf("the Secret is %v", secret)
	}
	if err := w.c.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.until(secretOf(u), "there again", func(live *unstructured.Unstructured) bool { return live.GetUID() != secret.UID })
}

func secretOf(u *unstructured.Unstructured) *unstructured.Unstructured {
	s := &unstructured.Unstructured{}
	s.SetAPIVersion("v1")
	s.SetKind("Secret")
	s.SetNamespace(u.GetNamespace())
	s.SetName(u.GetName())
	return s
}

func TestCiphertextThatNoKeyOpensMakesNoSecretUntilItIsSealedAgain(t *testing.T) {
	w := newWorld(t, faker.Options{})
	u := w.apply(strings.Replace(sealedCookies, "AgAAAAAA", faker.Undecipherable, 1))
	w.until(u, "refused", synced("False"))
	if err := w.c.Get(t.Context(), client.ObjectKeyFromObject(u), &corev1.Secret{}); !apierrors.IsNotFound(err) {
		t.Errorf("the Secret: %v", err)
	}
	w.until(w.apply(sealedCookies), "synced", synced("True"))
}

func TestASealingKeyThatIsLostAndFoundFailsAndHealsWithoutAnEdit(t *testing.T) {
	w := newWorld(t, faker.Options{})
	w.f.Set(faker.SealedSecret, w.namespace+"/", faker.Behaviour{Fail: true})
	u := w.apply(sealedCookies)
	w.until(u, "refused", synced("False"))
	w.f.Set(faker.SealedSecret, w.namespace+"/", faker.Behaviour{})
	w.until(u, "synced", synced("True"))
}

// slowAnswers has the answers to writes of status arrive after everybody else could read them.
type slowAnswers struct{ http.RoundTripper }

func (s slowAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.RoundTripper.RoundTrip(r)
	if strings.HasSuffix(r.URL.Path, "/status") {
		time.Sleep(200 * time.Millisecond) // is itself the fault that is tested
	}
	return answer, err
}

func TestASealingKeyThatIsFoundWhileTheRefusalIsWrittenHeals(t *testing.T) {
	slow := rest.CopyConfig(config)
	slow.Wrap(func(inner http.RoundTripper) http.RoundTripper { return slowAnswers{inner} })
	w := newWorldWith(t, slow, faker.Options{Behaviour: faker.Behaviour{Fail: true}})
	u := w.apply(sealedCookies)
	w.until(u, "refused", synced("False"))
	w.f.Set(faker.SealedSecret, w.namespace+"/", faker.Behaviour{})
	w.until(u, "synced", synced("True"))
}

const certificate = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: blog}
spec: {secretName: blog, dnsNames: [blog.example.com], issuerRef: {kind: ClusterIssuer, name: somebody}}
`

func TestACertificateWaitsForItsIssuerAndIsIssuedOncePerGeneration(t *testing.T) {
	w := newWorld(t, faker.Options{Missing: []string{"somebody"}})
	u := w.apply(certificate)
	w.until(u, "asked for", func(live *unstructured.Unstructured) bool {
		return live.Object["status"] != nil && ready.Judge(u, live, time.Now()).Reason == "NotIssued"
	})
	w.f.Missing()
	live := w.untilJudged(u, "Issued")
	if field(live, "status.revision") != int64(1) || field(live, "status.notAfter") == nil {
		t.Errorf("status is %v", live.Object["status"])
	}
	u = w.apply(strings.Replace(certificate, "[blog.", "[www.example.com, blog.", 1))
	w.until(u, "issued again", func(live *unstructured.Unstructured) bool { return field(live, "status.revision") == int64(2) })
}

func TestAnIssuerThatRefusesFailsTheIssuance(t *testing.T) {
	w := newWorld(t, faker.Options{Behaviour: faker.Behaviour{Fail: true}})
	u := w.apply(certificate)
	w.untilJudged(u, "IssuanceFailed")
	w.f.Set(faker.Certificate, "", faker.Behaviour{})
	w.untilJudged(u, "Issued")
}

const postgresCluster = `
apiVersion: postgres-operator.crunchydata.com/v1beta1
kind: PostgresCluster
metadata: {name: blog-db}
spec:
  postgresVersion: 15
  metadata: {labels: {app.kubernetes.io/managed-by: blogplatform}}
  users: [{name: blog-user, databases: [blog-user]}]
  instances:
  - name: instance
    replicas: 2
    dataVolumeClaimSpec: {accessModes: [ReadWriteOnce], storageClassName: local, resources: {requests: {storage: 1Gi}}}
  backups:
    pgbackrest:
      repos:
      - name: repo1
        volume: {volumeClaimSpec: {accessModes: [ReadWriteOnce], storageClassName: local, resources: {requests: {storage: 1Gi}}}}
`

func TestADatabaseWaitsForVolumesComesUpAndLeavesWithItsFinalizer(t *testing.T) {
	w := newWorld(t, faker.Options{Missing: []string{"local"}})
	u := w.apply(postgresCluster)
	w.untilJudged(u, "InstancesNotReady")
	if phases := w.claims(); phases != "Pending Pending Pending" {
		t.Errorf("without the StorageClass the claims are %s", phases)
	}
	w.f.Missing()
	w.untilJudged(u, "InstancesReady")
	if phases := w.claims(); phases != "Bound Bound Bound" {
		t.Errorf("with the StorageClass the claims are %s", phases)
	}
	for _, name := range []string{"blog-db-cluster-cert", "blog-db-pguser-blog-user"} {
		secret := &corev1.Secret{}
		if err := w.c.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, secret); err != nil {
			t.Error(err)
		} else if secret.Labels["app.kubernetes.io/managed-by"] != "blogplatform" {
			t.Errorf("labels of %s are %v", name, secret.Labels)
		}
	}
	w.f.Set(faker.PostgresCluster, w.namespace+"/", faker.Behaviour{Absent: true})
	if err := w.c.Delete(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	w.untilJudged(u, "Terminating")
	w.f.Set(faker.PostgresCluster, w.namespace+"/", faker.Behaviour{})
	w.gone(u)
}

// claims answers the phases of the database's volume claims.
func (w world) claims() string {
	w.Helper()
	var claims corev1.PersistentVolumeClaimList
	if err := w.c.List(w.Context(), &claims, client.InNamespace(w.namespace), client.MatchingLabels{"postgres-operator.crunchydata.com/cluster": "blog-db"}); err != nil {
		w.Fatal(err)
	}
	var phases []string
	for _, claim := range claims.Items {
		phases = append(phases, string(claim.Status.Phase))
	}
	return strings.Join(phases, " ")
}

func (w world) gone(u *unstructured.Unstructured) {
	w.Helper()
	err := wait.PollUntilContextTimeout(w.Context(), 10*time.Millisecond, timefactor.Scale(20*time.Second), true, func(ctx context.Context) (bool, error) {
		err := w.c.Get(ctx, client.ObjectKeyFromObject(u), u.DeepCopy())
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		w.Fatalf("%s %s is not gone: %v", u.GetKind(), u.GetName(), err)
	}
}

const job = `
apiVersion: batch/v1
kind: Job
metadata: {name: blog-user-expand}
spec: {backoffLimit: 2, template: {spec: {restartPolicy: Never, containers: [{name: user, image: user}]}}}
`

func TestAJobEndsAsItIsTold(t *testing.T) {
	w := newWorld(t, faker.Options{})
	w.f.Set(faker.Job, w.namespace+"/", faker.Behaviour{Fail: true})
	w.f.Set(faker.Job, w.namespace+"/blog-content", faker.Behaviour{})
	w.f.Set(faker.Job, w.namespace+"/blog-comment", faker.Behaviour{Delay: time.Hour})
	failed, fine, slow := w.apply(job), w.apply(strings.Replace(job, "-user-", "-content-", 1)), w.apply(strings.Replace(job, "-user-", "-comment-", 1))
	if live := w.untilJudged(failed, "JobFailed"); field(live, "status.failed") != int64(3) {
		t.Errorf("status is %v", live.Object["status"])
	}
	w.untilJudged(fine, "Complete")
	if live := w.untilJudged(slow, "Running"); field(live, "status.startTime") != nil {
		t.Errorf("status is %v", live.Object["status"])
	}
}

const routes = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: blog-user}
spec:
  hosts: [blog-user]
  http:
  - name: primary
    route:
    - {destination: {host: blog-user, subset: stable}, weight: 100}
    - {destination: {host: blog-user, subset: canary}, weight: 0}
`

const subsets = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: blog-user}
spec:
  host: blog-user
  subsets:
  - {name: stable, labels: {app.kubernetes.io/name: user}}
  - {name: canary, labels: {app.kubernetes.io/name: user}}
`

const rollout = `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: blog-user}
spec:
  replicas: 2
  selector: {matchLabels: {app: user}}
  template: {metadata: {labels: {app: user}}, spec: {containers: [{name: user, image: "user:v1"}]}}
  strategy:
    canary:
      trafficRouting:
        istio:
          virtualService: {name: blog-user, routes: [primary]}
          destinationRule: {name: blog-user, stableSubsetName: stable, canarySubsetName: canary}
      steps: [{setWeight: 20}, {pause: {duration: 60s}}, {setWeight: 50}, {pause: {}}]
`

// weights answers those of the stable and the canary subset, and their hashes.
func (w world) weights() (weights [2]int64, hashes [2]string) {
	w.Helper()
	service, rule := w.live(routes), w.live(subsets)
	http, _, _ := unstructured.NestedSlice(service.Object, "spec", "http")
	destinations, _, _ := unstructured.NestedSlice(http[0].(map[string]any), "route")
	named, _, _ := unstructured.NestedSlice(rule.Object, "spec", "subsets")
	for i := range 2 {
		weights[i], _ = destinations[i].(map[string]any)["weight"].(int64)
		hashes[i], _, _ = unstructured.NestedString(named[i].(map[string]any), "labels", "rollouts-pod-template-hash")
	}
	return weights, hashes
}

func (w world) live(text string) *unstructured.Unstructured {
	w.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		w.Fatal(err)
	}
	if err := w.c.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: u.GetName()}, u); err != nil {
		w.Fatal(err)
	}
	return u
}

func TestACanaryTakesTrafficInSteps(t *testing.T) {
	w := newWorld(t, faker.Options{Behaviour: faker.Behaviour{Hold: true}})
	u := w.apply(rollout)
	w.untilJudged(u, "InvalidSpec") // its routes are not there yet
	w.apply(routes)
	w.apply(subsets)
	first := w.untilJudged(u, "Healthy")
	stable, _ := field(first, "status.stableRS").(string)
	if weights, hashes := w.weights(); weights != [2]int64{100, 0} || hashes != [2]string{stable, stable} {
		t.Errorf("after the installation: %v %v", weights, hashes)
	}

	u = w.apply(strings.Replace(rollout, "user:v1", "user:v2", 1))
	paused := w.untilJudged(u, "Paused")
	canary, _ := field(paused, "status.currentPodHash").(string)
	if weights, hashes := w.weights(); weights != [2]int64{80, 20} || hashes != [2]string{stable, canary} || stable == canary {
		t.Errorf("at the first pause: %v %v", weights, hashes)
	}
	w.f.Set(faker.Rollout, w.namespace+"/", faker.Behaviour{})
	w.until(u, "at the second pause", func(live *unstructured.Unstructured) bool {
		return field(live, "status.phase") == "Paused" && field(live, "status.currentStepIndex") == int64(3)
	})
	if weights, _ := w.weights(); weights != [2]int64{50, 50} {
		t.Errorf("at the second pause: %v", weights)
	}
	resume := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"pauseConditions":null}}`))
	if err := w.c.Status().Patch(t.Context(), u.DeepCopy(), resume); err != nil {
		t.Fatal(err)
	}
	last := w.untilJudged(u, "Healthy")
	// Argo Rollouts is healthy as soon as the canary is the stable one, and moves traffic back right after.
	w.until(w.live(routes), "back on the stable subset", func(*unstructured.Unstructured) bool {
		weights, hashes := w.weights()
		return weights == [2]int64{100, 0} && hashes == [2]string{canary, canary}
	})
	if last.GetAnnotations()["rollout.argoproj.io/revision"] != "2" || field(last, "status.observedGeneration") != "2" {
		t.Errorf("at the end: %v %v", last.GetAnnotations(), last.Object["status"])
	}
}

func TestACanaryIsNotAnalyzedByATemplateThatIsNotThere(t *testing.T) {
	w := newWorld(t, faker.Options{})
	w.apply(routes)
	w.apply(subsets)
	analysis := "steps: [{analysis: {templates: [{templateName: blog-analysis}]}}, "
	u := w.apply(strings.Replace(rollout, "steps: [", analysis, 1))
	live := w.untilJudged(u, "InvalidSpec")
	if why, _ := field(live, "status.message").(string); !strings.Contains(why, `"blog-analysis" not found`) {
		t.Errorf("it says %s", why)
	}
	w.apply(`
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: blog-analysis}
spec: {metrics: [{name: load, provider: {job: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: load, image: "frontend:v1"}]}}}}}}]}
`)
	w.untilJudged(u, "Healthy")
}

func TestARolloutThatDoesNotProgressIsDegradedUntilItDoes(t *testing.T) {
	w := newWorld(t, faker.Options{Behaviour: faker.Behaviour{Fail: true}})
	w.apply(routes)
	w.apply(subsets)
	u := w.apply(rollout)
	w.untilJudged(u, "Degraded")
	w.f.Set(faker.Rollout, "", faker.Behaviour{})
	w.untilJudged(u, "Healthy")
}

func TestPodsGetASidecarWhereTheNamespaceAsksForIt(t *testing.T) {
	w := newWorld(t, faker.Options{})
	if err := faker.InstallSidecarInjector(t.Context(), w.c); err != nil {
		t.Fatal(err)
	}
	restricted, yes, no := corev1.SeccompProfileTypeRuntimeDefault, true, false
	pod := func(namespace string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "pod"}, Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: restricted}},
			Containers: []corev1.Container{{Name: "user", Image: "user", SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}}},
		}}
	}
	for namespace, want := range map[string]int{w.namespace: 1, "default": 0} {
		p := pod(namespace)
		if err := w.c.Create(t.Context(), p, client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		if len(p.Spec.InitContainers) != want {
			t.Errorf("in %s there are %d init containers, want %d", namespace, len(p.Spec.InitContainers), want)
		}
	}
}
