//go:build e2e && (faults || alerts)

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// truth is how long status may take to tell the truth about a fault.
const truth = time.Minute

// says is nil once a condition has a status and a reason, and its message holds a text.
func says(ctx context.Context, env environment, name string, status metav1.ConditionStatus, reason, text string) error {
	bp := &v1alpha1.BlogPlatform{}
	if err := cluster.Get(ctx, client.ObjectKey{Namespace: env.namespace, Name: platform}, bp); err != nil {
		return err
	}
	c := meta.FindStatusCondition(bp.Status.Conditions, name)
	if c == nil || c.Status != status || reason != "" && c.Reason != reason || !strings.Contains(c.Message, text) {
		return fmt.Errorf("%s is %+v, want %s %s %q", name, c, status, reason, text)
	}
	return nil
}

// scenario is one fault of a platform, from its beginning until it is over.
type scenario struct {
	name string
	run  func(*testing.T, environment)
}

// sideBySide runs the scenarios of both platforms at the same time, and those of
// one platform one after the other.
func sideBySide(t *testing.T, scenarios map[environment][]scenario) {
	t.Helper()
	for env, own := range scenarios {
		t.Run(env.namespace, func(t *testing.T) {
			t.Parallel()
			for _, s := range own {
				t.Run(s.name, func(t *testing.T) { s.run(t, env) })
			}
		})
	}
}

// TestFaultsOfReleases needs a pod of each kind to fail, so nothing else may be missing.
func TestFaultsOfReleases(t *testing.T) {
	sideBySide(t, map[environment][]scenario{
		staging: {
			{"an image does not exist", anImageThatDoesNotExist},
			{"steps are edited, and a load is evicted", stepsThatAreEdited},
			{"the soak is interrupted", aSuspensionDuringTheSoak},
			{"a quota refuses a load", aLoadThatAQuotaRefuses},
			{"a peer writes a very long message", aVeryLongMessage},
			{"the certificate is not renewed, and expires", aCertificateThatExpires},
		},
		production: {
			{"pods do not come up", podsThatDoNotComeUp},
			{"no node has room for a load", aLoadWithoutANode},
			{"stable pods crash", stablePodsThatCrash},
			{"it is created again over its data", aPlatformThatIsCreatedAgain},
		},
	})
}

// TestFaultsWithoutPeers has staging release while its peers are away. What
// production meets meanwhile needs none of them.
func TestFaultsWithoutPeers(t *testing.T) {
	sideBySide(t, map[environment][]scenario{
		staging: {{"a release whose peers are away", aReleaseWhosePeersAreAway}},
		production: {
			{"passwords are replaced", passwordsThatAreReplaced},
			{"the authority of the database is replaced", anAuthorityThatIsReplaced},
			{"a backup fails", aBackupThatFails},
			{"a volume cannot grow", aVolumeThatCannotGrow},
		},
	})
}

// settle takes the platform out of its gate and gives it short steps, and in the
// end has it Ready on the release that it then runs.
func settle(t *testing.T, env environment) {
	t.Helper()
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Promotion, spec.Rollout.Steps = v1alpha1.Promotion{}, steps(50, 5)
	})
	before := get(t, env).Spec
	t.Cleanup(func() {
		bp := &v1alpha1.BlogPlatform{}
		if err := cluster.Get(context.WithoutCancel(t.Context()), client.ObjectKey{Namespace: env.namespace, Name: platform}, bp); err != nil {
			t.Fatal(err)
		}
		before.Release = v1alpha1.Release{Version: bp.Status.Release.Current.Version, Images: bp.Status.Release.Current.Images}
		change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { *spec = before })
		eventually(t, 5*time.Minute, env.namespace+" Ready again", func(ctx context.Context) error { return ready(ctx, env) })
	})
}

// steps are a weight and a pause.
func steps(weight, pause int32) []v1alpha1.RolloutStep {
	return []v1alpha1.RolloutStep{{Weight: &weight}, {PauseSeconds: &pause}}
}

