package ready

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// maxSaid is how much of what others say a cause holds, in bytes.
const maxSaid = 300

// Cause is why pods are not ready: of the one that says most it names the pod,
// the container, the reason and what is known of it. It is empty if all of them
// are ready or have ended well, and stays the same while a container starts and
// ends again and again.
func Cause(pods []corev1.Pod) string {
	pods = slices.Clone(pods)
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	var worst finding
	for i := range pods {
		if f := examine(&pods[i]); f.weight > worst.weight {
			worst = f
		}
	}
	return worst.text
}

// ReasonFailedCreate is the reason of events about pods that a Job could not
// create (Kubernetes pkg/controller FailedCreatePodReason). Nothing in its status says so.
const ReasonFailedCreate = "FailedCreate"

// Refused is why the API server refuses the pods of a Job, such as a quota, Pod
// Security or a webhook, by the last of the Job's events; empty if none tells.
func Refused(events []corev1.Event) string {
	last := newest(events, func(e *corev1.Event) bool { return e.Reason == ReasonFailedCreate })
	if last == nil {
		return ""
	}
	return refused(last.Message)
}

// ReasonFailedScheduling is the reason of events about pods that no node has room for
// (kube-scheduler). The Job controller deletes such a pod at the deadline of its Job,
// so that afterwards only they tell.
const ReasonFailedScheduling = "FailedScheduling"

// Unscheduled is why the pods of a Job found no node, by the last of the events about
// pods of its namespace; empty if none tells.
func Unscheduled(events []corev1.Event, job string) string {
	last := newest(events, func(e *corev1.Event) bool {
		return e.Reason == ReasonFailedScheduling && e.InvolvedObject.Kind == "Pod" && strings.HasPrefix(e.InvolvedObject.Name, job+"-")
	})
	if last == nil {
		return ""
	}
	return "its pod found no node: " + said(last.Message)
}

// newest is the event that was seen last of those that count, nil if none does.
func newest(events []corev1.Event, counts func(*corev1.Event) bool) (last *corev1.Event) {
	for i := range events {
		if e := &events[i]; counts(e) && (last == nil || seen(last).Before(seen(e))) {
			last = e
		}
	}
	return last
}

// seen is when an event happened last, whichever API it was written by.
func seen(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

// Up tells whether a pod serves.
func Up(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// finding is what is wrong with a pod. The heavier, the more it says.
type finding struct {
	weight int
	text   string
}

func examine(pod *corev1.Pod) finding {
	if Up(pod) || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded {
		return finding{}
	}
	name := "pod " + pod.Namespace + "/" + pod.Name
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if what := failure(status); what != "" {
			return finding{4, fmt.Sprintf("%s: container %s %s", name, status.Name, what)}
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return finding{3, fmt.Sprintf("%s has no node (%s): %s", name, c.Reason, said(c.Message))}
		}
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Running != nil {
			return finding{2, fmt.Sprintf("%s: container %s runs, but is not ready; see its readiness probe", name, status.Name)}
		}
	}
	return finding{1, name + " has not started yet"}
}

// failure is why a container does not run, if that is no matter of time. The
// kubelet alternates between reasons for one cause (ErrImagePull and
// ImagePullBackOff; CrashLoopBackOff, running and ended), which are one here.
func failure(status corev1.ContainerStatus) string {
	ended := status.State.Terminated
	if ended == nil {
		ended = status.LastTerminationState.Terminated
	}
	waiting := status.State.Waiting
	switch {
	case ended != nil && ended.ExitCode != 0:
		text := fmt.Sprintf("ends with exit code %d (CrashLoopBackOff)", ended.ExitCode)
		if ended.Reason != "" && ended.Reason != "Error" {
			text = fmt.Sprintf("ends with exit code %d (%s)", ended.ExitCode, ended.Reason)
		}
		if line := lastWords(ended.Message); line != "" {
			text += ": " + line
		}
		return text
	case waiting == nil || waiting.Reason == "" || waiting.Reason == "ContainerCreating" || waiting.Reason == "PodInitializing":
		return ""
	case waiting.Reason == "ErrImagePull" || waiting.Reason == "ImagePullBackOff":
		return fmt.Sprintf("cannot pull its image %s (ImagePullBackOff)", status.Image)
	}
	return fmt.Sprintf("cannot start (%s): %s", waiting.Reason, said(waiting.Message))
}

// lastWords are the line of a termination message, or of the end of a log, that says
// most: that of a panic of a Go program, which a stack trace follows, or else the last.
func lastWords(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return said(line)
		}
	}
	return said(lines[len(lines)-1])
}

// said is what others say, in one line that is not too long.
func said(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "…"
	}
	return text
}
