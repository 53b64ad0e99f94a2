package release

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/config/crd"
	"blogplatform.io/operator/internal/naming"
)

// walk plays Argo Rollouts, Verify, CI, people and misfortune at random.
type walk struct {
	*testing.T
	random *rand.Rand
	status v1alpha1.ReleaseStatus
	facts  Facts
	// stable is the set of the stable pods, by service.
	stable map[naming.Service]string
	// condemned are the sets that failed by a verdict, until a retry is asked for.
	condemned map[string]bool
	// passed is the attempt that Verify has passed.
	passed int64
	// requests makes each request another one.
	requests int
	// history is that of all decisions, and log what they were.
	history []v1alpha1.ReleaseRecord
	log     []string
	crd     validation.SchemaValidator
}

func newWalk(t *testing.T, seed uint64, crd validation.SchemaValidator) *walk {
	return &walk{T: t, crd: crd, random: rand.New(rand.NewPCG(seed, 0)), stable: map[naming.Service]string{}, condemned: map[string]bool{},
		facts: Facts{Now: start, Acting: start, Limits: limits, Wanted: identity("v1"), Services: map[naming.Service]Service{}}}
}

func (w *walk) chance(percent int) bool { return w.random.IntN(100) < percent }

func pick[T any](w *walk, of ...T) T { return of[w.random.IntN(len(of))] }

// words of somebody else, who may be brief or not.
func (w *walk) words() string { return strings.Repeat("é ", pick(w, 1, 100, 5000)) }

// schemaOfStatus is the schema of the CRD for status.
func schemaOfStatus(t *testing.T) validation.SchemaValidator {
	t.Helper()
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(crd.BlogPlatforms, &definition); err != nil {
		t.Fatal(err)
	}
	var status apiextensions.JSONSchemaProps
	v1 := definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&v1, &status, nil); err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(&status)
	if err != nil {
		t.Fatal(err)
	}
	return validator
}

// validate fails the test unless the API server would take the status of a decision.
func (w *walk) validate() {
	w.Helper()
	status := v1alpha1.BlogPlatformStatus{Release: w.status, History: w.history}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		w.Fatal(err)
	}
	for _, problem := range validation.ValidateCustomResource(field.NewPath("status"), fields, w.crd) {
		w.fail("the API server refuses the status: %v", problem)
	}
}

// fail tells what led to it.
func (w *walk) fail(format string, args ...any) {
	w.Helper()
	w.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(w.log[max(0, len(w.log)-8):], "\n"))
}

// befall changes the world a little. In a calm one nothing goes wrong any more.
func (w *walk) befall(calm bool) {
	w.facts.Now = w.facts.Now.Add(time.Duration(w.random.IntN(40)) * time.Second)
	if !calm && w.chance(2) {
		w.facts.Now = w.facts.Now.Add(time.Hour)
		w.facts.Acting = w.facts.Now // the operator was away
	}
	w.facts.Suspended = !calm && w.chance(3)
	if !calm && w.chance(4) {
		w.facts.Wanted, w.facts.Prepared = identity(pick(w, "v1", "v2", "v3")), false
	}
	if !calm && w.chance(10) {
		w.requests++
		w.facts.Request = fmt.Sprint(pick(w, Pause, Resume, Abort, Retry, "dance", strings.Repeat("\x01", 200)), " ", pick(w, "v1", "v2", "v3"), " ", w.requests)
	}
	w.facts.Prepared = w.facts.Prepared || w.chance(40)
	for _, service := range naming.Services {
		if w.chance(50) {
			w.facts.Services[service] = w.roll(service, calm)
		}
	}
	w.verify(calm)
}

// roll takes a Rollout on, as Argo Rollouts would.
func (w *walk) roll(service naming.Service, calm bool) Service {
	s := w.facts.Services[service]
	shortest := w.stable[service] == "" || w.stable[service] == s.Set || !s.Steps || s.Window && s.Set == w.status.Current.Digest && w.chance(70)
	switch {
	case s.Set == "":
	case s.Stands:
		s.Healthy = true
		s.Down = !calm && w.chance(5)
	case shortest:
		w.stable[service], s = s.Set, Service{Set: s.Set, Stands: true, Healthy: true, Steps: s.Steps, Window: s.Window}
	case s.Trouble.bad() || s.AtBarrier:
	case !calm && w.chance(5):
		s.Trouble = pick(w, Verdict{Failed, "AnalysisFailed", w.words()}, Verdict{Broken, "DeadlineExceeded", w.words()})
	case w.chance(50):
		s.AtBarrier = true
	case w.chance(50):
		s.Step++
	}
	return s
}

