package plan

import (
	"testing"
	"time"

	rollouts "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
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
