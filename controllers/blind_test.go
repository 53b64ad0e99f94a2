package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	fakeclient "sigs.k8s.io/controller-runtime/pkg/client/fake"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// passOver is a pass over a platform that was Ready and Available before.
func passOver(t *testing.T, now time.Time) (*pass, client.Client) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	platform := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "blog", Generation: 3}}
	platform.Status.ObservedGeneration = 2
	for _, name := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionAvailable, v1alpha1.ConditionWorkloadsReady} {
		meta.SetStatusCondition(&platform.Status.Conditions, metav1.Condition{Type: name, Status: metav1.ConditionTrue, Reason: "Verified", Message: "fine", ObservedGeneration: 2})
	}
	c := fakeclient.NewClientBuilder().WithScheme(scheme).WithObjects(platform).WithStatusSubresource(platform).Build()
	key := client.ObjectKeyFromObject(platform)
	if err := c.Get(t.Context(), key, platform); err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{client: c, now: func() time.Time { return now }}
	return &pass{Reconciler: r, platform: platform, names: naming.Of(key), before: *platform.Status.DeepCopy(), began: *platform.Status.DeepCopy()}, c
}

// says fails the test unless a condition, of the generation that was observed, has
// a status and a reason, and its message holds a text.
func says(t *testing.T, platform *v1alpha1.BlogPlatform, name string, status metav1.ConditionStatus, reason, text string) {
	t.Helper()
	c := meta.FindStatusCondition(platform.Status.Conditions, name)
	if c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, text) || c.ObservedGeneration != platform.Status.ObservedGeneration {
		t.Errorf("%s is %+v, want %s (%s): %s", name, c, status, reason, text)
	}
}

// TestAPlatformThatCannotBeSeenIsNotSaidToBeReady: the operator lacks a right,
// for instance after an upgrade before its roles.
func TestAPlatformThatCannotBeSeenIsNotSaidToBeReady(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "argoproj.io", Resource: "rollouts"}, "", fmt.Errorf("User \"operator\" cannot list resource"))
	for name, test := range map[string]struct {
		cause error
		says  string
	}{
		"a right is missing":     {fmt.Errorf("list Rollout in ns: %w", forbidden), "rollouts.argoproj.io is forbidden"},
		"nothing answers":        {fmt.Errorf("list Rollout in ns: %w", context.DeadlineExceeded), "the API server does not answer in time"},
		"it cannot be connected": {fmt.Errorf("list Rollout in ns: connection refused"), "the API server cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			p, c := passOver(t, now)
			p.platform.Status.Release.Phase = v1alpha1.PhaseAborting // decided by the pass that failed, and never written
			expired, cancel := context.WithCancel(t.Context())
			cancel()
			if err := p.reportBlind(expired, test.cause); err != nil {
				t.Fatal(err)
			}
			got := &v1alpha1.BlogPlatform{}
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(p.platform), got); err != nil {
				t.Fatal(err)
			}
			says(t, got, v1alpha1.ConditionReady, metav1.ConditionUnknown, "ObservationFailed", test.says)
			says(t, got, v1alpha1.ConditionDatabaseReady, metav1.ConditionUnknown, "NotObserved", "nothing was seen yet")
			if !meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionReconciling) || !meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionAvailable) {
				t.Errorf("conditions %+v", got.Status.Conditions)
			}
			if got.Status.Release.Phase != "" || got.Status.ObservedGeneration != 2 {
				t.Errorf("what was not observed is written: %+v", got.Status)
			}

			// The next pass that fails alike writes nothing.
			again, _ := passOver(t, now.Add(time.Minute))
			again.client, again.platform, again.before = c, got.DeepCopy(), *got.Status.DeepCopy()
			if err := again.reportBlind(t.Context(), test.cause); err != nil {
				t.Fatal(err)
			}
			if !equality.Semantic.DeepEqual(again.platform, got) {
				t.Error("the same is written again")
			}
		})
	}
}
