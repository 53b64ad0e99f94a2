package argo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/operator/harness"
)

// unpullable are the images of pods that the kubelet here cannot start, as "namespace service version".
var unpullable sync.Map

func (w world) cannotStart(pod *corev1.Pod) bool {
	container := &pod.Spec.Containers[0]
	if _, bad := unpullable.Load(fmt.Sprint(w.Namespace, " ", container.Name, " ", container.Env[0].Value)); !bad || pod.Labels[argo.DefaultRolloutUniqueLabelKey] == "" {
		return false
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: container.Name, Image: container.Image,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "Back-off pulling image"}}}}
	return true
}

// within sets the deadline of a release.
func within(seconds int32) func(*v1alpha1.BlogPlatform) {
	return func(p *v1alpha1.BlogPlatform) { p.Spec.Rollout.ProgressDeadlineSeconds = &seconds }
}

// TestAnImageThatDoesNotExistIsTakenBackWithTheRealArgoRollouts, which says nothing of it.
func TestAnImageThatDoesNotExistIsTakenBackWithTheRealArgoRollouts(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	w.realArgo()
	p := w.GivenReady("staging", harness.Release("v1.0.0"), judgedByItsLoad, harness.WithSteps(20), within(10))
	unpullable.Store(w.Namespace+" user v2.0.0", true)
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "user has made no progress for too long: pod "+w.Namespace+"/blog-user-")
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "ReleaseAborted", "container user cannot pull its image blogplatform.local/user@sha256:")
	w.AllBackOn("v1.0.0")
	w.AlwaysServed()
}

// crash has some of a service's pods end, and not become ready again.
func (w world) crash(service string, pods int) {
	w.Helper()
	var list corev1.PodList
	if err := harness.Cluster.List(w.Context(), &list, client.InNamespace(w.Namespace), client.MatchingLabels{"app.kubernetes.io/name": service}); err != nil {
		w.Fatal(err)
	}
	if len(list.Items) < pods {
		w.Fatalf("%s has %d pods", service, len(list.Items))
	}
	for i := range list.Items[:pods] {
		pod := &list.Items[i]
		for c := range pod.Status.Conditions {
			if pod.Status.Conditions[c].Type == corev1.PodReady || pod.Status.Conditions[c].Type == corev1.ContainersReady {
				pod.Status.Conditions[c].Status = corev1.ConditionFalse
			}
		}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: service, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 2, Message: "panic: out of luck"}}}}
		if err := harness.Cluster.Status().Update(w.Context(), pod); err != nil {
			w.Fatal(err)
		}
	}
}

// untilAvailable waits until Argo Rollouts has seen how many pods of a service are available.
func (w world) untilAvailable(service string, pods int32) {
	w.Helper()
	w.Until(fmt.Sprint(pods, " pods of ", service), func(context.Context) error {
		if n := w.Rollout(service).Status.AvailableReplicas; n != pods {
			return fmt.Errorf("%d are available", n)
		}
		return nil
	})
}

// TestAFixOfPodsThatCrashGetsThrough: some of the stable
// pods, all of a data service, and all of the frontend.
func TestAFixOfPodsThatCrashGetsThrough(t *testing.T) {
	harness.ShareOperator(t)
	for name, c := range map[string]struct {
		service string
		pods    int
		short   []string
	}{
		"one-of-two":   {"comment", 1, nil},
		"all":          {"comment", 2, []string{"comment"}},
		"the-frontend": {"frontend", 2, services},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.realArgo()
			p := w.GivenReady("production", harness.Release("v1.0.0"), judgedByItsLoad, harness.WithSteps(20))
			full := len(w.Rollout("user").Spec.Strategy.Canary.Steps)
			w.crash(c.service, c.pods)
			w.untilAvailable(c.service, int32(2-c.pods))
			if c.pods == 2 {
				w.UntilCondition(p, v1alpha1.ConditionAvailable, metav1.ConditionFalse, "NotServing", "no pod of blog-"+c.service+" is available")
			}
			w.Edit(p, harness.Release("v2.0.0"))
			w.Until("the steps of the fix", func(context.Context) error {
				for _, service := range c.short {
					r := w.Rollout(service)
					if n := len(r.Spec.Strategy.Canary.Steps); r.Annotations["blogplatform.io/set"] == p.Status.Release.Current.Digest || n >= full {
						return fmt.Errorf("%s takes %d steps", service, n)
					}
				}
				return nil
			})
			w.UntilReady(p)
			w.AllBackOn("v2.0.0")
		})
	}
}

// TestAReleaseThatReplacesOneOnItsWayLeadsNobodyToPodsThatAreNotThere, and
// steps that are edited meanwhile do not throw it back.
func TestAReleaseThatReplacesOneOnItsWayLeadsNobodyToPodsThatAreNotThere(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	w.realArgo()
	p := w.GivenReady("production", harness.Release("v1.0.0"), judgedByItsLoad, harness.WithSteps(20), func(p *v1alpha1.BlogPlatform) {
		p.Spec.Rollout.Steps[1].PauseSeconds = new(int32(600))
	})
	w.Edit(p, harness.Release("v2.0.0"))
	w.UntilWord(p, "canary 20%")
	at := *w.Rollout("user").Status.CurrentStepIndex

	w.Edit(p, harness.WithSteps(10, 20, 50))
	w.Until("a pass", func(ctx context.Context) error {
		if err := w.Refresh(ctx, p); err != nil || p.Status.ObservedGeneration != p.Generation {
			return errors.Join(err, errors.New("the edit was not observed"))
		}
		return nil
	})
	if r := w.Rollout("user"); *r.Status.CurrentStepIndex < at || p.Status.Release.Rollout != "canary 20%" {
		t.Errorf("the edit of steps throws it back from step %d to %d: %s", at, *r.Status.CurrentStepIndex, p.Status.Release.Rollout)
	}

	before := map[string]bool{p.Status.Release.Current.Digest: true, p.Status.Release.Target.Digest: true}
	ctx, cancel := context.WithCancel(w.Context())
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(w.Object("Rollout", "").GroupVersionKind())
	watcher, err := harness.Cluster.Watch(ctx, list, client.InNamespace(w.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	var watching sync.WaitGroup
	began := map[string]bool{}
	watching.Go(func() {
		for event := range watcher.ResultChan() {
			var r argo.Rollout
			u, ok := event.Object.(*unstructured.Unstructured)
			if !ok || runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &r) != nil {
				continue
			}
			if set := r.Annotations["blogplatform.io/set"]; before[set] || began[r.Name] {
				continue
			}
			began[r.Name] = true
			if weights := r.Status.Canary.Weights; weights == nil || weights.Canary.Weight != 0 || r.Status.StableRS != r.Status.CurrentPodHash {
				t.Errorf("%s begins with the next release at %+v", r.Name, r.Status.Canary)
			}
		}
	})
	w.Edit(p, harness.Release("v3.0.0"))
	w.UntilReady(p)
	cancel()
	watching.Wait()
	if len(began) != 4 {
		t.Errorf("seen were the beginnings of %v", began)
	}
	w.AllBackOn("v3.0.0")
	w.Told(p, "v3.0.0 Succeeded", "v2.0.0 Superseded", "v1.0.0 Succeeded")
	w.AlwaysServed()
}
