package faker

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	argo "github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
)

// Kind is a kind of child whose controller is faked.
type Kind string

// The kinds.
const (
	SealedSecret    Kind = "SealedSecret"
	Certificate     Kind = "Certificate"
	PostgresCluster Kind = "PostgresCluster"
	Rollout         Kind = "Rollout"
	Job             Kind = "Job"
)

// UserAgent is that of the faker's requests, in the audit log too.
const UserAgent = "faker"

const (
	// managed selects the children of BlogPlatforms.
	managed = "app.kubernetes.io/managed-by=blogplatform"
	// retry is how soon a write that failed is tried again, and a watch that ended is begun again.
	retry = 50 * time.Millisecond
	// workers is how many objects are answered at the same time.
	workers = 16
)

// Behaviour is how the controller of a kind treats an object. The zero value
// answers at once and well.
type Behaviour struct {
	// Delay is waited before each write, of which an object takes one to four.
	Delay time.Duration
	// Fail reports what the real controller reports when it cannot succeed:
	// ciphertext that no key opens, a failed issuance or renewal, instances that are not
	// ready, a first rollout past its deadline, a failed Job. A later rollout is Unpullable.
	Fail bool
	// Absent writes nothing, as if the controller were not running.
	Absent bool
	// Hold keeps canaries at their pauses, which else last for Delay instead of
	// the time that the step says. A pause without a duration always waits until
	// somebody clears status.pauseConditions.
	Hold bool
	// Expire ends a Job by its deadline, and lets an issued certificate expire as
	// if cert-manager were away: it is still called ready.
	Expire bool
	// Says is the termination message of a Job that succeeds. Without one nobody sees its pod.
	Says string
	// FailBackups has the last scheduled full backup of a PostgresCluster fail.
	FailBackups bool
	// Unpullable keeps the pods of a new template from becoming available. Those
	// of the stable one stay as they are. As the real Argo Rollouts does with
	// Istio's subsets, the Rollout does not say so, however long it takes.
	Unpullable bool
	// Analysis ends in Failed, Error or Inconclusive for every canary that gets traffic,
	// by a metric (success-rate if empty). Its AnalysisRun is gone before anybody looks.
	Analysis argo.AnalysisPhase
	Metric   string
}

// Options of a faker.
type Options struct {
	// Behaviour towards every object that Set says nothing about.
	Behaviour Behaviour
	// Missing are the names of issuers and StorageClasses that do not exist.
	Missing []string
}

// Faker writes the status of children. It is safe for concurrent use.
type Faker struct {
	client dynamic.Interface
	queue  workqueue.TypedDelayingInterface[item]

	mu         sync.Mutex
	objects    map[item]*unstructured.Unstructured
	references map[referenceKey]*unstructured.Unstructured
	rules      map[rule]Behaviour
	missing    map[string]bool
	// gaveUp holds, by UID, the generation of each SealedSecret that is not looked at again.
	gaveUp map[types.UID]int64
	// templates are the hashes of the pod templates that a Rollout ever had, in the order of their ReplicaSets.
	templates map[string][]string
}

// item is an object by its key, namespace/name.
type item struct {
	kind Kind
	key  string
}

type rule struct {
	kind   Kind
	prefix string
}

// controller fakes the controller of one kind: a step makes the next write
// that the live object needs, and the event of that write leads to the next step.
type controller struct {
	kind     Kind
	resource schema.GroupVersionResource
	step     func(context.Context, *unstructured.Unstructured, Behaviour) error
}

func (f *Faker) controllers() []controller {
	return []controller{
		{SealedSecret, sealedSecrets, f.stepSealedSecret},
		{Certificate, certificates, f.stepCertificate},
		{PostgresCluster, postgresClusters, f.stepPostgresCluster},
		{Rollout, rollouts, f.stepRollout},
		{Job, jobs, f.stepJob},
	}
}

// New returns a faker that writes with the rights of config. Start starts it.
func New(config *rest.Config, options Options) (*Faker, error) {
	own := rest.CopyConfig(config)
	own.UserAgent, own.QPS = UserAgent, -1
	own.WarningHandler = rest.NoWarnings{} // the API server warns of key pairs that are none
	c, err := dynamic.NewForConfig(own)
	if err != nil {
		return nil, fmt.Errorf("faker of child status: %w", err)
	}
	f := &Faker{
		client: c, queue: workqueue.NewTypedDelayingQueue[item](),
		objects: map[item]*unstructured.Unstructured{}, references: map[referenceKey]*unstructured.Unstructured{}, rules: map[rule]Behaviour{},
		templates: map[string][]string{}, gaveUp: map[types.UID]int64{},
	}
	for _, controller := range f.controllers() {
		f.rules[rule{controller.kind, ""}] = options.Behaviour
	}
	f.Missing(options.Missing...)
	return f, nil
}