// verify is the Job of an attempt, which is there only while its plan is.
func (w *walk) verify(calm bool) {
	if w.status.Phase != v1alpha1.PhaseVerifying {
		w.facts.Verify = Verdict{}
		return
	}
	if w.status.Current.Digest == "" && w.facts.Verify.bad() {
		w.facts.Verify = Verdict{} // its TTL has removed the Job, and there is another one
	}
	if w.facts.Verify.Outcome != Open || !w.chance(50) {
		return
	}
	w.facts.Verify = Verdict{Outcome: Passed}
	if !calm && w.chance(30) {
		w.facts.Verify = pick(w, Verdict{Failed, "VerifyFailed", w.words()}, Verdict{Broken, "VerifyTimeout", w.words()})
	}
	if w.facts.Verify.Outcome == Passed {
		w.passed = w.status.Attempt
	}
}

// decide makes a decision, checks it, and does what it says, unless the
// operator is killed in between.
func (w *walk) decide(calm bool) {
	w.Helper()
	before := w.status
	d := Decide(w.status, w.facts)
	w.log = append(w.log, fmt.Sprintf("%s of %s (current %s), attempt %d -> %s of %s, data %v, frontend %v, window %v, releases %v; request %q, verify %q, services %+v",
		before.Phase, before.Target.Version, before.Current.Version, before.Attempt, d.Status.Phase, d.Status.Target.Version,
		d.DataOnTarget, d.FrontendOnTarget, d.Window, d.Release, w.facts.Request, w.facts.Verify.Outcome, w.facts.Services))
	w.check(before, d)
	if !calm && w.chance(5) {
		return // killed before anything was written
	}
	w.status, w.condemned = d.Status, map[string]bool{}
	for _, failure := range d.Status.Failures {
		w.condemned[failure.Digest] = failure.RetryTime == nil
	}
	w.history = Record(w.history, w.status, metav1.NewTime(w.facts.Now))
	if d.Status.Phase != before.Phase || d.Status.Request != before.Request {
		w.validate()
	}
	if !d.First && !calm && w.chance(5) {
		return // killed after the status was written
	}
	w.do(d)
}

func (w *walk) do(d Decision) {
	if w.facts.Suspended || d.Hold {
		return
	}
	for _, service := range naming.Services {
		if w.chance(10) {
			continue // killed on the way, or the API server did not answer
		}
		on := d.DataOnTarget
		if service == naming.Frontend {
			on = d.FrontendOnTarget
		}
		set := d.Status.Current.Digest
		if on {
			set = d.Status.Target.Digest
		}
		if s := w.facts.Services[service]; s.Set != set {
			w.facts.Services[service] = Service{Set: set, Stands: w.stable[service] == set, Steps: s.Steps}
		}
		s := w.facts.Services[service]
		s.Window, s.Steps = d.Window, !d.Direct
		w.facts.Services[service] = s
	}
	for _, service := range d.Release {
		if s := w.facts.Services[service]; s.AtBarrier {
			w.stable[service] = s.Set
			w.facts.Services[service] = Service{Set: s.Set, Stands: true, Healthy: true, Steps: s.Steps, Window: s.Window}
		}
	}
}

// all tells whether something is true of all four services.
func (w *walk) all(is func(Service) bool) bool {
	for _, service := range naming.Services {
		if !is(w.facts.Services[service]) {
			return false
		}
	}
	return true
}

// check fails the test if something happens that must never happen.
func (w *walk) check(before v1alpha1.ReleaseStatus, d Decision) {
	w.Helper()
	current := before.Current.Digest
	if d.Stopped() && (d.DataOnTarget || d.FrontendOnTarget) {
		w.fail("a service runs what was taken back")
	}
	if d.First == (current != "") || d.Hold && current != "" {
		w.fail("a platform with a last good set is treated as new")
	}
	w.checkBeginning(before, d)
	w.checkCommit(before, d)
	w.checkBarriers(before, d)
	w.checkFailures(before, d)
	if !reflect.DeepEqual(Decide(before, w.facts), d) {
		w.fail("the same facts give another decision")
	}
}

