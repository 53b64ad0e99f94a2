package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/test/operator/harness"
)

// TestACrashAfterEveryTenthWrite kills the operator at the first, the eleventh,
// the twenty-first write and so on of a platform's life, and starts another.
func TestACrashAfterEveryTenthWrite(t *testing.T) {
	w := newWorld(t)
	undisturbed := w.lifeWithCrash(0)
	if len(undisturbed) < 40 {
		t.Fatalf("a platform has %d children", len(undisturbed))
	}
	for n := 1; !t.Failed(); n += 10 {
		disturbed := w.lifeWithCrash(n)
		if disturbed == nil {
			return // it was Ready before
		}
		if diff := cmp.Diff(undisturbed, disturbed); diff != "" {
			t.Errorf("after a crash at write %d (-undisturbed +crashed):\n%s", n, diff)
		}
	}
}

// lifeWithCrash brings a platform to Ready with an operator that crashes after
// write n, and one that takes over; answers its children, and deletes it. It
// answers nothing if the first operator has less than n writes to make.
func (w world) lifeWithCrash(n int) map[string]any {
	w.Helper()
	since := harness.Tail(w.T)
	p := w.Given("production", harness.DeletionPolicy(v1alpha1.Delete, "blog"))
	var children map[string]any
	if n == 0 || w.crashes(p, n) {
		defer harness.Start(w.T).Stop()
		w.UntilReady(p)
		children = map[string]any{}
		for name, child := range w.Children(p) {
			children[lasting(name)] = undated(&child)
		}
		w.createdOnce(since)
	} else {
		defer harness.Start(w.T).Stop()
	}
	w.DeletePlatform(p)
	if left := w.Left(p); len(left) > 0 {
		w.Errorf("after a crash at write %d a deletion leaves %v", n, left)
	}
	return children
}

// lasting is the name of a child without what differs between two databases: Jobs
// of migrations are named by theirs, so that they run again on another one.
func lasting(name string) string {
	if strings.Contains(name, "-expand-") {
		return name[:strings.LastIndex(name, "-")]
	}
	return name
}

// crashes runs an operator until its write n, or until the platform is Ready.
func (w world) crashes(p *v1alpha1.BlogPlatform, n int) (does bool) {
	w.Helper()
	crashed := make(chan struct{})
	defer harness.Start(w.T, harness.CrashAt(harness.Nth(n), crashed)).Stop()
	w.Until(fmt.Sprintf("a crash at write %d", n), func(ctx context.Context) error {
		select {
		case <-crashed:
			does = true
			return nil
		default:
		}
		if err := w.Refresh(ctx, p); err != nil {
			return err
		}
		if meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady) {
			return nil
		}
		return errors.New(harness.ConditionsOf(p))
	})
	return does
}

