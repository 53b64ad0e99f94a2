package course

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/release"
)

// noon of a Sunday.
var noon = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

// images of a version, by digest.
func images(version string) v1alpha1.Images {
	of := func(service string) string { return "registry.example.com/" + service + "@sha256:" + version }
	return v1alpha1.Images{Frontend: of("frontend"), User: of("user"), Content: of("content"), Comment: of("comment")}
}

func releaseOf(version string) v1alpha1.Release {
	return v1alpha1.Release{Version: version, Images: images(version)}
}

// wanting is a platform whose spec asks for a version, and that has none yet.
func wanting(version string) *v1alpha1.BlogPlatform {
	platform := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: "g11-prod", Name: "blog"}}
	platform.Spec.Environment = v1alpha1.Production
	platform.Spec.Hosts = []string{"blog.example.com"}
	platform.Spec.Release = releaseOf(version)
	return platform
}

// gated has its gate ask a Staging platform.
func gated(platform *v1alpha1.BlogPlatform) *v1alpha1.BlogPlatform {
	platform.Spec.Promotion.From = v1alpha1.PlatformReference{Namespace: "g11-stg", Name: "blog"}
	return platform
}

// setOf a platform in a version, and the ControllerRevision that keeps it.
func setOf(t *testing.T, platform *v1alpha1.BlogPlatform, version string) (plan.Set, *unstructured.Unstructured) {
	t.Helper()
	set, err := plan.SetOf(platform, releaseOf(version))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	revision, data := &unstructured.Unstructured{Object: map[string]any{"kind": "ControllerRevision"}}, map[string]any{}
	if err := json.Unmarshal(raw, &data); err != nil {
		t.Fatal(err)
	}
	names := naming.Of(keyOf(platform))
	revision.SetNamespace(platform.Namespace)
	revision.SetName(names.Set(set.Digest))
	revision.SetLabels(names.Labels())
	revision.Object["data"] = data
	return set, revision
}

// running is a platform that runs v1 and has verified it, and what is observed of it.
func running(t *testing.T, wants string) (*v1alpha1.BlogPlatform, observed.State) {
	t.Helper()
	platform := wanting(wants)
	set, revision := setOf(t, platform, "v1")
	platform.Status.Release = v1alpha1.ReleaseStatus{
		Phase: v1alpha1.PhaseComplete, Attempt: 1, Target: identityOf(set),
		Current: v1alpha1.ReleaseIdentity{Version: "v1", Digest: set.Digest, Images: images("v1")},
	}
	platform.Status.History = []v1alpha1.ReleaseRecord{{Version: "v1", Digest: set.Digest, ImagesDigest: promote.ImagesDigest(images("v1")), Outcome: v1alpha1.OutcomeSucceeded}}
	state := observed.State{Acting: noon, Sets: map[string]*unstructured.Unstructured{revision.GetName(): revision}, Services: map[naming.Service]release.Service{}}
	for _, service := range naming.Services {
		state.Services[service] = release.Service{Set: set.Digest, Stands: true, Healthy: true}
	}
	return platform, state
}

// midway is a platform that runs v1 and is on its way to v2.
func midway(t *testing.T, wants string) (*v1alpha1.BlogPlatform, observed.State) {
	t.Helper()
	platform, state := running(t, wants)
	set, revision := setOf(t, platform, "v2")
	state.Sets[revision.GetName()] = revision
	platform.Status.Release.Phase, platform.Status.Release.Target = v1alpha1.PhaseProgressing, identityOf(set)
	return platform, state
}