// checkBeginning fails the test if a release begins while a service is on its way elsewhere.
func (w *walk) checkBeginning(before v1alpha1.ReleaseStatus, d Decision) {
	w.Helper()
	current := before.Current.Digest
	if next := d.Status.NextCheckTime; next != nil && next.Time.Before(w.facts.Now) {
		w.fail("it is looked at again in the past")
	}
	if !d.Due.IsZero() && d.Due.Before(w.facts.Now) {
		w.fail("a deadline that is past, by %v, is awaited", w.facts.Now.Sub(d.Due))
	}
	third := func(s Service) bool { return s.Set != "" && s.Set != d.Status.Target.Digest && s.Set != current }
	if runs := d.DataOnTarget || d.FrontendOnTarget; runs && current != "" && d.Status.Target.Digest != current && before.Target.Digest != d.Status.Target.Digest && !w.all(func(s Service) bool { return !third(s) }) {
		w.fail("a release begins while a service is on its way to another one")
	}
}

func (w *walk) checkCommit(before v1alpha1.ReleaseStatus, d Decision) {
	w.Helper()
	target, current := d.Status.Target.Digest, before.Current.Digest
	arrived := w.all(func(s Service) bool { return s.arrived(target) })
	stands := w.all(func(s Service) bool { return s.stands(target) })
	phase, was := d.Status.Phase, before.Phase
	verified := w.passed == before.Attempt && before.Target.Digest == target

	if begins := phase == v1alpha1.PhaseCommitting && was != phase; begins && (was != v1alpha1.PhaseVerifying || !arrived || !verified) {
		w.fail("a commit begins without all four at the barrier, or without Verify")
	}
	committed := stands && verified && (d.First || was == v1alpha1.PhaseCommitting)
	if is := d.Status.Current.Digest; is != current && (is != target || !committed) {
		w.fail("another release is current without a commit")
	}
}

func (w *walk) checkBarriers(before v1alpha1.ReleaseStatus, d Decision) {
	w.Helper()
	for _, service := range d.Release {
		s := w.facts.Services[service]
		forwards := before.Phase == v1alpha1.PhaseCommitting && d.Status.Phase == before.Phase && s.Set == d.Status.Target.Digest
		if !s.AtBarrier || !s.Window || !forwards && s.Set != before.Current.Digest {
			w.fail("the barrier of %s is released", service)
		}
	}
}

func (w *walk) checkFailures(before v1alpha1.ReleaseStatus, d Decision) {
	w.Helper()
	target := d.Status.Target.Digest
	retried := d.Status.Request != before.Request && strings.HasPrefix(d.Status.Request.Value, Retry) && d.Status.Request.Answer == v1alpha1.RequestHonored
	runs := d.DataOnTarget || d.FrontendOnTarget
	if w.condemned[target] && !retried && target != before.Current.Digest && !w.facts.Suspended && (runs || d.Status.Attempt != before.Attempt) {
		w.fail("a set that failed is tried again without a request")
	}
	if (d.Window || len(d.Release) > 0) && d.Status.Phase != v1alpha1.PhaseCommitting && runs && target != before.Current.Digest {
		w.fail("the window is open for a release that is not committed")
	}
}

// TestWhateverHappensTheInvariantsHold lets things go wrong for a long time, and
// then right: then the platform comes to rest, on what is wanted or, if that
// failed, on the last good set.
func TestWhateverHappensTheInvariantsHold(t *testing.T) {
	seen, crd := map[v1alpha1.ReleasePhase]int{}, schemaOfStatus(t)
	for seed := range uint64(3000) {
		w := newWalk(t, seed, crd)
		for range 120 {
			w.befall(false)
			w.decide(false)
			seen[w.status.Phase]++
		}
		w.facts.Request = "resume " + w.status.Target.Version + " finally"
		for range 150 {
			w.befall(true)
			w.decide(true)
		}
		w.atRest()
	}
	for _, phase := range []v1alpha1.ReleasePhase{v1alpha1.PhaseInstalling, v1alpha1.PhaseMigrating, v1alpha1.PhaseProgressing, v1alpha1.PhaseVerifying,
		v1alpha1.PhaseCommitting, v1alpha1.PhaseComplete, v1alpha1.PhaseAborting, v1alpha1.PhaseAborted} {
		if seen[phase] < 1000 {
			t.Errorf("the walks were %s only %d times", phase, seen[phase])
		}
	}
}

func (w *walk) atRest() {
	w.Helper()
	want := w.status.Target.Digest
	switch {
	case w.status.Paused != nil:
		return
	case w.status.Phase == v1alpha1.PhaseAborted:
		want = w.status.Current.Digest
	case w.status.Phase != v1alpha1.PhaseComplete || w.status.Target.Digest != w.facts.Wanted.Digest:
		w.fail("it does not come to rest: %+v", w.status)
	}
	for _, service := range naming.Services {
		if !w.facts.Services[service].stands(want) {
			w.fail("%s stands on %s, want %s", service, w.stable[service], want)
		}
	}
}
