package ready

import (
	"regexp"
	"strings"
	"testing"
	"time"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	sealed "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// story is an object in a state that its controller really reports, and what a
// person is told of it.
type story struct {
	name string
	// object is what is to be added to a bare object of generation 2.
	object  string
	state   State
	reason  string
	message string
}

// Peers' own types, into which every status of the stories has to fit.
var types = map[string]func() any{
	"Certificate":             func() any { return &certmanager.Certificate{} },
	"HorizontalPodAutoscaler": func() any { return &autoscalingv2.HorizontalPodAutoscaler{} },
	"Job":                     func() any { return &batchv1.Job{} },
	"Rollout":                 func() any { return &argo.Rollout{} },
	"SealedSecret":            func() any { return &sealed.SealedSecret{} },
}

func object(t *testing.T, kind, fields string) *unstructured.Unstructured {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(fields))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(raw, &u.Object); err != nil { // integers as the API machinery reads them
		t.Fatal(err)
	}
	if u.Object == nil {
		u.Object = map[string]any{}
	}
	u.SetKind(kind)
	u.SetNamespace("g11-stg")
	u.SetName("blog")
	u.SetGeneration(2)
	if into := types[kind]; into != nil {
		raw, err := yaml.Marshal(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(raw, into()); err != nil {
			t.Fatalf("no %s looks like that: %v", kind, err)
		}
	}
	return u
}

func (s story) tell(t *testing.T, kind string, judge func(*unstructured.Unstructured) Verdict) {
	t.Run(s.name, func(t *testing.T) {
		u := object(t, kind, s.object)
		before := u.DeepCopy()
		got := judge(u)
		if got.State != s.state || got.Reason != s.reason || !strings.Contains(got.Message, s.message) {
			t.Errorf("got %+v, want %s/%s with %q", got, s.state, s.reason, s.message)
		}
		checkForPeople(t, kind, got)
		if diff := cmp.Diff(before, u); diff != "" {
			t.Errorf("the object was modified (-before +after):\n%s", diff)
		}
	})
}

var (
	camelCase = regexp.MustCompile(`^[A-Z][A-Za-z]+$`)
	moving    = regexp.MustCompile(`\d\d:\d\d|\d{4}-\d\d|\d+ of \d+|\d+/\d+`)
)

// checkForPeople holds a verdict to what conditions ask of it.
func checkForPeople(t *testing.T, kind string, v Verdict) {
	t.Helper()
	switch {
	case !camelCase.MatchString(v.Reason):
		t.Errorf("reason %q is not CamelCase", v.Reason)
	case !strings.HasPrefix(v.Message, kind+" g11-stg/blog"):
		t.Errorf("the message does not begin with the object: %s", v.Message)
	case moving.MatchString(v.Message):
		t.Errorf("the message holds a time or a counter: %s", v.Message)
	case strings.Contains(v.Message, "%!") || strings.Contains(v.Message, "<nil>") || strings.HasSuffix(v.Message, "."):
		t.Errorf("the message reads badly: %s", v.Message)
	}
}

// today is when the stories take place.
var today = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

func tell(t *testing.T, kind string, stories []story) {
	t.Helper()
	for _, s := range stories {
		s.tell(t, kind, func(u *unstructured.Unstructured) Verdict { return Judge(u, u, today) })
	}
}

func TestWhatIsNotCreatedYetProgresses(t *testing.T) {
	for _, kind := range []string{"Service", "PostgresCluster", "Rollout", "Certificate", "Job"} {
		got := Judge(object(t, kind, ""), nil, today)
		want := Verdict{Progressing, "NotCreated", kind + " g11-stg/blog is not created yet"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestWhatIsBeingDeletedProgressesWhateverItsStatusSays(t *testing.T) {
	stories := []story{
		{"", `status: {phase: Healthy, observedGeneration: "2"}`, Progressing, "Terminating", "is being deleted"},
		{"held", `metadata: {finalizers: [b.example.com/b, a.example.com/a]}`, Progressing, "Terminating", "waits for its finalizers a.example.com/a, b.example.com/b"},
	}
	for _, s := range stories {
		s.tell(t, "Rollout", func(u *unstructured.Unstructured) Verdict {
			u = u.DeepCopy()
			at := metav1.Now()
			u.SetDeletionTimestamp(&at)
			return Judge(u, u, today)
		})
	}
}

func TestKindsWithoutAUsefulStatusAreReadyWhenTheyExist(t *testing.T) {
	for _, kind := range []string{"ConfigMap", "Service", "ServiceAccount", "DestinationRule", "Gateway", "Sidecar", "VirtualService",
		"NetworkPolicy", "PodDisruptionBudget", "AuthorizationPolicy", "PeerAuthentication"} {
		tell(t, kind, []story{{kind, `status: {conditions: [{type: Reconciled, status: "False"}], disruptionsAllowed: 0}`, Ready, "Exists", "exists"}})
	}
}

func TestAJob(t *testing.T) {
	tell(t, "Job", []story{
		{"is new", ``, Progressing, "Running", "look at its pods"},
		{"runs", `status: {active: 1, ready: 1, startTime: "2026-01-02T03:04:05Z"}`, Progressing, "Running", "has not finished"},
		{"was tried once", `status: {active: 1, failed: 1}`, Progressing, "Running", "has not finished"},
		{"has pods that are still ending", `status: {active: 0, terminating: 1, conditions: [{type: SuccessCriteriaMet, status: "True"}]}`, Progressing, "Running", ""},
		{"is complete", `
status:
  succeeded: 1
  completionTime: "2026-01-02T03:04:05Z"
  conditions:
  - {type: SuccessCriteriaMet, status: "True", reason: CompletionsReached, message: Reached expected number of succeeded pods}
  - {type: Complete, status: "True", reason: CompletionsReached, message: Reached expected number of succeeded pods}
`, Ready, "Complete", "is complete"},
		{"failed too often", `
status:
  failed: 3
  conditions:
  - {type: FailureTarget, status: "True", reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit}
  - {type: Failed, status: "True", reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit}
`, Failed, "JobFailed", "failed (BackoffLimitExceeded); read the logs of its pods"},
		{"took too long", `status: {conditions: [{type: Failed, status: "True", reason: DeadlineExceeded}]}`, Failed, "JobFailed", "(DeadlineExceeded)"},
		{"is suspended", `status: {conditions: [{type: Suspended, status: "True", reason: JobSuspended}]}`, Progressing, "Suspended", "set its spec.suspend to false"},
		{"was resumed", `status: {active: 1, conditions: [{type: Suspended, status: "False", reason: JobResumed}]}`, Progressing, "Running", ""},
	})
}
