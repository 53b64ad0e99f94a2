package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// lastEvents is how many events of a pod, and of other objects of a namespace, are shown.
const lastEvents = 3

// Explain says which pods of some namespaces are not ready and why: the states
// of their containers, their last events, and the last warnings about other
// objects, such as a ReplicaSet whose pods are refused. Without any it is empty.
// What can't be read is named.
func Explain(ctx context.Context, clientset kubernetes.Interface, namespaces []string) string {
	var text strings.Builder
	for _, namespace := range namespaces {
		pods, err := clientset.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			fmt.Fprintf(&text, "pods of %s can't be read: %v\n", namespace, err)
			continue
		}
		events, err := clientset.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			fmt.Fprintf(&text, "events of %s can't be read: %v\n", namespace, err)
			events = &corev1.EventList{}
		}
		for _, pod := range pods.Items {
			if !working(pod) {
				explainPod(&text, pod, events.Items)
			}
		}
		for _, event := range last(events.Items, func(e corev1.Event) bool { return e.InvolvedObject.Kind != "Pod" && e.Type == corev1.EventTypeWarning }) {
			fmt.Fprintf(&text, "%s %s/%s: %s\n", event.InvolvedObject.Kind, namespace, event.InvolvedObject.Name, describe(event))
		}
	}
	return text.String()
}

// working is true for a pod that is ready or has ended well.
func working(pod corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func explainPod(text *strings.Builder, pod corev1.Pod, events []corev1.Event) {
	fmt.Fprintf(text, "pod %s/%s: %s\n", pod.Namespace, pod.Name, cmp.Or(pod.Status.Phase, corev1.PodUnknown))
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status != corev1.ConditionTrue {
			fmt.Fprintf(text, "  not scheduled: %s\n", condition.Message)
		}
	}
	for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if !container.Ready {
			fmt.Fprintf(text, "  container %s: %s\n", container.Name, containerState(container))
		}
	}
	for _, event := range last(events, func(e corev1.Event) bool { return e.InvolvedObject.Kind == "Pod" && e.InvolvedObject.Name == pod.Name }) {
		fmt.Fprintf(text, "  event %s\n", describe(event))
	}
}

// containerState says what a container does, and how its process ended before.
func containerState(container corev1.ContainerStatus) string {
	text := "state unknown"
	switch state := container.State; {
	case state.Waiting != nil:
		text = "waiting, " + phrase(state.Waiting.Reason, state.Waiting.Message)
	case state.Terminated != nil:
		text = "ended, " + ending(state.Terminated)
	case state.Running != nil:
		text = "running, not ready"
	}
	if before := container.LastTerminationState.Terminated; before != nil {
		text += fmt.Sprintf("; started %d times, it ended before with %s", container.RestartCount+1, ending(before))
	}
	return text
}

func ending(state *corev1.ContainerStateTerminated) string {
	return phrase(fmt.Sprintf("exit code %d", state.ExitCode), phrase(state.Reason, state.Message))
}

func describe(event corev1.Event) string {
	return fmt.Sprintf("%s (%d times): %s", event.Reason, max(1, event.Count), strings.TrimSpace(event.Message))
}

// phrase joins what is not empty.
func phrase(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(part string) bool { return strings.TrimSpace(part) == "" })
	return strings.TrimSpace(strings.Join(parts, ": "))
}

// last answers the newest of the events that match, oldest first.
func last(events []corev1.Event, matches func(corev1.Event) bool) []corev1.Event {
	found := slices.DeleteFunc(slices.Clone(events), func(e corev1.Event) bool { return !matches(e) })
	slices.SortStableFunc(found, func(a, b corev1.Event) int { return seen(a).Compare(seen(b)) })
	return found[max(0, len(found)-lastEvents):]
}

// seen is when an event happened last. Which field holds it depends on who wrote it.
func seen(event corev1.Event) time.Time {
	at := event.CreationTimestamp.Time
	for _, other := range []time.Time{event.LastTimestamp.Time, event.EventTime.Time} {
		if other.After(at) {
			at = other
		}
	}
	return at
}