// TestWhatWasWrittenJustBeforeACrashGoesWithThePlatform: no ownerReference can
// hold the Certificate, and nobody heard that it was written.
func TestWhatWasWrittenJustBeforeACrashGoesWithThePlatform(t *testing.T) {
	w := newWorld(t)
	// With its Secret in place, the first pass comes as far as the Certificate.
	w.Create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "mine"}, StringData: map[string]string{"key": "thirty-two-bytes-thirty-two-bytes"}})
	p := w.Given("staging", harness.WithCookiesOf("mine"))
	crashed := make(chan struct{})
	first := harness.Start(t, harness.CrashAt(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/certificates/"+w.Namespace+".blog") }, crashed))
	<-crashed
	first.Stop()
	certificate := w.Object("Certificate", w.Namespace+".blog")
	certificate.SetNamespace("istio-ingress")
	w.Get(certificate)
	if err := harness.Cluster.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	harness.Start(t)
	w.UntilGone(p)
	w.Until("its Certificate gone", func(ctx context.Context) error { return harness.Gone(ctx, certificate) })
}

// undated is an object without what differs from one life to the next.
func undated(u *unstructured.Unstructured) map[string]any {
	fields := harness.Intent(u)
	owners := u.GetOwnerReferences()
	for i := range owners {
		owners[i].UID = ""
	}
	annotations := u.GetAnnotations()
	delete(annotations, "rollout.argoproj.io/revision")
	fields["metadata"] = map[string]any{"labels": u.GetLabels(), "annotations": annotations, "ownerReferences": owners}
	switch u.GetKind() {
	case "Job": // the API server adds the UID of the Job to both
		unstructured.RemoveNestedField(fields, "spec", "selector")
		unstructured.RemoveNestedField(fields, "spec", "template", "metadata", "labels")
	case "Service":
		unstructured.RemoveNestedField(fields, "spec", "clusterIP")
		unstructured.RemoveNestedField(fields, "spec", "clusterIPs")
	}
	return fields
}

// createdOnce fails the test if the operator created an object twice.
func (w world) createdOnce(since int64) {
	w.Helper()
	created := map[string]int{}
	for _, e := range harness.Requests(w.T, since) {
		if e.ResponseStatus.Code == http.StatusCreated && e.ObjectRef.Resource != "events" && !strings.Contains(e.RequestURI, "dryRun") {
			created[e.Object()]++
		}
	}
	for object, n := range created {
		if n > 1 {
			w.Errorf("%s was created %d times", object, n)
		}
	}
}

// TestAnAPIServerThatFailsNowAndThen answers every fourth request wrongly for a
// while: by an error, by none in time, or by losing the answer to what it did.
func TestAnAPIServerThatFailsNowAndThen(t *testing.T) {
	w := newWorld(t)
	var requests, faults atomic.Int64
	faults.Store(60)
	harness.Start(t, harness.Through(func(next http.RoundTripper) http.RoundTripper {
		return harness.RoundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("watch") != "" || faults.Load() == 0 || requests.Add(1)%4 != 0 {
				return next.RoundTrip(r)
			}
			switch faults.Add(-1) % 6 {
			case 0:
				return answer(r, http.StatusConflict, metav1.StatusReasonConflict), nil
			case 1:
				return answer(r, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests), nil
			case 2:
				return answer(r, http.StatusInternalServerError, metav1.StatusReasonInternalError), nil
			case 3:
				return answer(r, http.StatusGatewayTimeout, metav1.StatusReasonTimeout), nil
			case 4:
				if response, err := next.RoundTrip(r); err == nil {
					_ = response.Body.Close()
				}
				return nil, io.ErrUnexpectedEOF
			default:
				return nil, context.DeadlineExceeded
			}
		})
	}))
	p := w.GivenReady("production")
	w.Steady(p)
	if left := faults.Load(); left > 0 {
		t.Errorf("%d faults were left when the platform was Ready", left)
	}
	faults.Store(6)
	w.DeletePlatform(p)
}

func answer(r *http.Request, code int32, reason metav1.StatusReason) *http.Response {
	status, _ := json.Marshal(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status: metav1.StatusFailure, Code: code, Reason: reason, Message: "a fault of the test"}) // a struct of strings
	return &http.Response{Request: r, StatusCode: int(code), Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(status)), ProtoMajor: 1, ProtoMinor: 1}
}

// TestAFaultThatStaysIsToldAndNothingIsPrunedMeanwhile: what is wrong for more
// than a moment is not kept back, and what may still be needed stays.
func TestAFaultThatStaysIsToldAndNothingIsPrunedMeanwhile(t *testing.T) {
	w := newWorld(t)
	var broken atomic.Bool
	harness.Start(t, harness.Through(func(next http.RoundTripper) http.RoundTripper {
		return harness.RoundTripper(func(r *http.Request) (*http.Response, error) {
			if broken.Load() && harness.IsWrite(r) && strings.Contains(r.URL.Path, "/gateways/") {
				return answer(r, http.StatusInternalServerError, metav1.StatusReasonInternalError), nil
			}
			return next.RoundTrip(r)
		})
	}))
	p := w.GivenReady("production", func(p *v1alpha1.BlogPlatform) {
		p.Spec.Services.User = v1alpha1.Service{Autoscaling: &v1alpha1.Autoscaling{Min: 2, Max: 3}}
	})
	broken.Store(true)
	w.Edit(p, func(p *v1alpha1.BlogPlatform) {
		p.Spec.Hosts = append(p.Spec.Hosts, "www."+p.Spec.Hosts[0])
		p.Spec.Services.User.Autoscaling = nil
	})
	w.UntilCondition(p, v1alpha1.ConditionMeshReady, metav1.ConditionFalse, "ApplyFailed", "a fault of the test")
	autoscaler := w.Get(w.Object("HorizontalPodAutoscaler", "blog-user"))
	broken.Store(false)
	w.UntilReady(p)
	w.Until("its HorizontalPodAutoscaler gone", func(ctx context.Context) error { return harness.Gone(ctx, autoscaler) })
	w.DeletePlatform(p)
}