// Start watches and answers until the context ends. It returns at once. A kind
// that the cluster does not serve yet is waited for.
func (f *Faker) Start(ctx context.Context) {
	steps := map[Kind]func(context.Context, *unstructured.Unstructured, Behaviour) error{}
	for _, c := range f.controllers() {
		steps[c.kind] = c.step
		go f.watchAlways(ctx, c.resource, func(event watch.EventType, u *unstructured.Unstructured) { f.saw(c.kind, event, u) })
	}
	go f.watchAlways(ctx, secrets, f.sawSecret)
	for _, resource := range []schema.GroupVersionResource{analysisTemplates, virtualServices, destinationRules, services} {
		go f.watchAlways(ctx, resource, func(event watch.EventType, u *unstructured.Unstructured) { f.sawReference(resource, event, u) })
	}
	for range workers {
		go func() {
			for f.next(ctx, steps) {
			}
		}()
	}
	go func() {
		<-ctx.Done()
		f.queue.ShutDown()
	}()
}

// Set says how a kind is treated from now on: all of it (prefix ""), a
// namespace ("g11-stg/") or some objects in it ("g11-stg/blog-user"). The
// longest prefix that fits an object counts.
func (f *Faker) Set(kind Kind, prefix string, behaviour Behaviour) {
	f.mu.Lock()
	f.rules[rule{kind, prefix}] = behaviour
	f.mu.Unlock()
	f.again(func(i item) bool { return i.kind == kind && strings.HasPrefix(i.key, prefix) })
}

// Missing says which issuers and StorageClasses do not exist from now on.
func (f *Faker) Missing(names ...string) {
	missing := map[string]bool{}
	for _, name := range names {
		missing[name] = true
	}
	f.mu.Lock()
	f.missing = missing
	f.mu.Unlock()
	f.again(func(i item) bool { return i.kind == Certificate || i.kind == PostgresCluster })
}

// again looks at some objects anew.
func (f *Faker) again(these func(item) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, object := range f.objects {
		if these(i) {
			delete(f.gaveUp, object.GetUID()) // as a controller that is started again
			f.queue.AddAfter(i, f.behaviour(i).Delay)
		}
	}
}

func (f *Faker) isMissing(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.missing[name]
}

// behaviour needs the lock.
func (f *Faker) behaviour(i item) Behaviour {
	longest := rule{i.kind, ""}
	for r := range f.rules {
		if r.kind == i.kind && strings.HasPrefix(i.key, r.prefix) && len(r.prefix) > len(longest.prefix) {
			longest = r
		}
	}
	return f.rules[longest]
}

func (f *Faker) saw(kind Kind, event watch.EventType, u *unstructured.Unstructured) {
	i := item{kind, u.GetNamespace() + "/" + u.GetName()}
	f.mu.Lock()
	defer f.mu.Unlock()
	if event == watch.Deleted {
		delete(f.objects, i)
		return
	}
	f.objects[i] = u
	f.queue.AddAfter(i, f.behaviour(i).Delay)
}

// next answers one object.
func (f *Faker) next(ctx context.Context, steps map[Kind]func(context.Context, *unstructured.Unstructured, Behaviour) error) bool {
	i, shutdown := f.queue.Get()
	if shutdown {
		return false
	}
	defer f.queue.Done(i)
	f.mu.Lock()
	object, behaviour := f.objects[i], f.behaviour(i)
	f.mu.Unlock()
	if object == nil || behaviour.Absent {
		return true
	}
	err := steps[i.kind](ctx, object.DeepCopy(), behaviour)
	if err == nil || apierrors.IsNotFound(err) || ctx.Err() != nil {
		return true // of an object that is gone an event tells
	}
	if !apierrors.IsConflict(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		fmt.Fprintf(os.Stderr, "faker of child status: %s %s: %v\n", i.kind, i.key, err)
	}
	f.queue.AddAfter(i, retry)
	return true
}

// watchAlways hands over every child of a resource, now and whenever it changes.
func (f *Faker) watchAlways(ctx context.Context, resource schema.GroupVersionResource, saw func(watch.EventType, *unstructured.Unstructured)) {
	for ctx.Err() == nil {
		// What ends a watch is a missing CRD, an API server on its way, or time: all are waited for.
		_ = f.watchOnce(ctx, resource, saw)
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

func (f *Faker) watchOnce(ctx context.Context, resource schema.GroupVersionResource, saw func(watch.EventType, *unstructured.Unstructured)) error {
	list, err := f.client.Resource(resource).List(ctx, metav1.ListOptions{LabelSelector: managed})
	if err != nil {
		return err
	}
	for i := range list.Items {
		saw(watch.Added, &list.Items[i])
	}
	w, err := f.client.Resource(resource).Watch(ctx, metav1.ListOptions{LabelSelector: managed, ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		return err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if u, ok := event.Object.(*unstructured.Unstructured); ok && event.Type != watch.Error {
			saw(event.Type, u)
		}
	}
	return nil
}
