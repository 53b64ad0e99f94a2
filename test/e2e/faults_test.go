//go:build e2e && faults

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
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

// restore puts a spec back in the end, and waits until the platform is Ready.
func restore(t *testing.T, env environment) {
	t.Helper()
	before := get(t, env).Spec
	t.Cleanup(func() {
		change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { *spec = before })
		eventually(t, 10*time.Minute, env.namespace+" Ready again", func(ctx context.Context) error { return ready(ctx, env) })
	})
}

// TestAnImageThatDoesNotExistIsTakenBack within the deadline and 30 seconds, the
// service, its pod and the image are named, and no reader notices.
func TestAnImageThatDoesNotExistIsTakenBack(t *testing.T) {
	const deadline = 45
	restore(t, staging)
	current := get(t, staging).Status.Release.Current.Version
	end := load(t, staging, 10)
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
		change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) {
			spec.Release.Version = "v0.0.0-no-" + service
			*fault.image(&spec.Release.Images) = missing
			spec.Rollout.ProgressDeadlineSeconds = new(int32(deadline))
		})
		eventually(t, fault.begins+truth, "the image of "+service+" is named", func(ctx context.Context) error {
			return says(ctx, staging, fault.part, metav1.ConditionFalse, "", "cannot pull its image "+missing)
		})
		awaitBack(t, staging, current, 5*time.Minute)
		t.Logf("%s: back after %s", service, time.Since(begun).Round(time.Second))
		eventually(t, truth, "Ready says why", func(ctx context.Context) error {
			return says(ctx, staging, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", missing)
		})
		change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) {
			released := get(t, staging).Status.Release.Current
			spec.Release = v1alpha1.Release{Version: released.Version, Images: released.Images}
		})
		eventually(t, 3*time.Minute, "staging Ready on "+current, func(ctx context.Context) error { return ready(ctx, staging) })
	}
	noFailures(t, "staging, while images were missing", end)
}

// TestPodsThatDoNotComeUpAreTakenBack within the deadline and 30 seconds: one crashes
// again and again, the other runs and never answers.
func TestPodsThatDoNotComeUpAreTakenBack(t *testing.T) {
	const (
		deadline = 45
		begins   = "func main() { os.Exit(service.Main()) }"
	)
	restore(t, staging)
	current := get(t, staging).Status.Release.Current.Version
	end := load(t, staging, 10)
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
		change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) {
			spec.Release = release
			spec.Rollout.ProgressDeadlineSeconds = new(int32(deadline))
		})
		eventually(t, 2*truth, "the pod is named", func(ctx context.Context) error {
			return says(ctx, staging, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "", pods.why)
		})
		named := time.Now()
		awaitBack(t, staging, current, deadline*time.Second+30*time.Second)
		t.Logf("%s: back %s after its pod was named", release.Version, time.Since(named).Round(time.Second))
		pod := "pod " + staging.namespace + "/" + platform + "-" + service + "-"
		if err := says(t.Context(), staging, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", pod); err != nil {
			t.Error(err)
		}
	}
	noFailures(t, "staging, while pods did not come up", end)
}

// TestAHostOfAnotherPlatformIsRefused in both directions, and its readers do not notice.
func TestAHostOfAnotherPlatformIsRefused(t *testing.T) {
	for _, pair := range [][2]environment{{staging, production}, {production, staging}} {
		claims, serves := pair[0], pair[1]
		t.Run(claims.namespace, func(t *testing.T) {
			restore(t, claims)
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

// TestAVolumeThatCannotGrowIsSaid, and the size may be taken back.
func TestAVolumeThatCannotGrowIsSaid(t *testing.T) {
	restore(t, staging)
	end := load(t, staging, 10)
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Database.Storage.Size = new(resource.MustParse("30Gi")) })
	eventually(t, 2*truth, "the volume has not grown", func(ctx context.Context) error {
		return says(ctx, staging, v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "VolumeNotGrown", "")
	})
	noFailures(t, "staging, while its volume did not grow", end)
}

// TestAPasswordThatWasReplacedIsFollowed by the pods that run, without a restart.
func TestAPasswordThatWasReplacedIsFollowed(t *testing.T) {
	const role = platform + "-user"
	running := func() (pods []string) {
		for _, pod := range podsOf(t, staging.namespace, "app.kubernetes.io/name=user") {
			pods = append(pods, fmt.Sprint(pod.Name, pod.Status.ContainerStatuses[0].RestartCount))
		}
		return pods
	}
	verifier := func() string {
		return query(t, staging, "SELECT rolpassword FROM pg_authid WHERE rolname = '"+role+"'")
	}
	pods, before := running(), verifier()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: staging.namespace, Name: platform + "-db-pguser-" + role}}
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
		t.Fatal(err)
	}
	patch := client.MergeFrom(secret.DeepCopy())
	secret.Data["password"], secret.Data["verifier"] = []byte("another-password"), nil // the Crunchy operator makes a verifier for it
	if err := cluster.Patch(t.Context(), secret, patch); err != nil {
		t.Fatal(err)
	}
	eventually(t, truth, "PostgreSQL has the new password", func(context.Context) error {
		if verifier() == before {
			return errors.New("it has the one before")
		}
		return nil
	})
	since := query(t, staging, "SELECT now()")
	eventually(t, 3*time.Minute, "the user service connects with the new password", func(context.Context) error {
		query(t, staging, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '"+role+"' AND backend_start < '"+since+"'")
		if query(t, staging, "SELECT count(*) FROM pg_stat_activity WHERE usename = '"+role+"' AND backend_start > '"+since+"'") == "0" {
			return errors.New("it has no connection that was made since")
		}
		return nil
	})
	if now := running(); !slices.Equal(pods, now) {
		t.Errorf("pods were replaced or restarted: %v, then %v", pods, now)
	}
}