// anImageThatDoesNotExist is taken back within the deadline and 30 seconds; the
// service, its pod and the image are named, and no reader notices.
func anImageThatDoesNotExist(t *testing.T, env environment) {
	const deadline = 45
	settle(t, env)
	current := get(t, env).Status.Release.Current.Version
	end := load(t, env, 10)
	for service, fault := range map[string]struct {
		image func(*v1alpha1.Images) *string
		part  string
		// begins is how long the release takes until it needs the image.
		begins time.Duration
	}{
		"content":  {func(i *v1alpha1.Images) *string { return &i.Content }, v1alpha1.ConditionMigrationsReady, 0},
		"frontend": {func(i *v1alpha1.Images) *string { return &i.Frontend }, v1alpha1.ConditionWorkloadsReady, 5 * time.Minute},
	} {
		missing := "blogplatform.local/" + service + "@sha256:" + strings.Repeat("1", 64)
		begun := time.Now()
		change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
			spec.Release.Version = "v0.0.0-no-" + service
			*fault.image(&spec.Release.Images) = missing
			spec.Rollout.ProgressDeadlineSeconds = new(int32(deadline))
		})
		eventually(t, fault.begins+truth, "the image of "+service+" is named", func(ctx context.Context) error {
			return says(ctx, env, fault.part, metav1.ConditionFalse, "", "cannot pull its image "+missing)
		})
		awaitBack(t, env, current, 5*time.Minute)
		t.Logf("%s: back after %s", service, time.Since(begun).Round(time.Second))
		eventually(t, truth, "Ready says why", func(ctx context.Context) error {
			return says(ctx, env, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", missing)
		})
		change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
			released := get(t, env).Status.Release.Current
			spec.Release = v1alpha1.Release{Version: released.Version, Images: released.Images}
		})
		eventually(t, 3*time.Minute, env.namespace+" Ready on "+current, func(ctx context.Context) error { return ready(ctx, env) })
	}
	noFailures(t, env.namespace+", while images were missing", end)
}

// podsThatDoNotComeUp are taken back within the deadline and 30 seconds: one crashes
// again and again, the other runs and never answers.
func podsThatDoNotComeUp(t *testing.T, env environment) {
	const (
		deadline = 45
		begins   = "func main() { os.Exit(service.Main()) }"
	)
	settle(t, env)
	current := get(t, env).Status.Release.Current.Version
	end := load(t, env, 10)
	for service, pods := range map[string]struct{ instead, why string }{
		"content": {`func main() {
			if os.Args[1] == "serve" { panic("out of ink") }
			os.Exit(service.Main())
		}`, "panic: out of ink"},
		"comment": {`func main() {
			if os.Args[1] == "serve" { // waits for what nobody writes
				r, w, _ := os.Pipe()
				_, _ = r.Read(make([]byte, 1))
				_ = w.Close()
			}
			os.Exit(service.Main())
		}`, "is not ready"}, // until the kubelet ends it, because its startup probe fails
	} {
		release := build(t, "v0.0.0-faulty-"+service, fault{"services/" + service + "/main.go", begins, pods.instead})
		change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
			spec.Release = release
			spec.Rollout.ProgressDeadlineSeconds = new(int32(deadline))
		})
		eventually(t, 2*truth, "the pod is named", func(ctx context.Context) error {
			return says(ctx, env, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "", pods.why)
		})
		named := time.Now()
		awaitBack(t, env, current, deadline*time.Second+30*time.Second)
		t.Logf("%s: back %s after its pod was named", release.Version, time.Since(named).Round(time.Second))
		pod := "pod " + env.namespace + "/" + platform + "-" + service + "-"
		if err := says(t.Context(), env, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", pod); err != nil {
			t.Error(err)
		}
	}
	noFailures(t, env.namespace+", while pods did not come up", end)
}

