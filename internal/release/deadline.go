package release

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

// Underway tells of a phase that ends by itself or by a deadline. Who decides
// has to look again although nothing happens.
func Underway(phase v1alpha1.ReleasePhase) bool {
	switch phase {
	case "", v1alpha1.PhaseComplete, v1alpha1.PhaseAborted:
		return false
	}
	return true
}

// noCause is what is said of a part of which nothing more can be seen.
const noCause = "look at its pods and events"

// rolloutOverdue is the verdict on the services that have begun and not arrived,
// if one of them has made no progress for too long.
func (m *machine) rolloutOverdue() Verdict {
	if m.paused() {
		m.Status.Progress = nil
		return Verdict{}
	}
	var worst Verdict
	for _, service := range naming.Services {
		s, limit := m.Services[service], m.Limits.Progress
		if s.Set != m.Status.Target.Digest || s.arrived(s.Set) {
			continue
		}
		limit += s.Pause
		if s.Analyzing {
			limit += m.Limits.Analysis
		}
		if m.late(m.note(string(service), s.Step, s.Ready), limit) && worst.Outcome == Open {
			worst = Verdict{Broken, "DeadlineExceeded", fmt.Sprintf("%s has made no progress for too long: %s", service, cmp.Or(s.Cause, noCause))}
		}
	}
	return worst
}

// taskOverdue is the verdict on Jobs that are not done in time. Once one of
// them runs, it may take the additional time.
func (m *machine) taskOverdue(name string, task Task, additional time.Duration, reason string) Verdict {
	if m.paused() {
		m.Status.Progress = nil
		return Verdict{}
	}
	limit, pods := m.Limits.Progress, int32(0)
	if task.Started {
		pods = 1
	}
	known := m.note(name, task.Done, pods)
	if known.Pods > 0 {
		limit += additional
	}
	if !m.late(known, limit) {
		return Verdict{}
	}
	return Verdict{Broken, reason, fmt.Sprintf("%s has made no progress for too long: %s", name, cmp.Or(task.Cause, noCause))}
}

// reasonMigrationDeadline: a migration has run, and was not done by its deadline.
const reasonMigrationDeadline = "MigrationDeadlineExceeded"

// migrationsOverdue is the verdict on migrations that do not begin in time, or
// that were ended by their deadline. One that never ran says nothing of how long it takes.
func (m *machine) migrationsOverdue() Verdict {
	const part = "migrations"
	v := m.taskOverdue(part, m.Migrations, m.Limits.Migration, "MigrationTimeout")
	ran := slices.ContainsFunc(m.Status.Progress, func(p v1alpha1.ReleaseProgress) bool { return p.Name == part && p.Pods > 0 })
	if m.Migrations.Expired == "" || !ran || m.paused() {
		return v
	}
	return Verdict{Broken, reasonMigrationDeadline, fmt.Sprintf("%s ran for all of spec.rollout.migrationDeadlineSeconds and was ended; raise that, or have the migration do less at once. After %d times it is tried again on request only",
		m.Migrations.Expired, maxDeadlines)}
}

// commitOverdue is the verdict on a commit as a whole: the pods before, which
// the way back needs, are kept for a limited time.
func (m *machine) commitOverdue() Verdict {
	if !m.late(m.note("commit", 0, 0), m.Limits.Progress) {
		return Verdict{}
	}
	for _, service := range naming.Services {
		if s := m.Services[service]; !s.stands(m.Status.Target.Digest) {
			return Verdict{Broken, "CommitTimeout", fmt.Sprintf("%s has not made the release its stable one in time: %s", service, cmp.Or(s.Cause, noCause))}
		}
	}
	return Verdict{}
}

// note remembers how far a part has come, and since when. Pods that come and go
// are no progress: only more of them than ever at this step are.
func (m *machine) note(part string, step, pods int32) v1alpha1.ReleaseProgress {
	now := metav1.NewTime(m.Now).Rfc3339Copy()
	i := slices.IndexFunc(m.Status.Progress, func(p v1alpha1.ReleaseProgress) bool { return p.Name == part })
	if i < 0 {
		m.Status.Progress = append(m.Status.Progress, v1alpha1.ReleaseProgress{Name: part, Step: max(step, 0), Pods: pods, Time: now})
		return m.Status.Progress[len(m.Status.Progress)-1]
	}
	known := &m.Status.Progress[i]
	switch {
	case step != unseen && step != known.Step:
		known.Step, known.Pods, known.Time = step, pods, now
	case pods > known.Pods:
		known.Pods, known.Time = pods, now
	}
	return *known
}

// late tells whether a part has come no further for a time. Time in which the
// operator did not act does not count.
func (m *machine) late(part v1alpha1.ReleaseProgress, limit time.Duration) bool {
	since := part.Time.Time
	if m.Acting.After(since) {
		since = m.Acting
	}
	due := since.Add(limit)
	if m.Due.IsZero() || due.Before(m.Due) {
		m.Due = due
	}
	return !m.Now.Before(due)
}
