package kube

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

const (
	// FieldOwner is the name under which everything is written.
	FieldOwner = "blogplatform"
	// LabelCluster is on everything that the Crunchy operator makes for a PostgresCluster.
	LabelCluster = "postgres-operator.crunchydata.com/cluster"

	// leaderElectionID is the name of the Lease; the RBAC of the manager names it.
	leaderElectionID = "blogplatform.io"
	// The API server's own priority and fairness keeps clients apart. These
	// limits only end a defect of ours that writes in a loop.
	queriesPerSecond = 500
	burst            = 1000
)

// The kinds that are cached as metadata, whoever made them.
var (
	// Secrets are the users' own, too, which have no label of ours.
	Secrets = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
	// Namespaces tell when the one of a gateway appears or a label for the mesh changes.
	Namespaces = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
	// CRDs tell which kinds the cluster serves.
	CRDs = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}
	// Certificates are written into the namespaces of gateways.
	Certificates = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}
	// Issuers and ClusterIssuers sign certificates.
	Issuers        = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Issuer"}
	ClusterIssuers = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "ClusterIssuer"}
)

// NewScheme knows the types that are read and written as Go structs: those of
// core and the BlogPlatform. All children are unstructured.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// Config returns a copy of config with the operator's rate limits.
func Config(config *rest.Config) *rest.Config {
	limited := rest.CopyConfig(config)
	limited.QPS, limited.Burst = queriesPerSecond, burst
	return limited
}

// ManagerOptions are the settings of a manager that looks after the platforms of
// some namespaces, or of all if none is named, whose certificates are in those of
// gateways. Addresses and whether to elect a leader are left to the caller.
func ManagerOptions(watched, gateways []string) manager.Options {
	return manager.Options{
		Scheme: NewScheme(),
		Cache: cache.Options{
			DefaultNamespaces:    namespaces(watched),
			DefaultLabelSelector: labels.SelectorFromSet(labels.Set{naming.LabelManagedBy: naming.ManagedBy}),
			DefaultTransform:     slimChild,
			ByObject:             cached(watched, gateways),
		},
		NewCache: newCache,
		Client: client.Options{
			FieldOwner: FieldOwner,
			Cache:      &client.CacheOptions{Unstructured: true},
		},
		LeaderElectionID: leaderElectionID,
		// The process ends as soon as its manager does, so the next leader need not wait for the lease to run out.
		LeaderElectionReleaseOnCancel: true,
	}
}

// Metadata is an empty object by which the metadata of a kind is read and watched.
func Metadata(kind schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(kind)
	return object
}

// namespaces are settings that keep a cache to some namespaces, or nothing if none is named.
func namespaces(names []string) map[string]cache.Config {
	if len(names) == 0 {
		return nil
	}
	configs := map[string]cache.Config{}
	for _, name := range names {
		configs[name] = cache.Config{}
	}
	return configs
}

// cached are the kinds of which more, or less, is kept than the objects with our label
// in the namespaces that are watched.
func cached(watched, gateways []string) map[client.Object]cache.ByObject {
	everything := cache.ByObject{Label: labels.Everything()}
	byObject := map[client.Object]cache.ByObject{
		&v1alpha1.BlogPlatform{}:        everything,
		&corev1.Pod{}:                   {Transform: slimPod},
		&corev1.PersistentVolumeClaim{}: {Label: hasLabel(LabelCluster), Transform: slimClaim},
	}
	for _, kind := range []schema.GroupVersionKind{Secrets, Namespaces, CRDs, Issuers, ClusterIssuers} {
		byObject[Metadata(kind)] = cache.ByObject{Label: labels.Everything(), Transform: slimMetadata}
	}
	if len(watched) == 0 {
		return byObject
	}
	certificate := &unstructured.Unstructured{}
	certificate.SetGroupVersionKind(Certificates)
	byObject[certificate] = cache.ByObject{}
	for object, settings := range byObject {
		if kind := object.GetObjectKind().GroupVersionKind(); kind == Certificates || kind == Issuers {
			settings.Namespaces = namespaces(slices.Concat(watched, gateways))
			byObject[object] = settings
		}
	}
	return byObject
}

func hasLabel(name string) labels.Selector {
	requirement, err := labels.NewRequirement(name, selection.Exists, nil)
	utilruntime.Must(err)
	return labels.NewSelector().Add(*requirement)
}

// slimMetadata drops annotations: those that kubectl leaves hold whole objects, Secrets too.
// The one that limits hosts is kept.
func slimMetadata(object any) (any, error) {
	if metadata, ok := object.(*metav1.PartialObjectMetadata); ok {
		domains, limited := metadata.Annotations[naming.AnnotationDomains]
		metadata.ObjectMeta = slimMeta(metadata.ObjectMeta)
		if limited {
			metadata.Annotations = map[string]string{naming.AnnotationDomains: domains}
		}
	}
	return object, nil
}

// slimPod keeps of a pod what tells how old it is, whether it has a sidecar, and why it is not
// ready or how its containers ended.
func slimPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	meta := slimMeta(pod.ObjectMeta)
	meta.CreationTimestamp = pod.CreationTimestamp
	return &corev1.Pod{
		ObjectMeta: meta,
		Spec:       corev1.PodSpec{InitContainers: namesOnly(pod.Spec.InitContainers)},
		Status: corev1.PodStatus{
			Phase: pod.Status.Phase, Conditions: verdicts(pod.Status.Conditions),
			ContainerStatuses: states(pod.Status.ContainerStatuses), InitContainerStatuses: states(pod.Status.InitContainerStatuses),
		},
	}, nil
}

// verdicts are the conditions that tell whether a pod is ready, and why it has no node.
func verdicts(conditions []corev1.PodCondition) []corev1.PodCondition {
	var kept []corev1.PodCondition
	for _, c := range conditions {
		if c.Type == corev1.PodReady || c.Type == corev1.PodScheduled && c.Status != corev1.ConditionTrue {
			kept = append(kept, corev1.PodCondition{Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message})
		}
	}
	return kept
}

func namesOnly(containers []corev1.Container) []corev1.Container {
	var names []corev1.Container
	for _, container := range containers {
		names = append(names, corev1.Container{Name: container.Name})
	}
	return names
}

// states are those of containers that are not ready, or have ended.
func states(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for _, s := range statuses {
		if !s.Ready || s.State.Terminated != nil {
			kept = append(kept, corev1.ContainerStatus{Name: s.Name, Image: s.Image, Ready: s.Ready, State: s.State, LastTerminationState: s.LastTerminationState})
		}
	}
	return kept
}

// slimClaim keeps of a volume claim whose it is, whether it has a volume, how big
// that is and should be, and why it does not grow.
func slimClaim(object any) (any, error) {
	claim, ok := object.(*corev1.PersistentVolumeClaim)
	if !ok {
		return object, nil
	}
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: slimMeta(claim.ObjectMeta),
		Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: claim.Spec.StorageClassName, Resources: claim.Spec.Resources},
		Status: corev1.PersistentVolumeClaimStatus{
			Phase: claim.Status.Phase, Capacity: claim.Status.Capacity,
			Conditions: claim.Status.Conditions, AllocatedResourceStatuses: claim.Status.AllocatedResourceStatuses,
		},
	}, nil
}

func slimMeta(meta metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: meta.Namespace, Name: meta.Name, UID: meta.UID, ResourceVersion: meta.ResourceVersion,
		Labels: meta.Labels, DeletionTimestamp: meta.DeletionTimestamp,
	}
}