// stablePodsThatCrash do not hold up their fix: readers are served again within three
// minutes. They crash from the moment on that PostgreSQL has a certain role, so that
// their release has become the stable one before.
func stablePodsThatCrash(t *testing.T, env environment) {
	const role = "out_of_paper"
	settle(t, env)
	good := get(t, env).Status.Release.Current
	dying := build(t, "v0.0.0-dying", fault{"services/content/main.go", `	_ "golang.org/x/crypto/x509roots/fallback" // collectors of traces have certificates of public authorities, and the image has none

	"blogplatform.io/operator/services/content/service"
)

func main() { os.Exit(service.Main()) }`, `	"context"
	"time"

	_ "golang.org/x/crypto/x509roots/fallback"

	"blogplatform.io/operator/services/content/service"
	"blogplatform.io/operator/services/internal/postgres"
)

func main() {
	if os.Args[1] == "serve" {
		go watch()
	}
	os.Exit(service.Main())
}

func watch() {
	ctx := context.Background()
	pool, err := postgres.Open(ctx, "watch")
	if err != nil {
		panic(err)
	}
	for range time.Tick(time.Second) {
		var found bool
		if pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = '` + role + `')").Scan(&found) == nil && found {
			panic("out of paper")
		}
	}
}`})
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release = dying })
	awaitRelease(t, env, dying.Version, 10*time.Minute)
	query(t, env, "CREATE ROLE "+role)
	eventually(t, 2*truth, "the crash is said", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionAvailable, metav1.ConditionFalse, "", "content")
	})
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release = v1alpha1.Release{Version: "v0.0.0-fixed", Images: good.Images}
	})
	fixed := time.Now()
	eventually(t, 3*time.Minute, "readers are served again", func(ctx context.Context) error {
		if problem := (request{who: browser(), method: http.MethodGet, url: env.url("/"), want: http.StatusOK}).failure(ctx); problem != "" {
			return errors.New(problem)
		}
		return says(ctx, env, v1alpha1.ConditionAvailable, metav1.ConditionTrue, "", "")
	})
	t.Logf("%s: served again %s after the fix was asked for", env.namespace, time.Since(fixed).Round(time.Second))
	awaitRelease(t, env, "v0.0.0-fixed", 5*time.Minute)
}

// TestFaultAHostOfAnotherPlatform is refused in both directions, and its readers do not notice.
func TestFaultAHostOfAnotherPlatform(t *testing.T) {
	for _, pair := range [][2]environment{{staging, production}, {production, staging}} {
		claims, serves := pair[0], pair[1]
		t.Run(claims.namespace, func(t *testing.T) {
			settle(t, claims)
			end := load(t, serves, 10)
			change(t, claims, func(spec *v1alpha1.BlogPlatformSpec) { spec.Hosts = append(spec.Hosts, serves.host) })
			eventually(t, truth, "the claim is refused", func(ctx context.Context) error {
				return says(ctx, claims, v1alpha1.ConditionStalled, metav1.ConditionTrue, "HostConflict", serves.host)
			})
			eventually(t, truth, "who serves the host is Ready", func(ctx context.Context) error { return ready(ctx, serves) })
			noFailures(t, serves.namespace+", while its host was claimed", end)
		})
	}
}

// aSuspensionDuringTheSoak interrupts it: what has soaked is lost, and begins anew.
func aSuspensionDuringTheSoak(t *testing.T, env environment) {
	settle(t, env)
	soaks := func(want bool) func(context.Context) error {
		return func(context.Context) error {
			history := get(t, env).Status.History
			i := slices.IndexFunc(history, func(r v1alpha1.ReleaseRecord) bool { return r.Outcome == v1alpha1.OutcomeSucceeded })
			if i < 0 || (history[i].HealthySince != nil) != want {
				return fmt.Errorf("history is %+v", history)
			}
			return nil
		}
	}
	eventually(t, truth, "the release soaks", soaks(true))
	before := get(t, env).Status.History[0].HealthySince
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Suspend = new(true) })
	eventually(t, truth, "the soak is interrupted", soaks(false))
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Suspend = nil })
	eventually(t, truth, "it begins anew", soaks(true))
	if after := get(t, env).Status.History[0].HealthySince; before != nil && !after.After(before.Time) {
		t.Errorf("the soak goes on since %s", after)
	}
}

