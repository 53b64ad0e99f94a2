package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"blogplatform.io/operator/internal/apply"
	"blogplatform.io/operator/internal/ready"
)

// TestAWriteThatFailsSaysWhatToDo, and nothing is pruned after it.
func TestAWriteThatFailsSaysWhatToDo(t *testing.T) {
	services := schema.GroupResource{Resource: "services"}
	for name, c := range map[string]struct {
		err    error
		reason string
		says   string
		retry  bool
	}{
		"its kind is not installed":       {fmt.Errorf("apply: %w", apply.ErrKindMissing), reasonKindMissing, "", false},
		"its namespace is deleted":        {fmt.Errorf("apply: %w", apply.ErrNamespaceGone), reasonNamespaceMissing, "", false},
		"it belongs to somebody else":     {fmt.Errorf("apply: %w", apply.ErrNotOurs), reasonNotOurs, "", true},
		"a quota is used up":              {apierrors.NewForbidden(services, "blog", errors.New("exceeded quota: tight, used: 5")), reasonQuotaExceeded, "ResourceQuota tight of namespace g11-stg is used up", true},
		"a right is missing":              {apierrors.NewForbidden(services, "blog", errors.New("no")), reasonForbidden, "Service g11-stg/blog: the API server forbids it", true},
		"a field is refused":              {apierrors.NewBadRequest("no such field"), reasonRefused, "no such field", true},
		"the API server fails for once":   {errors.New("connection refused"), "", "", true},
		"the API server fails repeatedly": {errors.New("connection refused"), reasonApplyFailed, "cannot be reached", true},
	} {
		t.Run(name, func(t *testing.T) {
			e := enactmentAt()
			e.complete = true
			for range patience {
				if strings.Contains(name, "repeatedly") {
					e.failures.add(e.platform.UID)
				}
			}
			verdict := e.writeFailed(childIn("g11-stg", "Service"), c.err)
			if verdict.Reason != c.reason || !strings.Contains(verdict.Message, c.says) || (verdict.State == ready.Failed) != (c.reason != "") {
				t.Errorf("%+v", verdict)
			}
			if e.complete || (len(e.result.Errs) > 0) != c.retry {
				t.Errorf("complete %v, errors %v", e.complete, e.result.Errs)
			}
		})
	}
}

func TestADatabaseThatWaitsForAVolumeNamesItsStorageClass(t *testing.T) {
	pending := func(class *string) corev1.PersistentVolumeClaim {
		return corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: class}, Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}}
	}
	bound := corev1.PersistentVolumeClaim{Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound}}
	for name, c := range map[string]struct {
		volumes []corev1.PersistentVolumeClaim
		says    string
	}{
		"all are bound":        {[]corev1.PersistentVolumeClaim{bound}, ""},
		"one waits":            {[]corev1.PersistentVolumeClaim{bound, pending(new("fast"))}, "StorageClass fast"},
		"the first by name":    {[]corev1.PersistentVolumeClaim{pending(new("slow")), pending(new("fast"))}, "StorageClass fast"},
		"the default is meant": {[]corev1.PersistentVolumeClaim{pending(nil)}, "the cluster's default StorageClass"},
	} {
		e := enactmentAt()
		e.state.Volumes = c.volumes
		verdict := e.volumePending(ready.Verdict{State: ready.Progressing, Reason: "InstancesNotReady"})
		if (verdict.Reason == reasonVolumePending) != (c.says != "") || !strings.Contains(verdict.Message, c.says) {
			t.Errorf("%s: %+v", name, verdict)
		}
	}
}