// of is the course of a platform at noon.
func of(t *testing.T, platform *v1alpha1.BlogPlatform, state observed.State) Course {
	t.Helper()
	c, err := Of(noon, platform, state)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAFirstReleaseHasNothingToGoBackTo(t *testing.T) {
	c := of(t, wanting("v1"), observed.State{Acting: noon})
	if c.Problem != nil || c.Good != nil || !c.Release.First || c.Release.Status.Phase != v1alpha1.PhaseInstalling || c.Target.Release.Version != "v1" {
		t.Errorf("%+v", c.Release)
	}
	if c.WriteAhead {
		t.Error("a first release is found again from the spec: nothing has to be written ahead")
	}
	if head := c.Status.History[0]; head.Version != "v1" || head.Outcome != v1alpha1.OutcomeInProgress || head.ImagesDigest == "" {
		t.Errorf("%+v", head)
	}
}

func TestAnotherReleaseBeginsWithMigrationsWhileTheCurrentOneServes(t *testing.T) {
	platform, state := running(t, "v2")
	c := of(t, platform, state)
	if c.Target.Release.Version != "v2" || c.Good == nil || c.Good.Release.Version != "v1" || c.Release.Status.Phase != v1alpha1.PhaseMigrating || !c.WriteAhead {
		t.Errorf("target %s, good %+v, %+v", c.Target.Release.Version, c.Good, c.Release.Status)
	}
	run := c.Input.Run
	if run.Data != c.Good || run.Frontend != c.Good || run.Contract == nil || run.Contract.Version != "v1" || len(run.Kept) != 1 {
		t.Errorf("services run %+v", run)
	}
	if c.Serving().Version != "v1" || c.Migrated().Version != "v2" {
		t.Errorf("serves %s, migrates %s", c.Serving().Version, c.Migrated().Version)
	}
}

func TestAtRestTheCurrentReleaseIsBothTargetAndGood(t *testing.T) {
	platform, state := running(t, "v1")
	c := of(t, platform, state)
	if c.Release.Status.Phase != v1alpha1.PhaseComplete || c.Good == nil || c.Good.Digest != c.Target.Digest || c.WriteAhead || c.Input.Run.Contract != nil {
		t.Errorf("%+v", c)
	}
}

func TestAGateThatRefusesLeavesThePlatformOnTheLastAllowedRelease(t *testing.T) {
	platform, state := running(t, "v2")
	c := of(t, gated(platform), state)
	if c.Problem != nil || c.Gate.Reason != promote.ReasonStagingNotFound || c.Target.Release.Version != "v1" || c.Release.Status.Phase != v1alpha1.PhaseComplete {
		t.Errorf("%s, target %s, %s", c.Gate.Reason, c.Target.Release.Version, c.Release.Status.Phase)
	}
	platform, state = midway(t, "v3")
	if c := of(t, gated(platform), state); c.Target.Release.Version != "v2" || c.Lost != "" {
		t.Errorf("the release under way is %s, lost %q", c.Target.Release.Version, c.Lost)
	}
	for name := range state.Sets {
		if name != "blog-set-"+platform.Status.Release.Current.Digest {
			delete(state.Sets, name)
		}
	}
	if c := of(t, gated(platform), state); c.Target.Release.Version != "v1" || c.Lost != "v2" {
		t.Errorf("its set was deleted: goes to %s, lost %q", c.Target.Release.Version, c.Lost)
	}
}

// TestAGateThatRefusesTheFirstReleaseIsAProblem, where a platform was created over the data of another.
func TestAGateThatRefusesTheFirstReleaseIsAProblem(t *testing.T) {
	state := observed.State{Acting: noon, Volumes: []corev1.PersistentVolumeClaim{{}}}
	c := of(t, gated(wanting("v1")), state)
	if !c.RefusedByGate() || c.Problem.Reason != promote.ReasonStagingNotFound || c.Release.Status.Phase != "" {
		t.Errorf("%+v, %+v", c.Problem, c.Release)
	}
	state.Volumes = nil
	if c := of(t, gated(wanting("v1")), state); c.Problem != nil {
		t.Errorf("there is nothing to protect: %+v", c.Problem)
	}
}

func TestAProblemKeepsOnlyAReleaseUnderWayGoing(t *testing.T) {
	problem := &plan.Problem{Reason: "DatabaseMismatch"}
	platform, state := midway(t, "v3")
	c, err := WithProblem(noon, platform, state, problem)
	if err != nil || c.Problem != problem || c.Target.Release.Version != "v2" || c.Good == nil || c.Release.Status.Phase == "" {
		t.Errorf("%v, target %s, %+v", err, c.Target.Release.Version, c.Release.Status)
	}
	state.Sets = nil
	if c, err := WithProblem(noon, platform, state, problem); err != nil || c.Release.Status.Phase != "" || c.WriteAhead {
		t.Errorf("without its sets: %v, %+v", err, c.Release.Status)
	}
	platform, state = running(t, "v2")
	if c, err := WithProblem(noon, platform, state, problem); err != nil || c.Release.Status.Phase != "" || c.Status.Release.Phase != v1alpha1.PhaseComplete {
		t.Errorf("nothing is under way: %v, %+v", err, c.Release.Status)
	}
	state.Hosts = observed.Hosts{Limited: true}
	if c := of(t, platform, state); c.Problem == nil || c.Problem.Reason != ReasonHostNotAllowed {
		t.Errorf("a host is not allowed: %+v", c.Problem)
	}
}

// TestPodsWaitForAWindow if only they change, and not the images.
func TestPodsWaitForAWindow(t *testing.T) {
	platform, state := running(t, "v1")
	gated(platform).Spec.Promotion.WindowScope = v1alpha1.WindowsHoldPods
	platform.Spec.Promotion.Windows = []v1alpha1.PromotionWindow{{Days: []v1alpha1.Day{"Mon"}, Start: "09:00", DurationMinutes: 60, Timezone: "UTC"}}
	platform.Spec.Services.User.Resources = &corev1.ResourceRequirements{}
	c := of(t, platform, state)
	if c.PodsWait == nil || c.PodsWait.Reason != promote.ReasonWindowClosed || c.Target.Digest != platform.Status.Release.Current.Digest {
		t.Fatalf("%+v, target %s", c.PodsWait, c.Target.Digest)
	}
	if next := c.Release.Status.NextCheckTime; next == nil || !next.Time.Equal(time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("the next look is at %v", next)
	}
	platform.Spec.Promotion.Windows[0].Days = []v1alpha1.Day{"Sun"}
	platform.Spec.Promotion.Windows[0].DurationMinutes = 600
	if c := of(t, platform, state); c.PodsWait != nil || c.Target.Digest == platform.Status.Release.Current.Digest {
		t.Errorf("the window is open: %+v", c.PodsWait)
	}
}

// TestWithoutItsSetTheCurrentReleaseIsPlannedFromThePresentSpec.
func TestWithoutItsSetTheCurrentReleaseIsPlannedFromThePresentSpec(t *testing.T) {
	platform, state := running(t, "v2")
	platform.Status.Release.Current.Digest, state.Sets = "deleted", nil
	c := of(t, platform, state)
	if c.Good == nil || c.Good.Release.Version != "v1" || c.Status.Release.Current.Digest != c.Good.Digest {
		t.Errorf("good %+v, current %s", c.Good, c.Status.Release.Current.Digest)
	}
}

func TestACommitGoesOnWhateverTheSpecAsksFor(t *testing.T) {
	platform, state := midway(t, "v3")
	platform.Status.Release.Phase = v1alpha1.PhaseCommitting
	if c := of(t, platform, state); c.Target.Release.Version != "v2" {
		t.Errorf("commits %s", c.Target.Release.Version)
	}
	state.Sets = map[string]*unstructured.Unstructured{}
	if c := of(t, platform, state); c.Target.Release.Version != "v3" {
		t.Errorf("the set that was to be committed is deleted, and the target is %s", c.Target.Release.Version)
	}
}

func TestAnotherDatabaseIsNotTheOneThatMigrationsReported(t *testing.T) {
	platform, state := running(t, "v1")
	platform.Status.Database = v1alpha1.DatabaseStatus{Identity: "1", Schemas: []v1alpha1.SchemaStatus{{Service: "user", Contract: 2}}}
	state.Database = &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"patroni": map[string]any{"systemIdentifier": "2"}}}}
	if c := of(t, platform, state); c.Status.Database.Identity != "2" || c.Status.Database.Schemas != nil {
		t.Errorf("%+v", c.Status.Database)
	}
	if platform.Status.Database.Identity != "1" {
		t.Error("the status of the platform was changed")
	}
}

func TestACourseChangesNothingThatItIsMadeFrom(t *testing.T) {
	for _, wants := range []string{"v1", "v2", "v3"} {
		platform, state := midway(t, wants)
		before := platform.DeepCopy()
		first, second := of(t, platform, state), of(t, platform, state)
		if diff := cmp.Diff(before, platform); diff != "" {
			t.Errorf("the platform was changed:\n%s", diff)
		}
		if diff := cmp.Diff(first.Status, second.Status); diff != "" {
			t.Errorf("the same state gives another course:\n%s", diff)
		}
	}
}
