package metrics

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/release"
)

// Values of a condition.
const (
	conditionTrue    = 1
	conditionFalse   = 0
	conditionUnknown = -1
)

// Family describes a metric.
type Family struct {
	// Name as Prometheus has it, with its unit.
	Name string
	// Help says what the value means.
	Help string
	// Labels are those besides namespace and platform.
	Labels []string
}

// Sample is one value of a platform.
type Sample struct {
	Family Family
	// Values of the family's labels, in their order.
	Values []string
	Value  float64
}

// The families that are computed from a status.
var (
	info = Family{"blogplatform_info",
		"1 for each BlogPlatform, with its environment and the version of the release that was verified last, empty before the first.", []string{"environment", "version"}}
	condition = Family{"blogplatform_condition",
		"A condition of the status: 1 True, 0 False, -1 Unknown. One that the status does not have has no series.", []string{"type", "reason"}}
	phase = Family{"blogplatform_release_phase_timestamp_seconds",
		"When the release entered its phase. Only the present phase has a series.", []string{"phase"}}
	progress = Family{"blogplatform_release_progress_timestamp_seconds",
		"When a part of a release that is under way came further last. No series while none is, or while it is paused by a request.", nil}
	canary = Family{"blogplatform_release_canary_weight_ratio",
		"The smallest share of traffic, from 0 to 1, that a service gives the release on its way. No series while none rolls out.", nil}
	pods = Family{"blogplatform_service_pods",
		"Pods of a service: how many are ready, and how many there should be.", []string{"service", "state"}}
	instances = Family{"blogplatform_database_instances",
		"Instances of PostgreSQL: how many are ready, and how many there should be.", []string{"state"}}
	backup = Family{"blogplatform_backup_timestamp_seconds",
		"When the last good backup of a type was finished. No series before the first.", []string{"type"}}
	certificate = Family{"blogplatform_certificate_expiry_timestamp_seconds",
		"When the certificate of the hosts expires. No series before it is issued.", nil}
)

// Families are those that Gauges computes.
var Families = []Family{info, condition, phase, progress, canary, pods, instances, backup, certificate}

// Gauges are the samples of a platform.
func Gauges(platform *v1alpha1.BlogPlatform) []Sample {
	status := platform.Status
	samples := []Sample{{info, []string{string(platform.Spec.Environment), status.Release.Current.Version}, 1}}
	for _, c := range status.Conditions {
		samples = append(samples, Sample{condition, []string{c.Type, c.Reason}, valueOf(c.Status)})
	}
	samples = append(samples, ofRelease(status.Release)...)
	for _, service := range status.Services {
		samples = append(samples,
			Sample{pods, []string{service.Name, "ready"}, float64(service.Ready)},
			Sample{pods, []string{service.Name, "desired"}, float64(service.Desired)})
	}
	if status.Database.Cluster != "" {
		samples = append(samples,
			Sample{instances, []string{"ready"}, float64(status.Database.Ready)},
			Sample{instances, []string{"desired"}, float64(status.Database.Desired)})
	}
	samples = append(samples, at(backup, status.Database.LastFullBackupTime, "full")...)
	samples = append(samples, at(backup, status.Database.LastIncrementalBackupTime, "incremental")...)
	return append(samples, at(certificate, status.Certificate.NotAfter)...)
}

func valueOf(status metav1.ConditionStatus) float64 {
	switch status {
	case metav1.ConditionTrue:
		return conditionTrue
	case metav1.ConditionFalse:
		return conditionFalse
	}
	return conditionUnknown
}

func ofRelease(status v1alpha1.ReleaseStatus) []Sample {
	samples := at(phase, status.PhaseTime, string(status.Phase))
	paused := status.Paused != nil && *status.Paused
	if release.Underway(status.Phase) && !paused {
		samples = append(samples, at(progress, lastProgress(status))...)
	}
	if status.CanaryWeight != nil {
		samples = append(samples, Sample{canary, nil, float64(*status.CanaryWeight) / 100})
	}
	return samples
}

// lastProgress is when the release entered its phase, or a part came further since.
func lastProgress(status v1alpha1.ReleaseStatus) *metav1.Time {
	last := status.PhaseTime
	for i := range status.Progress {
		if at := &status.Progress[i].Time; last.Before(at) {
			last = at
		}
	}
	return last
}

// at is a sample of a time, or nothing if the status has none.
func at(family Family, time *metav1.Time, values ...string) []Sample {
	if time.IsZero() {
		return nil
	}
	return []Sample{{family, values, float64(time.Unix())}}
}