// TestASuspensionInterruptsTheSoak: what staging has soaked is lost, and begins anew.
func TestASuspensionInterruptsTheSoak(t *testing.T) {
	restore(t, staging)
	soaks := func(want bool) func(context.Context) error {
		return func(context.Context) error {
			history := get(t, staging).Status.History
			i := slices.IndexFunc(history, func(r v1alpha1.ReleaseRecord) bool { return r.Outcome == v1alpha1.OutcomeSucceeded })
			if i < 0 || (history[i].HealthySince != nil) != want {
				return fmt.Errorf("history is %+v", history)
			}
			return nil
		}
	}
	eventually(t, truth, "staging soaks", soaks(true))
	before := get(t, staging).Status.History[0].HealthySince
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Suspend = new(true) })
	eventually(t, truth, "the soak is interrupted", soaks(false))
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Suspend = nil })
	eventually(t, truth, "it begins anew", soaks(true))
	if after := get(t, staging).Status.History[0].HealthySince; before != nil && !after.After(before.Time) {
		t.Errorf("the soak goes on since %s", after)
	}
}

// TestAReleaseGoesOnAfterTheOperatorWasAway in the middle of it.
func TestAReleaseGoesOnAfterTheOperatorWasAway(t *testing.T) {
	restore(t, staging)
	end := load(t, staging, 10)
	version := "v0.0.0-away"
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Release.Version = version })
	awaitCanary(t)
	operator := func(replicas int32) { scale(t, "blogplatform-system", "blogplatform-controller-manager", replicas) }
	operator(0)
	t.Cleanup(func() { operator(1) })
	eventually(t, 5*time.Minute, "the Rollouts at their barrier without an operator", func(ctx context.Context) error { return atBarrier(ctx, staging) })
	operator(1)
	awaitRelease(t, staging, version, 10*time.Minute)
	noFailures(t, "staging, while the operator was away", end)
}

// peers are what a release needs of others: the Deployments, by namespace.
var peers = map[string]string{
	"istio-system": "istiod", "argo-rollouts": "argo-rollouts", "monitoring": "prometheus",
	"cert-manager": "cert-manager", "sealed-secrets": "sealed-secrets-controller",
}

// TestAReleaseGoesOnAfterItsPeersWereAway, all at the same time, for five minutes.
func TestAReleaseGoesOnAfterItsPeersWereAway(t *testing.T) {
	restore(t, staging)
	end := load(t, staging, 10)
	version := "v0.0.0-peers"
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version = version
		spec.Rollout.ProgressDeadlineSeconds = new(int32(600)) // longer than they are away
	})
	awaitCanary(t)
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
		return says(ctx, staging, v1alpha1.ConditionReady, metav1.ConditionFalse, "", "")
	})
	<-away.C
	for _, failure := range get(t, staging).Status.Release.Failures {
		if failure.Version == version {
			t.Errorf("the release was blamed: %+v", failure)
		}
	}
	back()
	awaitRelease(t, staging, version, 10*time.Minute)
	noFailures(t, "staging, while Argo Rollouts, Prometheus, istiod, cert-manager and Sealed Secrets were away", end)
}

// TestStepsThatAreEditedAtHalfTheTrafficTakeNothingBack: the release under way takes
// those that it began with.
func TestStepsThatAreEditedAtHalfTheTrafficTakeNothingBack(t *testing.T) {
	restore(t, staging)
	end := load(t, staging, 10)
	version := "v0.0.0-steps"
	steps := func(weight, pause int32) []v1alpha1.RolloutStep {
		return []v1alpha1.RolloutStep{{Weight: &weight}, {PauseSeconds: &pause}}
	}
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.Release.Version, spec.Rollout.Steps = version, steps(50, 30)
	})
	weight := func(ctx context.Context) (int64, error) {
		rollout, err := rolloutOf(ctx, staging, "content")
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
	change(t, staging, func(spec *v1alpha1.BlogPlatformSpec) { spec.Rollout.Steps = steps(10, 5) })
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
	awaitRelease(t, staging, version, 10*time.Minute)
	noFailures(t, "staging, while its steps were edited", end)
}

// awaitCanary waits until a service of staging has a canary.
func awaitCanary(t *testing.T) {
	t.Helper()
	eventually(t, 5*time.Minute, "a canary", func(context.Context) error {
		if word := get(t, staging).Status.Release.Rollout; !strings.Contains(word, "canary") {
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
