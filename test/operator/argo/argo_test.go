package argo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/hack/cluster/controlplane"
	localpeers "blogplatform.io/operator/hack/cluster/peers"
	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

// These tests have the real Argo Rollouts controller in place of the faker's.
// kube-controller-manager makes its pods, and the test plays their kubelet.

// realArgo runs the Argo Rollouts controller for the world's namespace until the test ends.
func (w world) realArgo() {
	w.Helper()
	harness.Peers.Set(faker.Rollout, w.Namespace+"/", faker.Behaviour{Absent: true})
	dir, err := localpeers.RolloutsProgram.Build(w.Context(), harness.ControlPlane.Cache)
	if err != nil {
		w.Fatal(err)
	}
	process := controlplane.Process{Name: "rollouts-controller", Path: filepath.Join(dir, "rollouts-controller"), Args: []string{
		"--kubeconfig", harness.ControlPlane.Kubeconfig, "--namespaced", "--namespace", w.Namespace, "--leader-elect=false",
		"--metricsPort", w.freePort(), "--healthzPort", w.freePort(), "--loglevel", "warn",
	}}
	if err := process.Start(w.TempDir()); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { process.Stop(timefactor.Scale(5 * time.Second)) })
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	var kubelet sync.WaitGroup
	kubelet.Go(func() { w.kubelet(ctx) })
	w.Cleanup(func() { cancel(); kubelet.Wait() })
}

func (w world) freePort() string {
	w.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// kubelet makes pods of Rollouts ready, and has the loads of analyses done, as
// soon as it sees them. Other Jobs are the faker's.
func (w world) kubelet(ctx context.Context) {
	for ctx.Err() == nil {
		pods, err := harness.Cluster.Watch(ctx, &corev1.PodList{}, client.InNamespace(w.Namespace))
		if err != nil {
			continue
		}
		for event := range pods.ResultChan() {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok || event.Type == watch.Deleted || pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodPending {
				continue
			}
			switch now := metav1.Now(); {
			case w.cannotStart(pod):
			case pod.Labels[argo.DefaultRolloutUniqueLabelKey] != "":
				pod.Status.Phase, pod.Status.StartTime = corev1.PodRunning, &now
				for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
					pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
				}
			case strings.Contains(pod.Labels[batchv1.JobNameLabel], ".load."):
				pod.Status.Phase, pod.Status.StartTime = corev1.PodSucceeded, &now
				w.fail(pod)
			default:
				continue
			}
			if err := harness.Cluster.Status().Update(ctx, pod); err != nil && ctx.Err() == nil {
				break // the next watch begins with it
			}
		}
		pods.Stop()
	}
}

// judgedByItsLoad has analyses do without Prometheus, which is not here.
func judgedByItsLoad(p *v1alpha1.BlogPlatform) { p.Spec.Rollout.Analysis.Prometheus = "" }

// pods that each ReplicaSet of a service should have, by pod template hash.
func (w world) replicaSets(service string) map[string]appsv1.ReplicaSet {
	w.Helper()
	clientset, err := kubernetes.NewForConfig(harness.ControlPlane.Config)
	if err != nil {
		w.Fatal(err)
	}
	list, err := clientset.AppsV1().ReplicaSets(w.Namespace).List(w.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + service})
	if err != nil {
		w.Fatal(err)
	}
	sets := map[string]appsv1.ReplicaSet{}
	for _, set := range list.Items {
		sets[set.Labels[argo.DefaultRolloutUniqueLabelKey]] = set
	}
	return sets
}

var services = []string{"frontend", "user", "content", "comment"}

