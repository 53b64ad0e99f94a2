package controllers

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/discovery"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/observed"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/promote"
	"blogplatform.io/operator/internal/stage"
)

// observerOver observes what the API server of a scope has.
func observerOver(s *scope) *observer {
	return &observer{scope: s, state: observed.State{Rollouts: map[string]*unstructured.Unstructured{}, Sets: map[string]*unstructured.Unstructured{}, Jobs: map[string]*unstructured.Unstructured{}}}
}

func TestEachObjectIsKeptWhereItIsLookedFor(t *testing.T) {
	o := observerOver(scopeAt())
	for _, child := range []struct{ kind, name string }{{"Rollout", "blog-user"}, {"Job", "blog-verify"}, {"ControllerRevision", "blog-set-1"}, {"Service", "blog-user"}, {"PostgresCluster", "blog-db"}, {"PostgresCluster", "another"}} {
		object := &unstructured.Unstructured{Object: map[string]any{"kind": child.kind}}
		object.SetName(child.name)
		o.keep(object)
	}
	state := o.state
	if state.Rollouts["blog-user"] == nil || state.Jobs["blog-verify"] == nil || state.Sets["blog-set-1"] == nil || state.Database.GetName() != "blog-db" {
		t.Errorf("%+v", state)
	}
	if len(state.CoWritten) != 2 {
		t.Errorf("%d objects are written by others, too, want the Rollout and the Service", len(state.CoWritten))
	}
}

// TestASetIsAskedOfTheAPIServerIfTheCacheLacksIt, once a release was verified.
func TestASetIsAskedOfTheAPIServerIfTheCacheLacksIt(t *testing.T) {
	revision := func(name string, labels map[string]string) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Labels: labels}}
	}
	names := naming.Platform{Namespace: "ns", Name: "blog"}
	for name, c := range map[string]struct {
		status v1alpha1.ReleaseStatus
		want   []string
	}{
		"a first install has none":            {v1alpha1.ReleaseStatus{Target: v1alpha1.ReleaseIdentity{Digest: "1"}}, nil},
		"the current one and the target":      {v1alpha1.ReleaseStatus{Current: v1alpha1.ReleaseIdentity{Digest: "1"}, Target: v1alpha1.ReleaseIdentity{Digest: "2"}}, []string{"blog-set-1", "blog-set-2"}},
		"one that is deleted":                 {v1alpha1.ReleaseStatus{Current: v1alpha1.ReleaseIdentity{Digest: "4"}, Target: v1alpha1.ReleaseIdentity{Digest: "4"}}, nil},
		"one of somebody else":                {v1alpha1.ReleaseStatus{Current: v1alpha1.ReleaseIdentity{Digest: "3"}}, nil},
		"a platform over the data of another": {v1alpha1.ReleaseStatus{Target: v1alpha1.ReleaseIdentity{Digest: "1"}, Inherited: new(true)}, []string{"blog-set-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			platform := platformOf("ns", "blog.example.com")
			platform.Status.Release = c.status
			o := observerOver(scopeOver(t, platform, revision("blog-set-1", names.Labels()), revision("blog-set-2", names.Labels()), revision("blog-set-3", nil)))
			if err := o.keptSets(t.Context()); err != nil {
				t.Fatal(err)
			}
			var found []string
			for name := range o.state.Sets {
				found = append(found, name)
			}
			if slices.Sort(found); !slices.Equal(found, c.want) {
				t.Errorf("found %v, want %v", found, c.want)
			}
		})
	}
}

