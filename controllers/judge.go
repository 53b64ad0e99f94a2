package controllers

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/message"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
)

// judge asks internal/ready for its verdict on a child and, where that is not
// ready, looks one step further for the cause.
func (e *enactment) judge(ctx context.Context, child plan.Child, live *unstructured.Unstructured) (ready.Verdict, error) {
	if len(child.SecretKeys) > 0 {
		keys, err := e.keyring.keys(ctx, key(e.platform), child.Object.GetName())
		return ready.SealedSecret(live, keys, child.SecretKeys), err
	}
	verdict := ready.Judge(child.Object, live, e.now())
	if live == nil {
		return verdict, nil
	}
	if child.Object.GetKind() == "Certificate" {
		return e.certificateCause(ctx, child.Object, live, verdict)
	}
	if verdict.Good() {
		return verdict, nil
	}
	switch child.Object.GetKind() {
	case "PostgresCluster":
		return e.volumePending(verdict), nil
	case "Job":
		return e.judgeJob(ctx, verdict, live)
	case "Rollout":
		if cause := e.state.Services[e.names.ServiceOf(live.GetName())].Cause; cause != "" {
			verdict.Message += ": " + cause
		}
	}
	return verdict, nil
}

// volumePending replaces the verdict on the database if a volume of it is not there.
func (e *enactment) volumePending(verdict ready.Verdict) ready.Verdict {
	class, found := "", false
	for _, claim := range e.state.Volumes {
		if claim.Status.Phase != corev1.ClaimPending {
			continue
		}
		name := "the cluster's default StorageClass"
		if claim.Spec.StorageClassName != nil {
			name = "StorageClass " + *claim.Spec.StorageClassName
		}
		if !found || name < class {
			class, found = name, true
		}
	}
	if found {
		verdict.Reason = reasonVolumePending
		verdict.Message = fmt.Sprintf("PostgresCluster %s/%s waits for volumes of %s: does it exist, and does it have room? Look at its PersistentVolumeClaims",
			e.names.Namespace, e.names.Database(), class)
	}
	return verdict
}

// writeFailed turns the error of a write into a verdict to act on. A single failure of
// the API server gets none: the child is as it was, and is judged as it is.
func (e *enactment) writeFailed(child plan.Child, err error) ready.Verdict {
	e.complete = false
	switch {
	case errors.Is(err, apply.ErrKindMissing):
		return failed(reasonKindMissing, err.Error())
	case errors.Is(err, apply.ErrNamespaceGone), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return failed(reasonNamespaceMissing, err.Error())
	}
	e.fail(err)
	what := fields.Name(child.Object)
	switch {
	case errors.Is(err, apply.ErrNotOurs):
		return failed(reasonNotOurs, err.Error())
	case message.Quota(err) != "":
		return failed(reasonQuotaExceeded, fmt.Sprintf("%s: ResourceQuota %s of namespace %s is used up; raise it or free some of it", what, message.Quota(err), child.Object.GetNamespace()))
	case apierrors.IsForbidden(err):
		return failed(reasonForbidden, what+": the API server forbids it: "+message.OfError(err))
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return failed(reasonRefused, what+": the API server refuses it: "+message.OfError(err))
	case e.failures.persist(e.platform.UID):
		return failed(reasonApplyFailed, what+": cannot be written: "+message.OfError(err))
	}
	return ready.Verdict{}
}

func failed(reason, message string) ready.Verdict {
	return ready.Verdict{State: ready.Failed, Reason: reason, Message: message}
}

// judgeJob adds to a verdict on a Job why. A Job that was created in this reconcile has
// no pods yet, so the API server is asked whether it refuses them.
func (e *enactment) judgeJob(ctx context.Context, verdict ready.Verdict, job *unstructured.Unstructured) (ready.Verdict, error) {
	state := e.state
	if _, known := state.Refusals[job.GetUID()]; !known && verdict.State == ready.Progressing && len(state.PodsOfJob(job.GetName())) == 0 {
		refusal, err := e.refusal(ctx, job)
		if err != nil {
			return verdict, err
		}
		state.Refusals = map[types.UID]string{job.GetUID(): refusal}
	}
	return state.JobVerdict(verdict, job), nil
}
