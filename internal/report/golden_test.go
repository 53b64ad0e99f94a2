package report

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
	"blogplatform.io/operator/internal/stage"
)

var update = flag.Bool("update", false, "write the reports that the tests make as the wanted ones")

// underway is a platform that serves v1 while v2 is under way.
func underway(phase v1alpha1.ReleasePhase) Input {
	in := serving(inputAt())
	good := setOf("v1")
	in.Course.Target, in.Course.Good = setOf("v2"), &good
	in.Status.Release.Phase, in.Status.Release.Target = phase, v1alpha1.ReleaseIdentity{Version: "v2", Digest: "of-v2"}
	in.Course.Release = release.Decision{Status: in.Status.Release, DataOnTarget: true}
	return in
}

// failing is v2 on its way back, because its analysis failed.
func failing(phase v1alpha1.ReleasePhase) Input {
	in := underway(phase)
	in.Status.Release.Failures = []v1alpha1.ReleaseFailure{{Version: "v2", Digest: "of-v2", Reason: "AnalysisFailed", Message: "Rollout g11-stg/blog-user was aborted: success-rate", Count: 1}}
	in.Course.Release = release.Decision{Status: in.Status.Release}
	return in
}

// reports are platforms in all the states that people see.
func reports() map[string]func() Input {
	return map[string]func() Input{
		"first-install": func() Input {
			in := inputAt(
				stage.Outcome{Condition: v1alpha1.ConditionSecretsReady, Verdict: ready.Verdict{State: ready.Ready}},
				stage.Outcome{Condition: v1alpha1.ConditionDatabaseReady, Verdict: ready.Verdict{State: ready.Progressing, Reason: "InstancesNotReady", Message: "PostgresCluster g11-stg/blog-db: 0 of 1 instances are ready"}},
				stage.Outcome{Condition: v1alpha1.ConditionWorkloadsReady, Verdict: ready.Verdict{State: ready.Progressing, Reason: stage.ReasonWaiting, Message: "waits for DatabaseReady"}})
			in.Course.Good = nil
			in.Status.Release = v1alpha1.ReleaseStatus{Phase: v1alpha1.PhaseInstalling, Target: in.Status.Release.Target}
			in.Course.Release = release.Decision{Status: in.Status.Release, First: true, DataOnTarget: true, FrontendOnTarget: true}
			return in
		},
		"complete": func() Input { return serving(inputAt()) },
		"canary":   func() Input { return underway(v1alpha1.PhaseProgressing) },
		"paused": func() Input {
			in := underway(v1alpha1.PhaseProgressing)
			in.Platform.Spec.Services.User.Autoscaling = &v1alpha1.Autoscaling{Min: 1, Max: 3}
			in.Course.Release.Status.Paused, in.Course.Release.Halted = new(true), []naming.Service{naming.User}
			return in
		},
		"aborting": func() Input {
			in := failing(v1alpha1.PhaseAborting)
			in.State.Services[naming.User] = release.Service{Set: "of-v2", Cause: "Pod g11-stg/blog-user-1 is restarting"}
			return in
		},
		"aborted": func() Input { return failing(v1alpha1.PhaseAborted) },
		"rollback-unsafe": func() Input {
			in := serving(inputAt())
			in.Course.Unsafe = errors.New("a contract migration has removed what v0 needs")
			return in
		},
		"gate-refuses": func() Input {
			in := serving(inputAt())
			in.Platform.Spec.Environment, in.Platform.Spec.Promotion.From = v1alpha1.Production, v1alpha1.PlatformReference{Namespace: "g11-stg", Name: "blog"}
			in.Course.Gate = promote.Decision{Reason: promote.ReasonSoaking, Message: "g11-stg/blog soaks release v2"}
			in.Course.Release.Status.NextCheckTime = &metav1.Time{Time: noon.Add(20 * time.Minute)}
			return in
		},
		"stalled": func() Input {
			in := serving(inputAt())
			in.Course.Problem = &plan.Problem{Reason: "HostConflict", Message: "spec.hosts: blog.example.com is served by BlogPlatform a/blog"}
			return in
		},
		"suspended": func() Input {
			in := serving(inputAt())
			in.Platform.Spec.Suspend = new(true)
			return in
		},
		"deleting": func() Input {
			in := serving(inputAt())
			in.Platform.DeletionTimestamp = &metav1.Time{Time: noon}
			in.Result = stage.Result{Remaining: []string{"cert-manager.io/Certificate/istio-ingress/g11-stg.blog/1"}, Poll: true}
			return in
		},
	}
}

// golden is what people and the controller see of a report.
type golden struct {
	Status v1alpha1.BlogPlatformStatus `json:"status"`
	Events []Event                     `json:"events,omitempty"`
	Next   *metav1.Time                `json:"next,omitempty"`
	Poll   bool                        `json:"poll,omitempty"`
}

// TestGolden compares the reports on a platform that was complete before with the wanted ones.
func TestGolden(t *testing.T) {
	before := Of(serving(inputAt())).Status
	for name, input := range reports() {
		t.Run(name, func(t *testing.T) {
			in := input()
			in.Before, in.Status.Conditions = before, before.Conditions
			in.Now = noon.Add(time.Minute)
			report := Of(in)
			got, err := yaml.Marshal(golden{report.Status, report.Events, timeOrNil(report.Next), report.Poll})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("the report is another one (-want +got); if it is meant, run go test ./internal/report -run Golden -update:\n%s", diff)
			}
		})
	}
}

// TestAReportChangesNothingThatItIsMadeFrom.
func TestAReportChangesNothingThatItIsMadeFrom(t *testing.T) {
	for name, input := range reports() {
		in := input()
		before := *in.Status.DeepCopy()
		Of(in)
		WriteAhead(in)
		if diff := cmp.Diff(before, in.Status); diff != "" {
			t.Errorf("%s: the status was changed:\n%s", name, diff)
		}
		if diff := cmp.Diff(Of(in), Of(in)); diff != "" {
			t.Errorf("%s: the same input gives another report:\n%s", name, diff)
		}
	}
}
