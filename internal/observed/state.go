package observed

import (
	"cmp"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/ready"
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
	// Jobs by name, those of migrations and of Verify.
	Jobs map[string]*unstructured.Unstructured
	// Refusals say why the API server refuses the pods of a Job, by the UID of the
	// Job; empty if it refuses none. They are known of Jobs without a pod only.
	Refusals map[types.UID]string
	// Services tells how far the Rollout of each service has come.
	Services map[naming.Service]release.Service
	// Hosts is who else claims the hosts of the platform.
	Hosts Hosts
	// Staging is the platform that the gate asks about, nil if there is none,
	// promote.NotWatched if the operator cannot see it.
	Staging *v1alpha1.BlogPlatform
	// Acting is since when the operator has reconciled the platform without a gap.
	Acting time.Time
	// Provider is the identity provider, nil where none is configured.
	Provider *Provider
}

// Hosts is what decides whether a platform may have its hosts.
type Hosts struct {
	// Limited is true if the namespace may claim hosts in Domains only, which are
	// separated by commas.
	Limited bool
	Domains string
	// Serves are the hosts that the platform itself serves.
	Serves []string
	// Claims of other platforms on the same hosts.
	Claims []Claim
}

// Claim of a platform on hosts.
type Claim struct {
	Platform types.NamespacedName
	Created  metav1.Time
	// Hosts that it claims, and those that it serves.
	Hosts, Serves []string
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

// Job is how far a Job has come.
type Job struct {
	// Started is true once one of its containers has run.
	Started bool
	// Cause is why it gets no further; empty if that is not known.
	Cause string
}

// JobProgress tells how far a Job has come. Of one that has succeeded nothing else
// is looked at: its pods may be deleted.
func (s State) JobProgress(job *unstructured.Unstructured) Job {
	if fields.Int32(job, "status", "succeeded") > 0 {
		return Job{Started: true}
	}
	pods := s.PodsOfJob(job.GetName())
	if len(pods) == 0 {
		cause := cmp.Or(s.Refusals[job.GetUID()], "see whether the Job controller runs, and look at its events")
		return Job{Cause: fields.Name(job) + " has no pod: " + cause}
	}
	started := slices.ContainsFunc(pods, func(pod corev1.Pod) bool { return pod.Status.Phase != corev1.PodPending })
	return Job{Started: started, Cause: ready.Cause(pods)}
}

// JobVerdict adds to a verdict on a Job why: the message with which its last pod failed
// (which statement of a migration, which part of Verify) or, while it runs, why its pod
// cannot start or is refused.
func (s State) JobVerdict(verdict ready.Verdict, job *unstructured.Unstructured) ready.Verdict {
	pods := s.PodsOfJob(job.GetName())
	if last := lastFailure(pods); last != nil {
		verdict.Message += "; its last attempt ended with: " + message.Quote(last.Message)
		return verdict
	}
	cause := ready.Cause(pods)
	if len(pods) == 0 {
		cause = s.Refusals[job.GetUID()]
	}
	if verdict.State == ready.Progressing && cause != "" {
		verdict.Message += ": " + cause
	}
	return verdict
}

// lastFailure is how the container ended that failed last with a message; nil if none did.
func lastFailure(pods []corev1.Pod) *corev1.ContainerStateTerminated {
	var last *corev1.ContainerStateTerminated
	for _, pod := range pods {
		for _, status := range pod.Status.ContainerStatuses {
			ended := status.State.Terminated
			if ended == nil || ended.ExitCode == 0 || ended.Message == "" {
				continue
			}
			if last == nil || last.FinishedAt.Before(&ended.FinishedAt) {
				last = ended
			}
		}
	}
	return last
}

// PastDeadline tells whether Kubernetes has ended a Job because of its deadline.
func PastDeadline(job *unstructured.Unstructured) bool {
	reason, _ := fields.ConditionTrue(job, string(batchv1.JobFailed))
	return reason == batchv1.JobReasonDeadlineExceeded
}
