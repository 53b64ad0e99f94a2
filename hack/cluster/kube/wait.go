package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Pending is the reason why a wait goes on. What [Poll] asks returns it in the place of an error.
type Pending string

func (p Pending) Error() string { return string(p) }

// interval is how often a wait asks.
const interval = 250 * time.Millisecond

// Poll asks until the answer is yes, or an error that is not [Pending], or the
// context ends. Its error names the last Pending.
func Poll(ctx context.Context, what string, ask func(context.Context) (bool, error)) error {
	return poll(ctx, what, func(string) {}, ask)
}

// Await is [Poll] that reports what it sees.
func (a *API) Await(ctx context.Context, what string, ask func(context.Context) (bool, error)) error {
	return poll(ctx, what, a.Report, ask)
}

func poll(ctx context.Context, what string, report func(seen string), ask func(context.Context) (bool, error)) error {
	last := ""
	err := wait.PollUntilContextCancel(ctx, interval, true, func(ctx context.Context) (bool, error) {
		done, err := ask(ctx)
		var pending Pending
		if !errors.As(err, &pending) {
			return done, err
		}
		last = string(pending)
		report(last)
		return false, nil
	})
	switch {
	case err == nil:
		return nil
	case last == "":
		return fmt.Errorf("waiting for %s: %w", what, err)
	default:
		return fmt.Errorf("waiting for %s: %w; last seen: %s", what, err, last)
	}
}

// notYet turns an error that may pass by itself into Pending.
func notYet(err error) error {
	switch {
	case apierrors.IsNotFound(err):
		return Pending("not there yet")
	case apierrors.IsServerTimeout(err), apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err), utilnet.IsConnectionRefused(err):
		return Pending(err.Error())
	}
	return err
}

// AwaitDeployment waits until all replicas of a Deployment are ready.
func (a *API) AwaitDeployment(ctx context.Context, namespace, name string) error {
	return a.Await(ctx, "Deployment "+namespace+"/"+name, func(ctx context.Context) (bool, error) {
		deployment, err := a.Clientset.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, notYet(err)
		}
		status := deployment.Status
		if status.ObservedGeneration == deployment.Generation && status.UpdatedReplicas > 0 &&
			status.ReadyReplicas == status.Replicas && status.UpdatedReplicas == status.Replicas {
			return true, nil
		}
		return false, Pending(fmt.Sprintf("%s: %d of %d pods ready", name, status.ReadyReplicas, status.Replicas))
	})
}

// AwaitStatefulSet waits until all replicas of a StatefulSet are ready.
func (a *API) AwaitStatefulSet(ctx context.Context, namespace, name string) error {
	return a.Await(ctx, "StatefulSet "+namespace+"/"+name, func(ctx context.Context) (bool, error) {
		set, err := a.Clientset.AppsV1().StatefulSets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, notYet(err)
		}
		status := set.Status
		if status.ObservedGeneration == set.Generation && status.Replicas > 0 && status.ReadyReplicas == status.Replicas && status.UpdatedReplicas == status.Replicas {
			return true, nil
		}
		return false, Pending(fmt.Sprintf("%s: %d of %d pods ready", name, status.ReadyReplicas, status.Replicas))
	})
}

// AwaitDaemonSet waits until a DaemonSet's pod is ready on the node.
func (a *API) AwaitDaemonSet(ctx context.Context, namespace, name string) error {
	return a.Await(ctx, "DaemonSet "+namespace+"/"+name, func(ctx context.Context) (bool, error) {
		set, err := a.Clientset.AppsV1().DaemonSets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, notYet(err)
		}
		status := set.Status
		if status.ObservedGeneration == set.Generation && status.DesiredNumberScheduled > 0 && status.NumberReady == status.DesiredNumberScheduled {
			return true, nil
		}
		return false, Pending(fmt.Sprintf("%s: %d of %d pods ready", name, status.NumberReady, status.DesiredNumberScheduled))
	})
}

// AwaitCondition waits until an object has a condition with status True.
func (a *API) AwaitCondition(ctx context.Context, apiVersion, kind, namespace, name, condition string) error {
	return a.Await(ctx, fmt.Sprintf("%s %s/%s to be %s", kind, namespace, name, condition), func(ctx context.Context) (bool, error) {
		object := &unstructured.Unstructured{}
		object.SetAPIVersion(apiVersion)
		object.SetKind(kind)
		if err := a.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
			return false, notYet(err)
		}
		conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
		for _, item := range conditions {
			fields, _ := item.(map[string]any)
			if fields["type"] != condition {
				continue
			}
			if fields["status"] == string(corev1.ConditionTrue) {
				return true, nil
			}
			return false, Pending(reason(fields))
		}
		return false, Pending("no condition " + condition + " yet")
	})
}

// reason is what a condition says.
func reason(condition map[string]any) string {
	text := fmt.Sprint(condition["type"], " is ", condition["status"])
	for _, field := range []string{"reason", "message"} {
		if value, _ := condition[field].(string); value != "" {
			text += ", " + value
		}
	}
	return text
}

// WithPod runs a pod until do has ended, and removes it. A pod that can't be
// removed is left: it does no harm.
func (a *API) WithPod(ctx context.Context, pod *corev1.Pod, do func(ctx context.Context, pod *corev1.Pod) error) error {
	pods := a.Clientset.CoreV1().Pods(pod.Namespace)
	var created *corev1.Pod
	err := a.Await(ctx, "a pod to be admitted in "+pod.Namespace, func(ctx context.Context) (bool, error) {
		var err error
		created, err = pods.Create(ctx, pod, metav1.CreateOptions{})
		if apierrors.IsForbidden(err) || apierrors.IsInternalError(err) {
			// The namespace is so new that it has no ServiceAccount yet, or a webhook does not answer yet.
			return false, Pending(err.Error())
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	defer func() { _ = pods.Delete(context.WithoutCancel(ctx), created.Name, metav1.DeleteOptions{}) }()
	return do(ctx, created)
}

// AwaitSuccess waits until the only container of a pod has ended well. The pod's phase says so a moment later.
func (a *API) AwaitSuccess(ctx context.Context, namespace, name string) error {
	return a.Await(ctx, "pod "+namespace+"/"+name+" to end well", func(ctx context.Context) (bool, error) {
		pod, err := a.Clientset.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if len(pod.Status.ContainerStatuses) == 0 {
			return false, Pending(string(pod.Status.Phase))
		}
		container := pod.Status.ContainerStatuses[0]
		if state := container.State.Terminated; state != nil && state.ExitCode == 0 {
			return true, nil
		}
		return false, Pending(containerState(container))
	})
}
