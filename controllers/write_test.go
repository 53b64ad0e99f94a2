package controllers

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	fakeclient "sigs.k8s.io/controller-runtime/pkg/client/fake"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/course"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/report"
)

// scopeOver is a reconcile at noon of a platform of an API server that holds it and other objects.
func scopeOver(t *testing.T, platform *v1alpha1.BlogPlatform, others ...client.Object) *scope {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c := fakeclient.NewClientBuilder().WithScheme(scheme).WithObjects(platform).WithObjects(others...).WithStatusSubresource(platform).
		WithIndex(&v1alpha1.BlogPlatform{}, indexHosts, hostsOf).Build()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(platform), platform); err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{client: c, live: c, now: func() time.Time { return noon }, keyring: newKeyring(c, c),
		watches: &watches{client: c, crds: map[schema.GroupVersionKind]string{}, others: map[schema.GroupVersionKind]string{}}}
	return r.newScope(platform)
}

// platformOf a namespace, named blog, with one host.
func platformOf(namespace, host string) *v1alpha1.BlogPlatform {
	platform := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "blog"}}
	platform.Spec.Hosts = []string{host}
	return platform
}

// stored is the platform as the API server has it.
func (s *scope) stored(t *testing.T) *v1alpha1.BlogPlatform {
	t.Helper()
	platform := &v1alpha1.BlogPlatform{}
	if err := s.client.Get(t.Context(), key(s.platform), platform); err != nil {
		t.Fatal(err)
	}
	return platform
}

func TestAStatusIsWrittenOnlyIfItChanged(t *testing.T) {
	s := scopeOver(t, platformOf("ns", "blog.example.com"))
	before := s.stored(t).ResourceVersion
	if err := s.writeStatus(t.Context(), s.platform.Status); err != nil || s.stored(t).ResourceVersion != before {
		t.Fatalf("the same status was written: %v", err)
	}
	if err := s.writeStatus(t.Context(), v1alpha1.BlogPlatformStatus{URL: "https://blog.example.com"}); err != nil || s.stored(t).Status.URL == "" {
		t.Fatalf("%v, %+v", err, s.stored(t).Status)
	}
	if s.platform.Status.URL != "" {
		t.Error("the platform that was read is modified")
	}
	if !s.stale(s.platform) || s.stale(s.stored(t)) {
		t.Error("a cache without the last write is not stale, or one with it is")
	}
}

func TestAStatusThatSomebodyElseHasWrittenIsAConflict(t *testing.T) {
	s := scopeOver(t, platformOf("ns", "blog.example.com"))
	other := s.newScope(s.platform)
	if err := other.writeStatus(t.Context(), v1alpha1.BlogPlatformStatus{URL: "https://a"}); err != nil {
		t.Fatal(err)
	}
	err := s.writeStatus(t.Context(), v1alpha1.BlogPlatformStatus{URL: "https://b"})
	if !apierrors.IsConflict(err) {
		t.Fatalf("%v, want a conflict", err)
	}
	result, err := s.report(t.Context(), report.Input{Platform: s.platform, Err: err})
	if err != nil || result.RequeueAfter != staleRetry {
		t.Errorf("a conflict is no failure: %+v, %v", result, err)
	}
}

