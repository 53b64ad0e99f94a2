package observed

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/release"
)

// State is the observed state of a platform.
type State struct {
	// CoWritten are the children with fields that Argo Rollouts or an autoscaler
	// writes, and those that show which hosts have a certificate: plan.Input.Observed.
	CoWritten []*unstructured.Unstructured
	// Rollouts by name.
	Rollouts map[string]*unstructured.Unstructured
	// Sets are the ControllerRevisions that keep sets of pod templates, by name.
	Sets map[string]*unstructured.Unstructured
	// Database is the PostgresCluster, nil if there is none.
	Database *unstructured.Unstructured
	// Volumes are the volume claims of the database, whoever made it, and Instances its pods.
	Volumes   []corev1.PersistentVolumeClaim
	Instances []corev1.Pod
	// Pods of the workloads and Jobs.
	Pods []corev1.Pod
	// Services tells how far the Rollout of each service has come.
	Services map[naming.Service]release.Service
	// Refusals say why the API server refuses the pods of a Job, by the UID of the
	// Job; empty if it refuses none. Only Jobs without a pod have one.
	Refusals map[types.UID]string
	// Provider is the identity provider, nil where none is configured.
	Provider *Provider
}

// Provider is what is known of an identity provider.
type Provider struct {
	// Known is false until it has answered for the first time.
	Known bool
	// Problem is what is wrong with it; nil if nothing is.
	Problem error
	// NotAllowed is true if the problem is that the operator may not dial its address.
	NotAllowed bool
}

// Rollout of a service, nil if there is none.
func (s State) Rollout(names naming.Platform, service naming.Service) *unstructured.Unstructured {
	return s.Rollouts[names.Workload(service)]
}

// DatabaseInstances counts the instances of PostgreSQL.
func (s State) DatabaseInstances() (ready, desired int32) {
	if s.Database == nil {
		return 0, 0
	}
	return fields.Sum(s.Database, "readyReplicas", "status", "instances"), fields.Sum(s.Database, "replicas", "spec", "instances")
}

// PodsOfJob are those of a Job by its name.
func (s State) PodsOfJob(name string) []corev1.Pod {
	var pods []corev1.Pod
	for _, pod := range s.Pods {
		if pod.Labels[batchv1.JobNameLabel] == name {
			pods = append(pods, pod)
		}
	}
	return pods
}
