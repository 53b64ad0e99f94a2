package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

// ended is a pod whose container has ended with an exit code and last words.
func ended(code int32, says string) corev1.Pod {
	var pod corev1.Pod
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: says}}}}
	return pod
}

func TestWhatAMigrationReports(t *testing.T) {
	for name, c := range map[string]struct {
		pods             []corev1.Pod
		versions         string
		expand, contract int64 // the contract version that is known after that phase, -1 for none
	}{
		"a service of today":                {[]corev1.Pod{ended(0, `{"from":1,"to":2,"contract":5}`)}, "1 -> 2", 5, 2},
		"a service up to v0.1":              {[]corev1.Pod{ended(0, `{"from":1,"to":2}`)}, "1 -> 2", -1, 2},
		"one that failed, and then did not": {[]corev1.Pod{ended(1, "no database"), ended(0, `{"from":0,"to":1,"contract":0}`)}, "0 -> 1", 0, 1},
		"one that says something else":      {[]corev1.Pod{ended(0, "done")}, "", -1, -1},
		"one that counts backwards":         {[]corev1.Pod{ended(0, `{"from":1,"to":2,"contract":-1}`), ended(0, `{"from":1,"to":-2}`), ended(0, `{"from":-1,"to":2}`)}, "", -1, -1},
		"one that runs":                     {[]corev1.Pod{{}}, "", -1, -1},
		"no pod is left":                    {nil, "", -1, -1},
	} {
		report := reportIn(c.pods)
		if report.versions() != c.versions {
			t.Errorf("%s: %q, want %q", name, report.versions(), c.versions)
		}
		for phase, want := range map[string]int64{naming.PhaseExpand: c.expand, naming.PhaseContract: c.contract} {
			if got := report.contract(phase); (got == nil) != (want < 0) || got != nil && *got != want {
				t.Errorf("%s: after %s %v, want %d", name, phase, got, want)
			}
		}
	}
}

// TestServicesThatReadAPasswordOnceAreNamed while they are those of the current release.
func TestServicesThatReadAPasswordOnceAreNamed(t *testing.T) {
	e := enactmentAt()
	e.course.Target.Release.Version = "v0.1.0"
	for _, service := range naming.DataServices {
		job := &unstructured.Unstructured{}
		job.SetKind("Job")
		job.SetName("expand-" + string(service))
		job.SetLabels(e.names.MigrationSelector(service))
		e.plan.Children = append(e.plan.Children, plan.Child{Stage: plan.StageMigrations, Object: job})
	}
	e.status.Migrations = []v1alpha1.MigrationStatus{
		{Job: "expand-user", Versions: "0 -> 3"}, {Job: "expand-content", Versions: "0 -> 2", Contract: new(int64(0))}, {Job: "expand-comment"}, {Job: "expand-of-another", Versions: "0 -> 1"},
	}
	o := e.passwordsReadOnce()
	if len(o) != 1 || o[0].Condition != v1alpha1.ConditionWorkloadsReady || o[0].Verdict.State != ready.Warning || o[0].Verdict.Reason != "PasswordReadOnce" || !strings.HasPrefix(o[0].Verdict.Message, "user of release v0.1.0 read the password") {
		t.Errorf("%+v", o)
	}
	e.course.Release.Status.Phase = v1alpha1.PhaseProgressing
	if other := e.passwordsReadOnce(); other != nil {
		t.Errorf("the migrations are those of another release: %+v", other)
	}
}