func TestTheFinalizerIsWrittenOnceAndKeepsTheStatus(t *testing.T) {
	s := scopeOver(t, platformOf("ns", "blog.example.com"))
	if err := s.ensureFinalizer(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored := s.stored(t)
	if !slices.Contains(stored.Finalizers, naming.Finalizer) {
		t.Fatalf("finalizers %v", stored.Finalizers)
	}
	if err := s.ensureFinalizer(t.Context()); err != nil || s.stored(t).ResourceVersion != stored.ResourceVersion {
		t.Errorf("it was written again: %v", err)
	}
	if err := s.writeStatus(t.Context(), v1alpha1.BlogPlatformStatus{URL: "https://a"}); err != nil {
		t.Errorf("a status after the finalizer: %v", err)
	}
}

// planned has a child with data and one in the namespace of the gateway.
func planned() plan.Plan {
	return plan.Plan{Children: []plan.Child{childIn("ns", "Service"), childIn("istio-ingress", "Certificate"), childIn("ns", "PostgresCluster")}}
}

// TestWhatMustBeRememberedIsWrittenBeforeTheFirstChild in one write.
func TestWhatMustBeRememberedIsWrittenBeforeTheFirstChild(t *testing.T) {
	former := "example.com/Certificate/istio-ingress/former/3"
	change := v1alpha1.BlogPlatformStatus{Inventory: []string{former}, Release: v1alpha1.ReleaseStatus{Phase: v1alpha1.PhaseMigrating, Target: v1alpha1.ReleaseIdentity{Version: "v2"}},
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: report.ReasonVerified}}}
	for name, c := range map[string]struct {
		suspend   bool
		problem   *plan.Problem
		ahead     bool
		written   bool
		inventory int
		reason    string
	}{
		"a release begins":                       {ahead: true, written: true, inventory: 3, reason: report.ReasonReleaseInProgress},
		"nothing of the release changes":         {written: true, inventory: 3, reason: report.ReasonVerified},
		"a suspended platform":                   {suspend: true},
		"a problem, and no release is under way": {problem: &plan.Problem{}},
		"a problem, and a release goes back":     {problem: &plan.Problem{}, ahead: true, written: true, inventory: 1, reason: report.ReasonVerified},
	} {
		t.Run(name, func(t *testing.T) {
			platform := platformOf("ns", "blog.example.com")
			platform.Spec.Suspend = &c.suspend
			s := scopeOver(t, platform)
			in := report.Input{Platform: s.platform, Plan: planned(), Course: course.Course{Status: change, WriteAhead: c.ahead, Problem: c.problem}}
			in.Course.Release.Status = change.Release
			status, err := s.persist(t.Context(), noon, in)
			if err != nil || status.Release.Target.Version != "v2" {
				t.Fatalf("%v, %+v", err, status.Release)
			}
			stored := s.stored(t).Status
			if (stored.Release.Phase != "") != c.written || len(stored.Inventory) != c.inventory {
				t.Errorf("written: %+v", stored)
			}
			if isReady := meta.FindStatusCondition(stored.Conditions, v1alpha1.ConditionReady); c.written && isReady.Reason != c.reason {
				t.Errorf("Ready is %s, want %s", isReady.Reason, c.reason)
			}
			if hosts := len(stored.Hosts) > 0; hosts != (c.inventory == 3) {
				t.Errorf("hosts %v", stored.Hosts)
			}
		})
	}
}

func TestOfADatabaseOnlyTheInventoryTellsThatItIsOurs(t *testing.T) {
	s := scopeAt()
	for line, want := range map[string]bool{
		"postgres-operator.crunchydata.com/PostgresCluster/g11-stg/blog-db/7":  true,
		"postgres-operator.crunchydata.com/PostgresCluster/g11-stg/blog-db/":   false,
		"postgres-operator.crunchydata.com/PostgresCluster/g11-prod/blog-db/7": false,
		"cert-manager.io/Certificate/g11-stg/blog-db/7":                        false,
		"nonsense": false,
	} {
		if got := s.isDatabase(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// TestOnlyOurOwnKeyPairIsDeletedWithItsCertificate.
func TestOnlyOurOwnKeyPairIsDeletedWithItsCertificate(t *testing.T) {
	secret := func(name string, labels map[string]string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-ingress", Name: name, Labels: labels}}
	}
	platform := platformOf("ns", "blog.example.com")
	names := naming.Of(key(platform))
	s := scopeOver(t, platform, secret("ours", names.UnownedLabels()), secret("theirs", nil), secret("another", names.UnownedLabels()))
	err := s.deleteKeyPairs(t.Context(), []string{
		"cert-manager.io/Certificate/istio-ingress/ours/1", "cert-manager.io/Certificate/istio-ingress/theirs/2",
		"cert-manager.io/Certificate/istio-ingress/missing/3", "example.com/Other/istio-ingress/another/4", "nonsense",
	})
	if err != nil {
		t.Fatal(err)
	}
	var left corev1.SecretList
	if err := s.client.List(t.Context(), &left); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, secret := range left.Items {
		found = append(found, secret.Name)
	}
	if slices.Sort(found); !slices.Equal(found, []string{"another", "theirs"}) {
		t.Errorf("left are %v", found)
	}
}