func TestTheGateAsksAPlatformThatTheOperatorCanSee(t *testing.T) {
	staging := platformOf("g11-stg", "stg.example.com")
	for name, c := range map[string]struct {
		from    v1alpha1.PlatformReference
		watched []string
		want    func(*v1alpha1.BlogPlatform) bool
	}{
		"there is no gate":         {v1alpha1.PlatformReference{}, nil, func(p *v1alpha1.BlogPlatform) bool { return p == nil }},
		"it is there":              {v1alpha1.PlatformReference{Namespace: "g11-stg", Name: "blog"}, nil, func(p *v1alpha1.BlogPlatform) bool { return p != nil && p.Name == "blog" }},
		"there is none":            {v1alpha1.PlatformReference{Namespace: "g11-stg", Name: "other"}, nil, func(p *v1alpha1.BlogPlatform) bool { return p == nil }},
		"its namespace is watched": {v1alpha1.PlatformReference{Namespace: "g11-stg", Name: "blog"}, []string{"g11-stg", "ns"}, func(p *v1alpha1.BlogPlatform) bool { return p != nil && p.Name == "blog" }},
		"its namespace is not":     {v1alpha1.PlatformReference{Namespace: "g11-stg", Name: "blog"}, []string{"ns"}, func(p *v1alpha1.BlogPlatform) bool { return p == promote.NotWatched }},
	} {
		platform := platformOf("ns", "blog.example.com")
		platform.Spec.Promotion.From = c.from
		o := observerOver(scopeOver(t, platform, staging.DeepCopy()))
		o.WatchNamespaces = c.watched
		if err := o.staging(t.Context()); err != nil || !c.want(o.state.Staging) {
			t.Errorf("%s: %v, %+v", name, err, o.state.Staging)
		}
	}
}

// TestEachOtherClaimOnAHostIsObservedOnce, and what the platform serves itself only if there is one.
func TestEachOtherClaimOnAHostIsObservedOnce(t *testing.T) {
	platform := platformOf("ns", "blog.example.com")
	platform.Spec.Hosts = append(platform.Spec.Hosts, "www.example.com")
	platform.Status.Hosts = []string{"blog.example.com"}
	rival := platformOf("rival", "blog.example.com")
	rival.UID, rival.Spec.Hosts = "rival", append(rival.Spec.Hosts, "www.example.com")
	former := platformOf("former", "other.example.com")
	former.UID, former.Status.Hosts = "former", []string{"www.example.com"}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns", Annotations: map[string]string{naming.AnnotationDomains: "example.com"}}}

	o := observerOver(scopeOver(t, platform, rival, former, namespace))
	if err := o.hosts(t.Context()); err != nil {
		t.Fatal(err)
	}
	var claims []string
	for _, claim := range o.state.Hosts.Claims {
		claims = append(claims, fmt.Sprintf("%s%v%v", claim.Platform.Namespace, claim.Hosts, claim.Serves))
	}
	slices.Sort(claims)
	if want := []string{"former[other.example.com www.example.com][www.example.com]", "rival[blog.example.com www.example.com][]"}; !slices.Equal(claims, want) {
		t.Errorf("claims %v, want %v", claims, want)
	}
	if hosts := o.state.Hosts; !hosts.Limited || hosts.Domains != "example.com" || !slices.Equal(hosts.Serves, platform.Status.Hosts) {
		t.Errorf("%+v", hosts)
	}
	alone := observerOver(scopeOver(t, platformOf("ns", "blog.example.com")))
	if err := alone.hosts(t.Context()); err != nil || alone.state.Hosts.Limited || len(alone.state.Hosts.Claims) > 0 || alone.state.Hosts.Serves != nil {
		t.Errorf("nobody else claims it: %v, %+v", err, alone.state.Hosts)
	}
}

func TestPodsOfTheNewTemplateAreCounted(t *testing.T) {
	pod := func(name, template string, isReady corev1.ConditionStatus) corev1.Pod {
		return corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Labels: map[string]string{naming.LabelName: string(naming.User), argo.DefaultRolloutUniqueLabelKey: template}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: isReady}}},
		}
	}
	o := observerOver(scopeAt())
	o.state.Pods = []corev1.Pod{pod("old", "a", corev1.ConditionTrue), pod("new-1", "b", corev1.ConditionTrue), pod("new-2", "b", corev1.ConditionFalse)}
	if ready, cause := o.countPods(naming.User, "b", nil); ready != 1 || cause == "" {
		t.Errorf("%d pods are ready, %q", ready, cause)
	}
	if ready, cause := o.countPods(naming.Content, "b", nil); ready != 0 || cause != "" {
		t.Errorf("content has no pods: %d, %q", ready, cause)
	}
}

// answers of an identity provider.
type answers struct {
	known   bool
	problem error
}

