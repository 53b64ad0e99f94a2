package kube_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	fakeclient "sigs.k8s.io/controller-runtime/pkg/client/fake"

	"blogplatform.io/operator/hack/cluster/kube"
)

func TestAWaitSaysWhatItWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := kube.Poll(ctx, "Deployment a/b", func(context.Context) (bool, error) { cancel(); return false, nil })
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "waiting for Deployment a/b") {
		t.Errorf("the error is %v", err)
	}
	broken := errors.New("broken")
	if err := kube.Poll(t.Context(), "x", func(context.Context) (bool, error) { return false, broken }); !errors.Is(err, broken) {
		t.Errorf("the error is %v, want the one that was found", err)
	}
}

func TestAWaitThatEndsSaysWhatItSawLast(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	err := kube.Poll(ctx, "Deployment a/b", func(context.Context) (bool, error) {
		if asked++; asked == 1 {
			return false, kube.Pending("not there yet")
		}
		cancel()
		return false, kube.Pending("0 of 1 pods ready")
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "last seen: 0 of 1 pods ready") {
		t.Errorf("the error is %v", err)
	}
}

// api is an API server that holds objects, and what its waits report.
type api struct {
	*kube.API
	clientset *fake.Clientset
	reported  []string
	// seen is called with each report, so that a test can change what the next question finds.
	seen func()
}

func newAPI(objects ...runtime.Object) *api {
	a := &api{clientset: fake.NewClientset(objects...), seen: func() {}}
	a.API = &kube.API{Clientset: a.clientset, Client: fakeclient.NewClientBuilder().Build(), Report: func(seen string) {
		a.reported = append(a.reported, seen)
		a.seen()
	}}
	return a
}

func (a *api) reports(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(a.reported, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("reported\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestADeploymentIsAwaitedUntilTheNewPodsAreReadyAndTheOldOnesGone(t *testing.T) {
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: "istiod", Generation: 2}}
	steps := []appsv1.DeploymentStatus{
		{ObservedGeneration: 1, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1}, // of the generation before
		{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 1, ReadyReplicas: 1},
		{ObservedGeneration: 2, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1},
	}
	a := newAPI()
	a.seen = func() {
		deployment.Status = steps[0]
		if len(steps) == 3 {
			_ = a.clientset.Tracker().Add(deployment.DeepCopy())
		} else if err := a.clientset.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("deployments"), deployment.DeepCopy(), "istio-system"); err != nil {
			t.Error(err)
		}
		steps = steps[1:]
	}
	if err := a.AwaitDeployment(t.Context(), "istio-system", "istiod"); err != nil {
		t.Fatal(err)
	}
	a.reports(t, "not there yet", "istiod: 1 of 1 pods ready", "istiod: 1 of 2 pods ready")
}

func TestAStatefulSetIsAwaitedUntilItsPodsAreReady(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "controller"}, Status: appsv1.StatefulSetStatus{Replicas: 1, UpdatedReplicas: 1}}
	a := newAPI(set)
	a.seen = func() {
		set.Status.ReadyReplicas = 1
		if err := a.clientset.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("statefulsets"), set, "argocd"); err != nil {
			t.Error(err)
		}
	}
	if err := a.AwaitStatefulSet(t.Context(), "argocd", "controller"); err != nil {
		t.Fatal(err)
	}
	a.reports(t, "controller: 0 of 1 pods ready")
}

func TestADaemonSetIsAwaitedUntilItsPodIsReady(t *testing.T) {
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-system", Name: "cni"}, Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 1}}
	a := newAPI(set)
	a.seen = func() {
		set.Status.NumberReady = 1
		if err := a.clientset.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("daemonsets"), set, "istio-system"); err != nil {
			t.Error(err)
		}
	}
	if err := a.AwaitDaemonSet(t.Context(), "istio-system", "cni"); err != nil {
		t.Fatal(err)
	}
	a.reports(t, "cni: 0 of 1 pods ready")
}

func TestAConditionIsAwaitedAndItsReasonReported(t *testing.T) {
	object := kube.Namespace("g11-stg", nil)
	condition := map[string]any{"type": "Ready", "status": "False", "reason": "Waiting", "message": "no backup yet"}
	set := func(conditions ...any) {
		if err := unstructured.SetNestedSlice(object.Object, conditions, "status", "conditions"); err != nil {
			t.Fatal(err)
		}
	}
	a := newAPI()
	a.Client = fakeclient.NewClientBuilder().WithObjects(object).Build()
	a.seen = func() {
		switch len(a.reported) {
		case 1:
			set(condition)
		case 2:
			set(map[string]any{"type": "Ready", "status": "True"})
		}
		a.Client = fakeclient.NewClientBuilder().WithObjects(object.DeepCopy()).Build()
	}
	if err := a.AwaitCondition(t.Context(), "v1", "Namespace", "", "g11-stg", "Ready"); err != nil {
		t.Fatal(err)
	}
	a.reports(t, "no condition Ready yet", "Ready is False, Waiting, no backup yet")
}

func TestAnAPIServerThatIsBusyIsAskedAgainAndAnotherErrorEndsTheWait(t *testing.T) {
	answers := []error{apierrors.NewTooManyRequestsError("busy"), apierrors.NewForbidden(schema.GroupResource{}, "istiod", nil)}
	a := newAPI()
	a.clientset.PrependReactor("get", "deployments", func(ktesting.Action) (bool, runtime.Object, error) {
		err := answers[0]
		answers = answers[1:]
		return true, nil, err
	})
	if err := a.AwaitDeployment(t.Context(), "istio-system", "istiod"); !apierrors.IsForbidden(err) {
		t.Errorf("the error is %v", err)
	}
	a.reports(t, "Too many requests: busy")
}

func TestAPodLivesAsLongAsItIsUsed(t *testing.T) {
	a := newAPI()
	refused := false
	a.clientset.PrependReactor("create", "pods", func(ktesting.Action) (bool, runtime.Object, error) {
		if refused {
			return false, nil, nil
		}
		refused = true
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "probe", errors.New("no ServiceAccount"))
	})
	broken := errors.New("broken")
	pods := a.clientset.CoreV1().Pods("kube-system")
	err := a.WithPod(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "probe"}}, func(ctx context.Context, pod *corev1.Pod) error {
		if _, err := pods.Get(ctx, pod.Name, metav1.GetOptions{}); err != nil {
			t.Errorf("it is not there: %v", err)
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if list, err := pods.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
		t.Errorf("it was left: %v %v", list, err)
	}
	if len(a.reported) != 1 || !strings.Contains(a.reported[0], "no ServiceAccount") {
		t.Errorf("reported %q", a.reported)
	}
}

func TestAPodThatFailsIsReportedUntilItEndsWell(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "probe"}, Status: corev1.PodStatus{Phase: corev1.PodPending}}
	a := newAPI(pod)
	a.seen = func() {
		ended := &corev1.ContainerStateTerminated{ExitCode: 1, Message: "no such host"}
		if len(a.reported) == 2 {
			ended = &corev1.ContainerStateTerminated{}
		}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: ended}}}
		if err := a.clientset.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), pod, "kube-system"); err != nil {
			t.Error(err)
		}
	}
	if err := a.AwaitSuccess(t.Context(), "kube-system", "probe"); err != nil {
		t.Fatal(err)
	}
	a.reports(t, "Pending", "ended, exit code 1: no such host")
}
