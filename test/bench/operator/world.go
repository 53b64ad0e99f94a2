package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/test/bench/measure"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/given"
)

// creators create platforms side by side.
const creators = 10

// world is a control plane of its own, with or without a faker of child status.
type world struct {
	root   string
	cp     *controlplane.ControlPlane
	client client.WithWatch
	cancel context.CancelFunc
}

func newWorld(ctx context.Context, faking bool) (*world, error) {
	root, err := build.RepositoryRoot()
	if err != nil {
		return nil, err
	}
	cp, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		return nil, err
	}
	w := &world{root: root, cp: cp}
	ctx, w.cancel = context.WithCancel(ctx)
	if err := w.furnish(ctx, faking); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// furnish adds what a platform finds in a cluster and, if asked to, fakes of the controllers of the peers.
func (w *world) furnish(ctx context.Context, faking bool) (err error) {
	if w.client, err = client.NewWithWatch(w.config("bench"), client.Options{Scheme: kube.NewScheme()}); err != nil {
		return err
	}
	if err := given.Furnish(ctx, w.client); err != nil {
		return err
	}
	if !faking {
		return nil
	}
	f, err := faker.New(w.cp.Config, faker.Options{})
	if err != nil {
		return err
	}
	f.Start(ctx)
	return nil
}

func (w *world) close() {
	w.cancel()
	w.cp.Stop()
}

// config is for a client that the audit log can tell from others.
func (w *world) config(userAgent string) *rest.Config {
	c := rest.CopyConfig(w.cp.Config)
	c.UserAgent = userAgent
	return c
}

// platforms makes namespaces and the platforms for them, which are not created yet.
func (w *world) platforms(ctx context.Context, prefix string, n int) ([]*v1alpha1.BlogPlatform, error) {
	var platforms []*v1alpha1.BlogPlatform
	for i := range n {
		p, err := samplePlatform(w.root, fmt.Sprintf("%s-%03d", prefix, i))
		if err != nil {
			return nil, err
		}
		if err := w.client.Create(ctx, given.Namespace(p.Namespace)); err != nil {
			return nil, err
		}
		platforms = append(platforms, p)
	}
	return platforms, nil
}

// samplePlatform is the sample of production in another namespace.
func samplePlatform(root, namespace string) (*v1alpha1.BlogPlatform, error) {
	p, err := given.Platform(root, "production", namespace)
	if err != nil {
		return nil, err
	}
	// A provider would be asked over the network, and its answer be measured.
	p.Spec.Identity, p.Spec.Secrets.OIDC, p.Spec.Secrets.SCIM = nil, nil, nil
	return p, nil
}

// createAndAwait creates the platforms at once, and answers how long it takes
// until the last is Ready. After runs for each, as soon as it is created.
func (w *world) createAndAwait(ctx context.Context, platforms []*v1alpha1.BlogPlatform, after func(context.Context, *v1alpha1.BlogPlatform) error) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	go w.create(ctx, platforms, func(p *v1alpha1.BlogPlatform, err error) {
		if err == nil && after != nil {
			err = after(ctx, p)
		}
		if err != nil {
			cancel(fmt.Errorf("%s: %w", p.Namespace, err))
		}
	})
	return w.awaitReady(ctx, platforms, start)
}

func (w *world) create(ctx context.Context, platforms []*v1alpha1.BlogPlatform, created func(*v1alpha1.BlogPlatform, error)) {
	slots := make(chan struct{}, creators)
	for _, p := range platforms {
		slots <- struct{}{}
		go func() {
			err := w.client.Create(ctx, p)
			<-slots
			created(p, err)
		}()
	}
}

// awaitReady shows how many are Ready while it waits for all.
func (w *world) awaitReady(ctx context.Context, platforms []*v1alpha1.BlogPlatform, start time.Time) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waiting, said, seen := map[string]bool{}, "", make(chan client.Object)
	for _, p := range platforms {
		waiting[p.Namespace] = true
	}
	go watchAlways(ctx, w.client, &v1alpha1.BlogPlatformList{}, func(object client.Object) {
		select {
		case seen <- object:
		case <-ctx.Done():
		}
	})
	for len(waiting) > 0 {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d platforms are not Ready (%s): %w", len(waiting), len(platforms), said, context.Cause(ctx))
		case object := <-seen:
			condition := readyCondition(object)
			switch {
			case condition == nil || !waiting[object.GetNamespace()]:
			case condition.Status == metav1.ConditionTrue && condition.ObservedGeneration == object.GetGeneration():
				delete(waiting, object.GetNamespace())
				measure.Progress("%d of %d platforms are Ready after %.1f s", len(platforms)-len(waiting), len(platforms), time.Since(start).Seconds())
			default:
				said = object.GetNamespace() + ": " + condition.Message
			}
		}
	}
	return time.Since(start), nil
}

func readyCondition(object client.Object) *metav1.Condition {
	p, ok := object.(*v1alpha1.BlogPlatform)
	if !ok {
		return nil
	}
	return meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
}

// watchAlways hands over every object of a kind, now and whenever it changes.
// The API server ends a watch that does not keep up with it, so another follows.
func watchAlways(ctx context.Context, c client.WithWatch, list client.ObjectList, saw func(client.Object), options ...client.ListOption) {
	for ctx.Err() == nil {
		if err := watchOnce(ctx, c, list, saw, options...); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "bench-operator: watching:", err)
			_ = pass(ctx, time.Second)
		}
	}
}

func watchOnce(ctx context.Context, c client.WithWatch, list client.ObjectList, saw func(client.Object), options ...client.ListOption) error {
	if err := c.List(ctx, list, options...); err != nil {
		return err
	}
	if err := meta.EachListItem(list, func(object runtime.Object) error {
		saw(object.(client.Object))
		return nil
	}); err != nil {
		return err
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}}
	watcher, err := c.Watch(ctx, list, append(options, from)...)
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		if object, ok := event.Object.(client.Object); ok {
			saw(object)
		}
	}
	return nil
}

// prepare makes the namespaces of n platforms and of one more to warm up with.
func (w *world) prepare(ctx context.Context, n int) (warm, platforms []*v1alpha1.BlogPlatform, err error) {
	if warm, err = w.platforms(ctx, "warm-up", 1); err != nil {
		return nil, nil, err
	}
	platforms, err = w.platforms(ctx, "blog", n)
	return warm, platforms, err
}
