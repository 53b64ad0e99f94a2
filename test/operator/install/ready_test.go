package install

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"context"
	"errors"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/operator/harness"
)

func TestBothSamplesBecomeReady(t *testing.T) {
	harness.ShareOperator(t)
	for _, environment := range []string{"staging", "production"} {
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.GivenReady(environment)
			w.Steady(p)
			r := p.Status.Release
			if r.Phase != v1alpha1.PhaseComplete || r.Current.Version != "v0.1.0" || r.Current.Digest != r.Target.Digest || r.Rollout != "stable" {
				t.Errorf("release: %+v", r)
			}
			if len(p.Status.History) != 1 || p.Status.History[0].Outcome != v1alpha1.OutcomeSucceeded || p.Status.History[0].CompletionTime == nil {
				t.Errorf("history: %+v", p.Status.History)
			}
			if len(p.Status.Services) != 4 || p.Status.Services[0].Ready != p.Status.Services[0].Desired || p.Status.Services[0].Ready == 0 {
				t.Errorf("services: %+v", p.Status.Services)
			}
			if p.Status.Certificate.NotAfter == nil || p.Status.URL != "https://"+w.Namespace+".example.com:8443" {
				t.Errorf("certificate %+v, url %s", p.Status.Certificate, p.Status.URL)
			}
		})
	}
}

func TestWhatKubectlShowsIsWorthReading(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.GivenReady("production")
	described := w.kubectl("describe", "blogplatform", p.Name)
	_, status, _ := strings.Cut(described, "\nStatus:\n")
	status, events, _ := strings.Cut(status, "\nEvents:\n")
	if lines := strings.Count(status, "\n"); lines >= 150 {
		t.Errorf("the status part of kubectl describe has %d lines:\n%s", lines, status)
	}
	if !strings.Contains(events, "Ready is True: release v0.1.0 is verified and served at https://") {
		t.Errorf("no event tells that the platform is Ready:\n%s", events)
	}
	for note, n := range w.Events() {
		if n != 1 {
			t.Errorf("event %q was recorded %d times", note, n)
		}
	}
	row := strings.Fields(w.kubectl("get", "bp", p.Name, "--no-headers"))
	if want := []string{"blog", "True", "Verified", "v0.1.0", "stable", "2/2", p.Status.URL}; !slices.Equal(row[:len(row)-1], want) {
		t.Errorf("kubectl get shows %q, want %q and the age", row, want)
	}
}

// kubectl runs the real one in the world's namespace.
func (w world) kubectl(args ...string) string {
	w.Helper()
	program, err := controlplane.Program.Build(w.Context(), harness.ControlPlane.Cache)
	if err != nil {
		w.Fatal(err)
	}
	bin := w.TempDir()
	if err := controlplane.Link(bin, controlplane.Programs(program)); err != nil {
		w.Fatal(err)
	}
	command := exec.CommandContext(w.Context(), filepath.Join(bin, "kubectl"), append([]string{"--kubeconfig", harness.ControlPlane.Kubeconfig, "--namespace", w.Namespace}, args...)...)
	var problems bytes.Buffer
	command.Stderr = &problems
	out, err := command.Output()
	if err != nil {
		w.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, problems.String())
	}
	return string(out)
}

// TestMigrationsReportTheirVersions lets kube-controller-manager run the Jobs,
// and plays the kubelet for their pods.
func TestMigrationsReportTheirVersions(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	harness.Peers.Set(faker.Job, w.Namespace+"/", faker.Behaviour{Absent: true})
	p := w.Given("staging")
	w.Until("three migrations", func(ctx context.Context) error {
		if err := errors.Join(w.finishPods(ctx), w.Refresh(ctx, p)); err != nil {
			return err
		}
		if len(p.Status.Migrations) != 3 {
			return errors.New(harness.ConditionsOf(p))
		}
		return nil
	})
	for _, m := range p.Status.Migrations {
		if m.Versions != "0 -> 3" {
			t.Errorf("migration %s reported %q, want 0 -> 3", m.Job, m.Versions)
		}
	}
}

// finishPods ends every pod of a Job well, as a kubelet reports it.
func (w world) finishPods(ctx context.Context) error {
	var pods corev1.PodList
	if err := harness.Cluster.List(ctx, &pods, client.InNamespace(w.Namespace), client.HasLabels{batchv1.JobNameLabel}); err != nil {
		return err
	}
	for _, pod := range pods.Items {
		if pod.Status.Phase == corev1.PodSucceeded {
			continue
		}
		now := metav1.Now()
		pod.Status.Phase = corev1.PodSucceeded
		for _, container := range pod.Spec.Containers {
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: container.Name,
				State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: `{"from":0,"to":3}`, StartedAt: now, FinishedAt: now}}})
		}
		if err := harness.Cluster.Status().Update(ctx, &pod); err != nil {
			return err
		}
	}
	return nil
}

func TestAUsersOwnSecretMayHoldTheCookieKey(t *testing.T) {
	harness.ShareOperator(t)
	w := newWorld(t)
	p := w.Given("staging", harness.WithCookiesOf("mine"))
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "SecretMissing", "Secret "+w.Namespace+"/mine is missing")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "mine"}, StringData: map[string]string{"other": "x"}}
	w.Create(secret)
	w.UntilCondition(p, v1alpha1.ConditionReady, metav1.ConditionFalse, "KeyMissing", "has no key key")
	secret.StringData = map[string]string{"key": "thirty-two-bytes-thirty-two-bytes"}
	if err := harness.Cluster.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.UntilReady(p)
}
