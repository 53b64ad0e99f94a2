package command

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
	"blogplatform.io/operator/internal/plan"
)

// pause is how long to wait before an API server is asked again that did not answer.
const pause = time.Second

// passes tells of errors after which the same request may succeed: an API
// server on its way, or a network that fails.
func passes(err error) bool {
	var network *url.Error
	return errors.As(err, &network) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsInternalError(err)
}

// retry is when to look again although nothing changed: after an error, soon.
func retry(err error) <-chan time.Time {
	if err == nil {
		return nil
	}
	return time.After(pause)
}

// follow signals changes until the context ends. API servers end watches after
// a while, and are restarted; then another watch is begun.
func follow(ctx context.Context, reader client.WithWatch, changed chan<- struct{}, list *unstructured.UnstructuredList, options ...client.ListOption) error {
	for ctx.Err() == nil {
		watcher, err := reader.Watch(ctx, list.DeepCopy(), options...)
		switch {
		case err == nil:
			forward(watcher, changed)
		case !passes(err):
			return fmt.Errorf("watch: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return ctx.Err()
}

// forward signals the events of a watch until it ends.
func forward(watcher watch.Interface, changed chan<- struct{}) {
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		if event.Type == watch.Error {
			return
		}
		select {
		case changed <- struct{}{}:
		default: // it is known already
		}
	}
}

func listOf(kind string) *unstructured.UnstructuredList {
	gvk := platform.KindOf(plan.Kinds, kind)
	if kind == platform.Kind.Kind {
		gvk = platform.Kind
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(kind + "List"))
	return list
}
