package ready

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func podOf(t *testing.T, text string) corev1.Pod {
	t.Helper()
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict([]byte(text), &pod); err != nil {
		t.Fatal(err)
	}
	pod.Namespace = "ns"
	if pod.Name == "" {
		pod.Name = "user-1"
	}
	return pod
}

const readyPod = `{status: {phase: Running, conditions: [{type: Ready, status: "True"}]}}`

func TestTheCauseNamesPodContainerAndReason(t *testing.T) {
	const crashed = `lastState: {terminated: {exitCode: 3, reason: Error, message: "starting\nno such table: posts\n"}}`
	for name, c := range map[string]struct{ pod, want string }{
		"ready":        {readyPod, ""},
		"done":         {`{status: {phase: Succeeded, containerStatuses: [{name: load, state: {terminated: {exitCode: 0}}}]}}`, ""},
		"on its way":   {`{metadata: {deletionTimestamp: "2026-01-01T00:00:00Z"}, status: {phase: Running}}`, ""},
		"no image":     {`{status: {containerStatuses: [{name: user, image: "r/user@sha256:1", state: {waiting: {reason: ImagePullBackOff, message: Back-off}}}]}}`, "pod ns/user-1: container user cannot pull its image r/user@sha256:1 (ImagePullBackOff)"},
		"no image yet": {`{status: {containerStatuses: [{name: user, image: "r/user@sha256:1", state: {waiting: {reason: ErrImagePull, message: not found}}}]}}`, "pod ns/user-1: container user cannot pull its image r/user@sha256:1 (ImagePullBackOff)"},
		"no secret": {`{status: {containerStatuses: [{name: user, state: {waiting: {reason: CreateContainerConfigError, message: 'secret "x" not found'}}}]}}`,
			`pod ns/user-1: container user cannot start (CreateContainerConfigError): secret "x" not found`},
		"crashed, waiting":    {`{status: {containerStatuses: [{name: user, state: {waiting: {reason: CrashLoopBackOff, message: back-off 40s}}, ` + crashed + `}]}}`, "pod ns/user-1: container user ends with exit code 3 (CrashLoopBackOff): no such table: posts"},
		"crashed, running":    {`{status: {containerStatuses: [{name: user, state: {running: {}}, ` + crashed + `}]}}`, "pod ns/user-1: container user ends with exit code 3 (CrashLoopBackOff): no such table: posts"},
		"crashed, just now":   {`{status: {containerStatuses: [{name: user, state: {terminated: {exitCode: 3, reason: Error, message: "no such table: posts"}}}]}}`, "pod ns/user-1: container user ends with exit code 3 (CrashLoopBackOff): no such table: posts"},
		"a Go panic":          {`{status: {containerStatuses: [{name: user, state: {terminated: {exitCode: 2, message: "{\"level\":\"INFO\"}\npanic: out of ink\n\ngoroutine 1 [running]:\nmain.main()\n\tmain.go:12 +0x1d"}}}]}}`, "pod ns/user-1: container user ends with exit code 2 (CrashLoopBackOff): panic: out of ink"},
		"too little memory":   {`{status: {containerStatuses: [{name: user, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]}}`, "pod ns/user-1: container user ends with exit code 137 (OOMKilled)"},
		"sidecar that fails":  {`{status: {initContainerStatuses: [{name: istio-proxy, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 255, message: "no CA"}}}]}}`, "pod ns/user-1: container istio-proxy ends with exit code 255 (CrashLoopBackOff): no CA"},
		"no room":             {`{status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/1 nodes are available: 1 Insufficient cpu."}]}}`, "pod ns/user-1 has no node (Unschedulable): 0/1 nodes are available: 1 Insufficient cpu."},
		"never ready":         {`{status: {phase: Running, containerStatuses: [{name: user, state: {running: {}}}]}}`, "pod ns/user-1: container user runs, but is not ready; see its readiness probe"},
		"being made":          {`{status: {phase: Pending, containerStatuses: [{name: user, state: {waiting: {reason: ContainerCreating}}}]}}`, "pod ns/user-1 has not started yet"},
		"ended well, no more": {`{status: {phase: Running, containerStatuses: [{name: user, state: {running: {}}, lastState: {terminated: {exitCode: 0}}}]}}`, "pod ns/user-1: container user runs, but is not ready; see its readiness probe"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Cause([]corev1.Pod{podOf(t, readyPod), podOf(t, c.pod)}); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestOfManyPodsTheCauseIsTheOneThatSaysMost(t *testing.T) {
	pods := []corev1.Pod{
		podOf(t, `{metadata: {name: a}, status: {phase: Pending}}`),
		podOf(t, `{metadata: {name: c}, status: {containerStatuses: [{name: user, image: i, state: {waiting: {reason: ImagePullBackOff}}}]}}`),
		podOf(t, `{metadata: {name: b}, status: {containerStatuses: [{name: user, image: i, state: {waiting: {reason: ImagePullBackOff}}}]}}`),
	}
	if got := Cause(pods); !strings.HasPrefix(got, "pod ns/b: container user cannot pull") || pods[1].Name != "c" {
		t.Errorf("%q of %s first", got, pods[1].Name)
	}
	if got := Cause(nil); got != "" {
		t.Errorf("no pods have a cause: %q", got)
	}
}

func TestTheCauseIsNotAsLongAsWhatTheContainerSaid(t *testing.T) {
	pod := podOf(t, `{status: {containerStatuses: [{name: user, state: {terminated: {exitCode: 1}}}]}}`)
	pod.Status.ContainerStatuses[0].State.Terminated.Message = strings.Repeat("ä ", 5000)
	if got := Cause([]corev1.Pod{pod}); len(got) > maxSaid+100 || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes: %.100s", len(got), got)
	}
}

// TestAJobSaysWhyItsPodsAreRefused: only its events tell, and the last counts.
func TestAJobSaysWhyItsPodsAreRefused(t *testing.T) {
	at := func(second int64) metav1.Time { return metav1.Unix(second, 0) }
	const quota = `Error creating: pods "blog-user-expand-1-x7f2k" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5`
	refusal := corev1.Event{Reason: ReasonFailedCreate, LastTimestamp: at(2), Message: quota}
	cases := map[string]struct {
		events []corev1.Event
		want   string
	}{
		"no event":    {nil, ""},
		"other words": {[]corev1.Event{{Reason: "SuccessfulCreate", LastTimestamp: at(1), Message: "Created pod: x"}}, ""},
		"a quota":     {[]corev1.Event{refusal}, "its pods are refused: exceeded quota: small, requested: pods=1, limited: pods=5"},
		"Pod Security, after a quota": {[]corev1.Event{refusal, {Reason: ReasonFailedCreate, EventTime: metav1.MicroTime(at(3)),
			Message: `Error creating: pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true`}},
			`its pods are refused: violates PodSecurity "restricted:latest": runAsNonRoot != true`},
		"a webhook, of which it was heard last": {[]corev1.Event{{Reason: ReasonFailedCreate, LastTimestamp: at(1), Series: &corev1.EventSeries{LastObservedTime: metav1.MicroTime(at(9))},
			Message: `Error creating: admission webhook "x" denied the request: no`}, refusal}, `its pods are refused: admission webhook "x" denied the request: no`},
	}
	for name, c := range cases {
		if got := Refused(c.events); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestAJobSaysThatItsPodFoundNoNode though the pod is gone: the last event about a pod of that Job counts.
func TestAJobSaysThatItsPodFoundNoNode(t *testing.T) {
	about := func(kind, name, message string, second int64) corev1.Event {
		return corev1.Event{Reason: ReasonFailedScheduling, InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name}, LastTimestamp: metav1.Unix(second, 0), Message: message}
	}
	events := []corev1.Event{
		about("Pod", "load-x7f2k", "0/1 nodes are available: 1 Insufficient memory.", 1),
		about("Pod", "load-x7f2k", "0/1 nodes are available: 1 Insufficient cpu.", 2),
		about("Pod", "other-x7f2k", "0/1 nodes are available: 1 Too many pods.", 3),
		about("Workload", "load-x7f2k", "no", 3),
		{Reason: "Killing", InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "load-x7f2k"}, LastTimestamp: metav1.Unix(3, 0), Message: "Stopping container load"},
	}
	for job, want := range map[string]string{
		"load":    "its pod found no node: 0/1 nodes are available: 1 Insufficient cpu.",
		"another": "",
	} {
		if got := Unscheduled(events, job); got != want {
			t.Errorf("Job %s: %q, want %q", job, got, want)
		}
	}
}