// TestAReleaseIsHeldOpenByTheRealArgoRollouts: until it is verified, every
// service can go back at once, and goes back without steps.
func TestAReleaseIsHeldOpenByTheRealArgoRollouts(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	w.realArgo()
	// The first deploy has no steps: with a pause of a minute it would not be Ready in time.
	p := w.GivenReady("staging", harness.Release("v1.0.0"), judgedByItsLoad, harness.WithSteps(20), func(p *v1alpha1.BlogPlatform) {
		p.Spec.Rollout.Steps[1].PauseSeconds = new(int32(60))
	})
	for _, service := range services {
		if steps := w.Rollout(service).Spec.Strategy.Canary.Steps; len(steps) == 0 || steps[len(steps)-1].Pause == nil {
			t.Fatalf("the next release of %s has steps %+v", service, steps)
		}
	}
	w.Edit(p, harness.WithSteps(20))
	stable := map[string]string{}
	for _, service := range services {
		stable[service] = w.Rollout(service).Status.StableRS
	}

	harness.Peers.Set(faker.Job, w.Namespace+"/blog-verify", faker.Behaviour{Absent: true})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "AtBarrier", "")
	w.Until("the barrier", func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil || p.Status.Release.Phase != v1alpha1.PhaseVerifying {
			return errors.Join(err, errors.New(harness.ConditionsOf(p)))
		}
		return nil
	})
	w.canGoBack(stable)

	// Back from the barrier: an abort of Argo Rollouts' own would only revert an update that has not finished.
	w.Asked(p, "abort v2.0.0")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "AbortRequested")
	w.AllBackOn("v1.0.0")
	for _, service := range services {
		if r := w.Rollout(service); r.Status.StableRS != stable[service] || r.Status.CurrentPodHash != stable[service] {
			t.Errorf("%s runs %s, want %s", service, r.Status.CurrentPodHash, stable[service])
		}
	}

	// And forwards: the pods before outlast the commit.
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-verify", faker.Behaviour{})
	w.Asked(p, "retry v2.0.0")
	w.UntilReady(p)
	w.AllBackOn("v2.0.0")
	w.stillUp(stable)

	// A step back as a release of its own: its ReplicaSet is still up, and yet it takes every step.
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-verify", faker.Behaviour{Absent: true})
	w.Edit(p, harness.Release("v1.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionWorkloadsReady, metav1.ConditionFalse, "AtBarrier", "")
	if r := w.Rollout("user"); r.Status.StableRS == stable["user"] {
		t.Error("a release of the past skips its steps and the barrier")
	}
	harness.Peers.Set(faker.Job, w.Namespace+"/blog-verify", faker.Behaviour{})
	w.UntilReady(p)
	w.AllBackOn("v1.0.0")
	w.AlwaysServed()
}

// canGoBack fails the test unless the canary of each service has all traffic,
// and the stable pods are still up.
func (w world) canGoBack(stable map[string]string) {
	w.Helper()
	for _, service := range services {
		r := w.Rollout(service)
		if r.Status.StableRS != stable[service] || r.Status.Canary.Weights.Canary.Weight != 100 || r.Status.PauseConditions == nil {
			w.Errorf("%s at the barrier: %+v", service, r.Status)
		}
		if old := w.replicaSets(service)[stable[service]]; *old.Spec.Replicas == 0 {
			w.Errorf("%s has no pods to go back to", service)
		}
	}
}

// stillUp fails the test unless pods that are not the stable ones any more have a time to go.
func (w world) stillUp(before map[string]string) {
	w.Helper()
	for _, service := range services {
		old := w.replicaSets(service)[before[service]]
		if *old.Spec.Replicas == 0 || old.Annotations[argo.DefaultReplicaSetScaleDownDeadlineAnnotationKey] == "" {
			w.Errorf("right after the commit %s has %d pods of before: %v", service, *old.Spec.Replicas, old.Annotations)
		}
	}
}

// TestAnAbortOfTheRealArgoRolloutsTakesAllServicesBack: it aborts one of them,
// because somebody asked for it. Another template would clear that, so it is remembered.
func TestAnAbortOfTheRealArgoRolloutsTakesAllServicesBack(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	w.realArgo()
	p := w.GivenReady("staging", harness.Release("v1.0.0"), judgedByItsLoad, harness.WithSteps(20), func(p *v1alpha1.BlogPlatform) {
		p.Spec.Rollout.Steps[1].PauseSeconds = new(int32(600))
	})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilWord(p, "canary 20%")
	rollout := w.Object("Rollout", "blog-content")
	abort := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"abort":true}}`))
	if err := harness.Cluster.Status().Patch(t.Context(), rollout, abort); err != nil {
		t.Fatal(err)
	}
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "Rollout "+w.Namespace+"/blog-content was aborted")
	w.AllBackOn("v1.0.0")
	if r := w.Rollout("content"); r.Status.Abort {
		t.Errorf("content is still aborted: %+v", r.Status)
	}
	// Other steps begin an update anew in Argo Rollouts. Here there is none to begin.
	w.Edit(p, harness.WithSteps(10, 30))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "AbortedByHand")
	w.AllBackOn("v1.0.0")
	if p.Status.Release.Attempt != 2 {
		t.Errorf("attempt %d, want the second to be the last", p.Status.Release.Attempt)
	}
	w.AlwaysServed()
}

// TestTheOperatorAndTheRealArgoRolloutsDoNotUndoEachOther has the operator make
// hundreds of passes, in which it repairs what somebody else edits in the very
// objects that Argo Rollouts shifts traffic with, while that takes its steps.
func TestTheOperatorAndTheRealArgoRolloutsDoNotUndoEachOther(t *testing.T) {
	w := newWorld(t)
	defer harness.Start(t).Stop()
	w.realArgo()
	p := w.GivenReady("production", harness.Release("v1.0.0"), judgedByItsLoad, harness.WithSteps(10, 20, 30, 40, 50, 60, 70, 80, 90))
	traffic := w.watchTraffic()
	began := harness.Passes(t)
	repairs := 0
	for i := 0; harness.Passes(t)-began < 300; i++ {
		if i%60 == 0 {
			w.Edit(p, harness.Release(fmt.Sprintf("v2.0.%d", i)))
		}
		w.lookAgain(p, i)
		if i%10 == 0 {
			route := w.Object("VirtualService", "blog-"+services[1+i/10%3])
			w.Patch(route, func() {
				_ = unstructured.SetNestedStringSlice(route.Object, []string{"elsewhere.example.com"}, "spec", "hosts")
			})
			repairs++
		}
	}
	w.Until("the end of the last release", func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil || p.Status.Release.Phase != v1alpha1.PhaseComplete || p.Status.Release.Target.Version != p.Spec.Release.Version {
			return errors.Join(err, errors.New(harness.ConditionsOf(p)))
		}
		return nil
	})
	shifts := traffic()
	t.Logf("%v passes, %d repairs, %d shifts of traffic", harness.Passes(t)-began, repairs, shifts)
	if shifts < 30 {
		t.Errorf("traffic was shifted only %d times", shifts)
	}
	w.DeletePlatform(p) // the next operator would look after it
}

// lookAgain has the operator make a pass over a platform, by an annotation that says nothing to it.
func (w world) lookAgain(p *v1alpha1.BlogPlatform, i int) {
	w.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/look":"%d"}}}`, i)
	if err := harness.Cluster.Patch(w.Context(), p, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		w.Fatal(err)
	}
}