// TestFaultAnOperatorThatIsAway in each phase of a release, longer than any deadline
// of it: the release goes on each time that the operator is back, and is not blamed.
func TestFaultAnOperatorThatIsAway(t *testing.T) {
	const version, deadline = "v0.0.0-away", 60
	settle(t, staging)
	end := load(t, staging, 10)
	allowVerify := deny(t, staging, pods, "verify", "wait until the operator is away")
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version, spec.Rollout.ProgressDeadlineSeconds = version, new(int32(deadline))
	})
	awaitCanary(t, staging)
	withoutOperator(t, deadline*time.Second, func() {
		eventually(t, 5*time.Minute, "the Rollouts at their barrier", func(ctx context.Context) error { return atBarrier(ctx, staging) })
	})
	awaitPhase(t, staging, v1alpha1.PhaseVerifying)
	argoRollouts := func(replicas int32) { scale(t, "argo-rollouts", "argo-rollouts", replicas) }
	t.Cleanup(func() { argoRollouts(1) })
	withoutOperator(t, deadline*time.Second, func() {
		allowVerify()
		argoRollouts(0) // so that the commit, which comes next, lasts until the operator is away again
	})
	awaitPhase(t, staging, v1alpha1.PhaseCommitting)
	withoutOperator(t, deadline*time.Second, func() {
		argoRollouts(1)
		eventually(t, 5*time.Minute, "all services run "+version, func(ctx context.Context) error { return runs(ctx, staging, version) })
	})
	awaitRelease(t, staging, version, 5*time.Minute)
	notBlamed(t, staging, version)
	noFailures(t, "staging, while the operator was away", end)
}

// withoutOperator does something while no operator runs, which is for as long as a
// deadline of the release at least.
func withoutOperator(t *testing.T, deadline time.Duration, meanwhile func()) {
	t.Helper()
	operator := func(replicas int32) { scale(t, "blogplatform-system", "blogplatform-controller-manager", replicas) }
	t.Cleanup(func() { operator(1) })
	operator(0)
	passed := time.NewTimer(deadline)
	meanwhile()
	<-passed.C
	operator(1)
}

// awaitPhase waits until the release of a platform has come to a phase.
func awaitPhase(t *testing.T, env environment, phase v1alpha1.ReleasePhase) {
	t.Helper()
	eventually(t, 10*time.Minute, "phase "+string(phase), func(context.Context) error {
		if now := get(t, env).Status.Release; now.Phase != phase {
			return fmt.Errorf("phase %s, failures %+v", now.Phase, now.Failures)
		}
		return nil
	})
}

// notBlamed fails the test if an attempt of a release has failed.
func notBlamed(t *testing.T, env environment, version string) {
	t.Helper()
	for _, failure := range get(t, env).Status.Release.Failures {
		if failure.Version == version {
			t.Errorf("the release was blamed: %+v", failure)
		}
	}
}

// peers are what a release needs of others: the Deployments, by namespace.
var peers = map[string]string{
	"istio-system": "istiod", "argo-rollouts": "argo-rollouts", "monitoring": "prometheus",
	"cert-manager": "cert-manager", "sealed-secrets": "sealed-secrets-controller",
}

