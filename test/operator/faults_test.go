package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"blogplatform.io/operator/api/v1alpha1"
)

// These tests have operators of their own, and the cluster for themselves.

// roundTripper is a transport made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func isWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events")
}

// crashAt lets the first write that is one of those reach the API server and
// nothing after it, not even its answer, as if the process had died. It closes
// crashed then.
func crashAt(those func(*http.Request) bool, crashed chan struct{}) setting {
	var mu sync.Mutex
	dead := false
	last := func(r *http.Request) (last, dies bool) {
		mu.Lock()
		defer mu.Unlock()
		if dead {
			return false, true
		}
		dead = isWrite(r) && those(r)
		return dead, dead
	}
	return through(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			last, dies := last(r)
			if !dies {
				return next.RoundTrip(r)
			}
			if last {
				if response, err := next.RoundTrip(r); err == nil {
					_ = response.Body.Close()
				}
				close(crashed)
			}
			return nil, errors.New("this process has crashed")
		})
	})
}

// nth is the n-th write.
func nth(n int) func(*http.Request) bool {
	return func(*http.Request) bool { n--; return n == 0 }
}

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
	since := tail(w.T)
	p := w.given("production", deletionPolicy(v1alpha1.Delete, "blog"))
	var children map[string]any
	if n == 0 || w.crashes(p, n) {
		defer start(w.T).stop()
		w.untilReady(p)
		children = map[string]any{}
		for name, child := range w.children(p) {
			children[name] = undated(&child)
		}
		w.createdOnce(since)
	} else {
		defer start(w.T).stop()
	}
	w.deletePlatform(p)
	if left := w.left(p); len(left) > 0 {
		w.Errorf("after a crash at write %d a deletion leaves %v", n, left)
	}
	return children
}

// crashes runs an operator until its write n, or until the platform is Ready.
func (w world) crashes(p *v1alpha1.BlogPlatform, n int) (does bool) {
	w.Helper()
	crashed := make(chan struct{})
	defer start(w.T, crashAt(nth(n), crashed)).stop()
	w.until(fmt.Sprintf("a crash at write %d", n), func(ctx context.Context) error {
		select {
		case <-crashed:
			does = true
			return nil
		default:
		}
		if err := w.refresh(ctx, p); err != nil {
			return err
		}
		if meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady) {
			return nil
		}
		return errors.New(conditionsOf(p))
	})
	return does
}

// TestWhatWasWrittenJustBeforeACrashGoesWithThePlatform: no ownerReference can
// hold the Certificate, and nobody heard that it was written.
func TestWhatWasWrittenJustBeforeACrashGoesWithThePlatform(t *testing.T) {
	w := newWorld(t)
	// With its Secret in place, the first pass comes as far as the Certificate.
	w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "mine"}, StringData: map[string]string{"key": "thirty-two-bytes-thirty-two-bytes"}})
	p := w.given("staging", withCookiesOf("mine"))
	crashed := make(chan struct{})
	first := start(t, crashAt(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/certificates/"+w.namespace+".blog") }, crashed))
	<-crashed
	first.stop()
	certificate := w.object("Certificate", w.namespace+".blog")
	certificate.SetNamespace("istio-ingress")
	w.get(certificate)
	if err := cluster.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	start(t)
	w.untilGone(p)
	w.until("its Certificate gone", func(ctx context.Context) error { return gone(ctx, certificate) })
}

// undated is an object without what differs from one life to the next.
func undated(u *unstructured.Unstructured) map[string]any {
	fields := intent(u)
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
	for _, e := range requests(w.T, since) {
		if e.ResponseStatus.Code == http.StatusCreated && e.ObjectRef.Resource != "events" && !strings.Contains(e.RequestURI, "dryRun") {
			created[e.object()]++
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
	start(t, through(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
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
	p := w.givenReady("production")
	w.steady(p)
	if left := faults.Load(); left > 0 {
		t.Errorf("%d faults were left when the platform was Ready", left)
	}
	faults.Store(6)
	w.deletePlatform(p)
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
	start(t, through(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if broken.Load() && isWrite(r) && strings.Contains(r.URL.Path, "/gateways/") {
				return answer(r, http.StatusInternalServerError, metav1.StatusReasonInternalError), nil
			}
			return next.RoundTrip(r)
		})
	}))
	p := w.givenReady("production")
	broken.Store(true)
	w.edit(p, func(p *v1alpha1.BlogPlatform) {
		p.Spec.Hosts = append(p.Spec.Hosts, "www."+p.Spec.Hosts[0])
		p.Spec.Services.User.Replicas = new(int32(1))
	})
	w.untilCondition(p, v1alpha1.ConditionMeshReady, metav1.ConditionFalse, "ApplyFailed", "a fault of the test")
	budget := w.get(w.object("PodDisruptionBudget", "blog-user"))
	broken.Store(false)
	w.untilReady(p)
	w.until("its PodDisruptionBudget gone", func(ctx context.Context) error { return gone(ctx, budget) })
	w.deletePlatform(p)
}