// watchTraffic fails the test if a canary's weight ever goes back on its way,
// or a subset loses its pods. The function that it answers ends the watch, and
// answers how often a weight rose.
func (w world) watchTraffic() (end func() (shifts int)) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	var watches sync.WaitGroup
	shifts := 0
	follow := func(kind string, saw func(*unstructured.Unstructured)) {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(w.Object(kind, "").GroupVersionKind())
		watcher, err := harness.Cluster.Watch(ctx, list, client.InNamespace(w.Namespace))
		if err != nil {
			w.Fatal(err)
		}
		watches.Go(func() {
			for event := range watcher.ResultChan() {
				if u, ok := event.Object.(*unstructured.Unstructured); ok && event.Type != watch.Error {
					saw(u)
				}
			}
		})
	}
	weights := map[string]int64{}
	follow("VirtualService", func(u *unstructured.Unstructured) {
		for _, weight := range canaryWeights(u) {
			before := weights[u.GetName()]
			// From everything to nothing: the canary has become the stable one. From anything to nothing: another release begins.
			if weight < before && weight != 0 {
				w.Errorf("the canary of %s got %d%% after %d%%", u.GetName(), weight, before)
			}
			if weight > before {
				shifts++
			}
			weights[u.GetName()] = weight
		}
	})
	hashed := map[string]bool{}
	follow("DestinationRule", func(u *unstructured.Unstructured) {
		subsets, _, _ := unstructured.NestedSlice(u.Object, "spec", "subsets")
		for _, s := range subsets {
			hash, _, _ := unstructured.NestedString(s.(map[string]any), "labels", argo.DefaultRolloutUniqueLabelKey)
			name := fmt.Sprint(u.GetName(), s.(map[string]any)["name"])
			if hashed[name] && hash == "" {
				w.Errorf("subset %s has lost its pods", name)
			}
			hashed[name] = hashed[name] || hash != ""
		}
	})
	return func() int { cancel(); watches.Wait(); return shifts }
}

// canaryWeights are those of the routes that Argo Rollouts shifts.
func canaryWeights(u *unstructured.Unstructured) (weights []int64) {
	http, _, _ := unstructured.NestedSlice(u.Object, "spec", "http")
	for _, h := range http {
		route, _ := h.(map[string]any)
		destinations, _, _ := unstructured.NestedSlice(route, "route")
		for _, d := range destinations {
			destination, _ := d.(map[string]any)
			if subset, _, _ := unstructured.NestedString(destination, "destination", "subset"); subset == "canary" && route["name"] == "primary" {
				weight, _, _ := unstructured.NestedInt64(destination, "weight")
				weights = append(weights, weight)
			}
		}
	}
	return weights
}