func (a answers) Answer(discovery.Provider) (known bool, problem error) { return a.known, a.problem }

func TestAProviderThatMayNotBeAskedIsToldFromOneThatFails(t *testing.T) {
	for _, c := range []struct {
		answer answers
		want   observed.Provider
	}{
		{answers{}, observed.Provider{}},
		{answers{known: true}, observed.Provider{Known: true}},
		{answers{true, discovery.ErrNotPublic}, observed.Provider{Known: true, Problem: discovery.ErrNotPublic, NotAllowed: true}},
	} {
		o := observerOver(scopeAt())
		o.providers = c.answer
		if o.provider(); o.state.Provider != nil {
			t.Error("no provider is configured")
		}
		o.platform.Spec.Identity = &v1alpha1.Identity{Issuer: "https://id.example.com"}
		if o.provider(); o.state.Provider == nil || o.state.Provider.Known != c.want.Known || o.state.Provider.NotAllowed != c.want.NotAllowed || !errors.Is(o.state.Provider.Problem, c.want.Problem) {
			t.Errorf("%+v, want %+v", o.state.Provider, c.want)
		}
	}
}

func TestASecretOfTheUserHasToHaveItsKeys(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "oidc"}, Data: map[string][]byte{"clientSecret": []byte("x"), "empty": nil}}
	for _, c := range []struct{ name, key, want string }{{"oidc", "clientSecret", ""}, {"oidc", "other", reasonKeyMissing}, {"oidc", "empty", reasonKeyMissing}, {"another", "clientSecret", reasonSecretMissing}} {
		e := &enactment{scope: scopeOver(t, platformOf("ns", "blog.example.com"), secret.DeepCopy()), plan: plan.Plan{Secrets: []plan.SecretUse{{Name: c.name, Keys: []string{c.key}}}}}
		required, err := e.userSecrets(t.Context())
		if err != nil || len(required) != 1 || required[0].Verdict.Reason != c.want || !required[0].Gates {
			t.Errorf("key %s of Secret %s: %v, %+v, want %q", c.key, c.name, err, required, c.want)
		}
	}
}

// TestVerifyWaitsForTheCertificate, which blocks no earlier stage.
func TestVerifyWaitsForTheCertificate(t *testing.T) {
	e := enactmentAt()
	e.result.Outcomes = []stage.Outcome{{Condition: v1alpha1.ConditionCertificatesReady}, {Condition: v1alpha1.ConditionMeshReady}}
	for current, want := range map[plan.Stage]int{plan.StageVerify: 1, plan.StageSecrets: 0} {
		if required, err := e.requirements(t.Context(), current, ""); err != nil || len(required) != want {
			t.Errorf("%s requires %+v, %v", current, required, err)
		}
	}
}

func TestOnlyWhatMattersToOtherPlatformsStartsTheirReconcile(t *testing.T) {
	before, after := platformOf("ns", "blog.example.com"), platformOf("ns", "blog.example.com")
	update := event.UpdateEvent{ObjectOld: before, ObjectNew: after}
	if hostsChanged().Update(update) || historyChanged().Update(update) {
		t.Error("nothing has changed")
	}
	after.Status.Hosts = []string{"blog.example.com"}
	if !hostsChanged().Update(update) || historyChanged().Update(update) {
		t.Error("it serves a host now")
	}
	after.Status.Hosts, after.Status.History = nil, []v1alpha1.ReleaseRecord{{Version: "v1", StartTime: metav1.NewTime(time.Unix(1, 0))}}
	if hostsChanged().Update(update) || !historyChanged().Update(update) {
		t.Error("it has begun a release")
	}
}

func TestRivalsAreReconciledAndThePlatformItselfIsNot(t *testing.T) {
	platform, rival, stranger := platformOf("ns", "blog.example.com"), platformOf("rival", "blog.example.com"), platformOf("stranger", "other.example.com")
	s := scopeOver(t, platform, rival, stranger)
	requests := s.rivals(t.Context(), platform)
	if len(requests) != 1 || requests[0].NamespacedName != (types.NamespacedName{Namespace: "rival", Name: "blog"}) {
		t.Errorf("%v", requests)
	}
}