// aReleaseWhosePeersAreAway, all at the same time for five minutes, goes on once they are back.
func aReleaseWhosePeersAreAway(t *testing.T, env environment) {
	settle(t, env)
	end := load(t, env, 10)
	version := "v0.0.0-peers"
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version = version
		spec.Rollout.ProgressDeadlineSeconds = new(int32(600)) // longer than they are away
	})
	awaitCanary(t, env)
	back := func() {
		for namespace, name := range peers {
			scale(t, namespace, name, 1)
		}
	}
	t.Cleanup(back)
	for namespace, name := range peers {
		scale(t, namespace, name, 0)
	}
	away := time.NewTimer(5 * time.Minute)
	eventually(t, truth, "Ready tells that the release is on its way", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionReady, metav1.ConditionFalse, "", "")
	})
	<-away.C
	notBlamed(t, env, version)
	back()
	awaitRelease(t, env, version, 10*time.Minute)
	noFailures(t, env.namespace+", while Argo Rollouts, Prometheus, istiod, cert-manager and Sealed Secrets were away", end)
}

// stepsThatAreEdited at half the traffic take nothing back: the release under way takes
// those that it began with. Nor does the load of an analysis whose pod is evicted on the way.
func stepsThatAreEdited(t *testing.T, env environment) {
	settle(t, env)
	end := load(t, env, 10)
	version := "v0.0.0-steps"
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version, spec.Rollout.Steps = version, steps(50, 30)
	})
	evictALoad(t, env)
	weight := func(ctx context.Context) (int64, error) {
		rollout, err := rolloutOf(ctx, env, "content")
		if err != nil || rollout.Status.Canary.Weights == nil {
			return 0, err
		}
		return int64(rollout.Status.Canary.Weights.Canary.Weight), nil
	}
	eventually(t, 5*time.Minute, "half the traffic of content on the canary", func(ctx context.Context) error {
		now, err := weight(ctx)
		if err == nil && now != 50 {
			err = fmt.Errorf("%d percent", now)
		}
		return err
	})
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Rollout.Steps = steps(10, 5) })
	most := int64(50)
	eventually(t, 10*time.Minute, "content at its barrier", func(ctx context.Context) error {
		now, err := weight(ctx)
		if err != nil {
			return err
		}
		if now < most {
			t.Errorf("the canary of content fell from %d to %d percent", most, now)
		}
		if most = max(most, now); most < 100 {
			return fmt.Errorf("%d percent", now)
		}
		return nil
	})
	awaitRelease(t, env, version, 10*time.Minute)
	notBlamed(t, env, version)
	noFailures(t, env.namespace+", while its steps were edited", end)
}

// awaitCanary waits until a service has a canary.
func awaitCanary(t *testing.T, env environment) {
	t.Helper()
	eventually(t, 5*time.Minute, "a canary", func(context.Context) error {
		if word := get(t, env).Status.Release.Rollout; !strings.Contains(word, "canary") {
			return fmt.Errorf("it is %s", word)
		}
		return nil
	})
}

// scale sets how many pods a Deployment has, and waits for that.
func scale(t *testing.T, namespace, name string, replicas int32) {
	t.Helper()
	deployments, ctx := clientset.AppsV1().Deployments(namespace), context.WithoutCancel(t.Context())
	if _, err := deployments.Patch(ctx, name, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Minute, fmt.Sprintf("%d pods of %s", replicas, name), func(ctx context.Context) error {
		deployment, err := deployments.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if deployment.Status.Replicas != replicas || deployment.Status.ReadyReplicas != replicas {
			return fmt.Errorf("%d, %d ready", deployment.Status.Replicas, deployment.Status.ReadyReplicas)
		}
		return nil
	})
}

// atBarrier is nil once the data services wait at the end of their steps.
func atBarrier(ctx context.Context, env environment) error {
	for _, service := range dataServices {
		rollout, err := rolloutOf(ctx, env, service)
		if err != nil {
			return err
		}
		if rollout.Status.Message != "CanaryPauseStep" {
			return fmt.Errorf("%s is not paused: %q", service, rollout.Status.Message)
		}
	}
	return nil
}
