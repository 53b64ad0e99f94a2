package plan

import (
	"testing"
	"time"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// TestNothingIsLateThatTakesItsTimeByDesign: the Jobs of a release end before
// the limit that the operator waits for, so that their own verdict is heard.
func TestNothingIsLateThatTakesItsTimeByDesign(t *testing.T) {
	for name, in := range stories(t) {
		limits := LimitsOf(in.Platform)
		b := newBuilder(in)
		for _, template := range []*rollouts.AnalysisTemplate{b.precheckTemplate(), b.analysisTemplate()} {
			for _, metric := range template.Spec.Metrics {
				if job := metric.Provider.Job; job != nil && seconds(*job.Spec.ActiveDeadlineSeconds) > limits.Analysis {
					t.Errorf("%s: the load of %s may take %d s, its limit is %s", name, template.Name, *job.Spec.ActiveDeadlineSeconds, limits.Analysis)
				}
				if metric.Count == nil {
					continue
				}
				delay, _ := time.ParseDuration(string(metric.InitialDelay))
				interval, _ := time.ParseDuration(string(metric.Interval))
				if last := delay + time.Duration(metric.Count.IntVal-1)*interval; last > limits.Analysis {
					t.Errorf("%s: %s of %s may take %s, its limit is %s", name, metric.Name, template.Name, last, limits.Analysis)
				}
			}
		}
	}
}

func TestTheDeadlineOfProgressIsOfTheSpec(t *testing.T) {
	in := stories(t)["production"]
	if got := LimitsOf(in.Platform).Progress; got != 5*time.Minute {
		t.Errorf("by default %s", got)
	}
	in.Platform.Spec.Rollout.ProgressDeadlineSeconds = new(int32(40))
	if got := LimitsOf(in.Platform).Progress; got != 40*time.Second {
		t.Errorf("of the spec %s", got)
	}
	r := newBuilder(in).rollout("user")
	if *r.Spec.ProgressDeadlineSeconds != 40 || *r.Spec.Strategy.Canary.ScaleDownDelaySeconds <= 40 {
		t.Errorf("the Rollout has a deadline of %d s, its pods before stay for %d s", *r.Spec.ProgressDeadlineSeconds, *r.Spec.Strategy.Canary.ScaleDownDelaySeconds)
	}
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// TestAJobWhosePodIsEvictedHasNotFailed: what has to be measured, migrated or
// verified is begun again.
func TestAJobWhosePodIsEvictedHasNotFailed(t *testing.T) {
	for name, in := range stories(t) {
		b := newBuilder(in)
		specs := map[string]batchv1.JobSpec{
			"precheck": b.precheckTemplate().Spec.Metrics[0].Provider.Job.Spec, "analysis": b.analysisTemplate().Spec.Metrics[0].Provider.Job.Spec,
		}
		for _, job := range childrenOf[batchv1.Job](t, planOf(t, in).Children, "Job") {
			specs[job.Name] = job.Spec
		}
		for job, spec := range specs {
			if spec.PodFailurePolicy == nil || spec.PodFailurePolicy.Rules[0].Action != batchv1.PodFailurePolicyActionIgnore ||
				spec.PodFailurePolicy.Rules[0].OnPodConditions[0].Type != corev1.DisruptionTarget || spec.Template.Spec.RestartPolicy != corev1.RestartPolicyNever {
				t.Errorf("%s: Job %s counts a disruption as its failure", name, job)
			}
		}
	}
}

func TestALoadRunsAnImageThatIsKnownToWork(t *testing.T) {
	for name, in := range stories(t) {
		in.Run.Good = &Set{Release: v1alpha1.Release{Version: "v0.9.0", Images: v1alpha1.Images{Frontend: "proven"}}}
		b := newBuilder(in)
		for _, template := range []*rollouts.AnalysisTemplate{b.precheckTemplate(), b.analysisTemplate()} {
			load := template.Spec.Metrics[0].Provider.Job.Spec.Template.Spec.Containers[0]
			if load.Image != "proven" || load.Env[0].Value != "v0.9.0" {
				t.Errorf("%s: %s runs %s %v", name, template.Name, load.Image, load.Env[0])
			}
		}
	}
}
