package course

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/release"
)

// jobWith a status.
func jobWith(name string, status map[string]any) *unstructured.Unstructured {
	job := &unstructured.Unstructured{Object: map[string]any{"kind": "Job", "status": status}}
	job.SetNamespace("g11-prod")
	job.SetName(name)
	job.SetLabels(naming.Platform{Namespace: "g11-prod", Name: "blog"}.Labels())
	return job
}

func condition(kind, reason string) map[string]any {
	return map[string]any{"conditions": []any{map[string]any{"type": kind, "status": "True", "reason": reason}}}
}

func TestVerifyJudgesTheTargetOnlyIfItRan(t *testing.T) {
	for name, c := range map[string]struct {
		status map[string]any
		want   release.Outcome
	}{
		"it runs":              {map[string]any{}, release.Open},
		"it has passed":        {condition("Complete", ""), release.Passed},
		"it has failed":        {condition("Failed", batchv1.JobReasonBackoffLimitExceeded), release.Failed},
		"it was out of time":   {condition("Failed", batchv1.JobReasonDeadlineExceeded), release.Broken},
		"there is no such Job": {nil, release.Open},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDecider(noon, wanting("v1"), observed.State{Jobs: map[string]*unstructured.Unstructured{}})
			d.Target, d.Status.Release.Attempt = plan.Set{Digest: "abc"}, 3
			if c.status != nil {
				job := jobWith(d.names.VerifyJob("abc", 3), c.status)
				d.state.Jobs[job.GetName()] = job
			}
			verdict, _ := d.verify()
			if verdict.Outcome != c.want {
				t.Errorf("%+v, want %s", verdict, c.want)
			}
		})
	}
}

func TestThePodsOfATargetStartOnceItsMigrationsAreDone(t *testing.T) {
	platform, state := midway(t, "v2")
	state.Jobs = map[string]*unstructured.Unstructured{}
	d := newDecider(noon, platform, state)
	if err := d.findSets(releaseOf("v2")); err != nil {
		t.Fatal(err)
	}
	children, err := plan.Preparations(d.before())
	if err != nil {
		t.Fatal(err)
	}
	var jobs []string
	for _, child := range children {
		if child.Object.GetKind() == "Job" {
			jobs = append(jobs, child.Object.GetName())
		}
	}
	prepared, task, err := d.prepared()
	if err != nil || prepared || int(task.Done) != len(children)-len(jobs) {
		t.Fatalf("before any Job: %v, %+v, %v", prepared, task, err)
	}
	state.Jobs[jobs[0]] = jobWith(jobs[0], condition("Failed", batchv1.JobReasonDeadlineExceeded))
	if _, task, err = d.prepared(); err != nil || task.Expired != "Job g11-prod/"+jobs[0] || !strings.Contains(task.Cause, "has no pod") {
		t.Errorf("a Job past its deadline: %+v, %v", task, err)
	}
	state.Jobs[jobs[0]] = jobWith(jobs[0], condition("Complete", ""))
	for _, name := range jobs[1:] { // status remembers those whose Jobs are deleted
		d.Status.Migrations = append(d.Status.Migrations, v1alpha1.MigrationStatus{Job: name})
	}
	if prepared, task, err = d.prepared(); err != nil || !prepared {
		t.Errorf("all are done: %v, %+v, %v", prepared, task, err)
	}
}

func TestTheSmallestShareOfACanaryIsReported(t *testing.T) {
	names := naming.Platform{Namespace: "g11-prod", Name: "blog"}
	rollout := func(stable, current string, weight int64) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"stableRS": stable, "currentPodHash": current,
			"canary": map[string]any{"weights": map[string]any{"canary": map[string]any{"weight": weight}}}}}}
	}
	for name, c := range map[string]struct {
		rollouts map[naming.Service]*unstructured.Unstructured
		current  string
		want     string
	}{
		"nothing runs":              {nil, "", ""},
		"no canary":                 {map[naming.Service]*unstructured.Unstructured{naming.User: rollout("a", "a", 0)}, "of-v1", "stable"},
		"two data services":         {map[naming.Service]*unstructured.Unstructured{naming.User: rollout("a", "b", 50), naming.Content: rollout("a", "b", 20)}, "of-v1", "canary 20%"},
		"the frontend comes later":  {map[naming.Service]*unstructured.Unstructured{naming.User: rollout("a", "b", 100), naming.Frontend: rollout("a", "b", 5)}, "of-v1", "frontend canary 5%"},
		"as far as a data service":  {map[naming.Service]*unstructured.Unstructured{naming.User: rollout("a", "b", 100), naming.Frontend: rollout("a", "b", 100)}, "of-v1", "canary 100%"},
		"a Rollout that is created": {map[naming.Service]*unstructured.Unstructured{naming.User: rollout("", "b", 0)}, "", ""},
	} {
		state := observed.State{Rollouts: map[string]*unstructured.Unstructured{}}
		for service, rollout := range c.rollouts {
			state.Rollouts[names.Workload(service)] = rollout
		}
		status := v1alpha1.ReleaseStatus{Current: v1alpha1.ReleaseIdentity{Digest: c.current}}
		if reportCanary(&status, names, state); status.Rollout != c.want {
			t.Errorf("%s: %q, want %q", name, status.Rollout, c.want)
		}
	}
}

// TestAVolumeThatIsDeletedIsNoData to protect by a gate.
func TestAVolumeThatIsDeletedIsNoData(t *testing.T) {
	deleted := corev1.PersistentVolumeClaim{}
	deleted.DeletionTimestamp = &metav1.Time{Time: noon}
	for _, c := range []struct {
		volumes []corev1.PersistentVolumeClaim
		want    bool
	}{{nil, false}, {[]corev1.PersistentVolumeClaim{deleted}, false}, {[]corev1.PersistentVolumeClaim{deleted, {}}, true}} {
		d := newDecider(noon, wanting("v1"), observed.State{Volumes: c.volumes})
		d.inherit()
		if got := d.Status.Release.Inherited != nil; got != c.want {
			t.Errorf("%d volumes: inherited is %v", len(c.volumes), got)
		}
	}
}
