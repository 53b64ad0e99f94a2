package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

var noon = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

// after is a time so many minutes after noon.
func after(minutes int) *metav1.Time {
	return &metav1.Time{Time: noon.Add(time.Duration(minutes) * time.Minute)}
}

// blog is a platform in production of which a status may know nothing else.
func blog(status v1alpha1.BlogPlatformStatus) *v1alpha1.BlogPlatform {
	return &v1alpha1.BlogPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: "g11-prod", Name: "blog"},
		Spec:       v1alpha1.BlogPlatformSpec{Environment: v1alpha1.Production},
		Status:     status,
	}
}

// said are samples as lines; times are in minutes after noon.
func said(samples []Sample) []string {
	var lines []string
	for _, s := range samples {
		value := s.Value
		if strings.HasSuffix(s.Family.Name, "_timestamp_seconds") {
			value = (value - float64(noon.Unix())) / 60
		}
		lines = append(lines, fmt.Sprintf("%s = %v", strings.Join(append([]string{s.Family.Name}, s.Values...), " "), value))
	}
	return lines
}

func compare(t *testing.T, got []Sample, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, said(got)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func TestAStatusIsToldInNumbers(t *testing.T) {
	compare(t, Gauges(blog(v1alpha1.BlogPlatformStatus{
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "ReleaseInProgress"},
			{Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionTrue, Reason: "Serving"},
			{Type: v1alpha1.ConditionMeshReady, Status: metav1.ConditionUnknown, Reason: "NotObserved"},
		},
		Release: v1alpha1.ReleaseStatus{
			Current: v1alpha1.ReleaseIdentity{Version: "v1.4.1"}, Phase: v1alpha1.PhaseProgressing,
			PhaseTime: after(0), CanaryWeight: new(int32(20)),
			Progress: []v1alpha1.ReleaseProgress{{Name: "content", Time: *after(7)}, {Name: "user", Time: *after(3)}},
		},
		Services:    []v1alpha1.ServiceStatus{{Name: "content", Ready: 1, Desired: 2}},
		Database:    v1alpha1.DatabaseStatus{Cluster: "blog-db", Ready: 1, Desired: 2, LastFullBackupTime: after(-120), LastIncrementalBackupTime: after(-60)},
		Certificate: v1alpha1.CertificateStatus{NotAfter: after(1440)},
	})),
		"blogplatform_info Production v1.4.1 = 1",
		"blogplatform_condition Ready ReleaseInProgress = 0",
		"blogplatform_condition Available Serving = 1",
		"blogplatform_condition MeshReady NotObserved = -1",
		"blogplatform_release_phase_timestamp_seconds Progressing = 0",
		"blogplatform_release_progress_timestamp_seconds = 7",
		"blogplatform_release_canary_weight_ratio = 0.2",
		"blogplatform_service_pods content ready = 1",
		"blogplatform_service_pods content desired = 2",
		"blogplatform_database_instances ready = 1",
		"blogplatform_database_instances desired = 2",
		"blogplatform_backup_timestamp_seconds full = -120",
		"blogplatform_backup_timestamp_seconds incremental = -60",
		"blogplatform_certificate_expiry_timestamp_seconds = 1440",
	)
}

func TestWhatAStatusDoesNotKnowHasNoSeries(t *testing.T) {
	compare(t, Gauges(blog(v1alpha1.BlogPlatformStatus{})), "blogplatform_info Production  = 1")
}

// TestOnlyAReleaseUnderWayMakesProgress: one that has come to its end, or waits for
// somebody who paused it, would look stuck.
func TestOnlyAReleaseUnderWayMakesProgress(t *testing.T) {
	of := func(phase v1alpha1.ReleasePhase, paused bool) v1alpha1.BlogPlatformStatus {
		return v1alpha1.BlogPlatformStatus{Release: v1alpha1.ReleaseStatus{Phase: phase, PhaseTime: after(1), Paused: &paused}}
	}
	for phase, progresses := range map[v1alpha1.ReleasePhase]bool{
		v1alpha1.PhaseInstalling: true, v1alpha1.PhaseMigrating: true, v1alpha1.PhaseVerifying: true, v1alpha1.PhaseAborting: true,
		v1alpha1.PhaseComplete: false, v1alpha1.PhaseAborted: false,
	} {
		for _, paused := range []bool{false, true} {
			want := []string{"blogplatform_info Production  = 1", "blogplatform_release_phase_timestamp_seconds " + string(phase) + " = 1"}
			if progresses && !paused {
				want = append(want, "blogplatform_release_progress_timestamp_seconds = 1")
			}
			compare(t, Gauges(blog(of(phase, paused))), want...)
		}
	}
}
