package ready

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// backupGrace is for how long after its time a scheduled backup may still be made.
const backupGrace = 6 * time.Hour

// Types of scheduled backups, as the Postgres operator names them in
// status.pgbackrest.scheduledBackups[].type (pgBackRest's --type).
const (
	typeFull        = "full"
	typeIncremental = "incr"
)

// Backups tells how the backups of a PostgresCluster stand.
type Backups struct {
	// Verdict is Ready, Warning for a scheduled backup that failed or is overdue,
	// or Progressing until there is a first one.
	Verdict Verdict
	// LastFull and LastIncremental are when the last good backup of that type was
	// finished; zero if none is known.
	LastFull, LastIncremental time.Time
	// Again is when the verdict may be another one though nothing is written: a
	// backup becomes overdue. Zero if none will.
	Again time.Time
}

// schedule is one of spec.backups.pgbackrest.repos[].schedules, and what became of its runs.
type schedule struct {
	repo, kind string
	cron       cron.Schedule
	// good is when the last backup was finished that is as good as this schedule asks for.
	good time.Time
	// failed and active tell of the last Job.
	failed, active bool
}

// BackupsOf judges by the Jobs of scheduled backups that the Postgres operator
// lists (v1beta1 PGBackRestScheduledBackupStatus): those that Kubernetes keeps, which
// are the last three good ones of a schedule and the last one that failed. It does
// not report whether WAL is archived.
func BackupsOf(u *unstructured.Unstructured, now time.Time) Backups {
	if u == nil {
		return Backups{Verdict: Verdict{Progressing, "NotCreated", "the PostgresCluster is not created yet"}}
	}
	b := Backups{LastFull: lastGood(u, "", typeFull), LastIncremental: lastGood(u, "", typeIncremental)}
	if b.LastFull.IsZero() {
		b.Verdict = Verdict{Progressing, "FirstBackup", name(u) + ": the first backup has not finished; look at its backup Job"}
		return b
	}
	b.Verdict = Verdict{Ready, "BackupsSucceed", name(u) + " has a backup of every schedule that was due"}
	for _, s := range schedules(u) {
		overdue := s.overdue()
		switch {
		case b.Verdict.State == Warning:
		case s.failed:
			b.Verdict = Verdict{Warning, "BackupFailed", fmt.Sprintf("%s: the last scheduled %s backup to %s failed; look at the Jobs of CronJob %s, and at the free space on the volume of the repository", name(u), s.kind, s.repo, s.job(u))}
		case !overdue.IsZero() && !now.Before(overdue):
			b.Verdict = Verdict{Warning, "BackupOverdue", fmt.Sprintf("%s: no %s backup to %s was finished since its schedule asked for one; look at CronJob %s", name(u), s.kind, s.repo, s.job(u))}
		}
		b.Again = earliest(now, b.Again, overdue)
	}
	return b
}

// job is the name of the CronJob of a schedule (postgres-operator internal/naming PGBackRestCronJob).
func (s schedule) job(u *unstructured.Unstructured) string {
	return u.GetName() + "-" + s.repo + "-" + s.kind
}

// overdue is from when on the next backup is missing; one that runs has time until
// the one after it. Zero if the schedule cannot be read: nobody knows then.
func (s schedule) overdue() time.Time {
	if s.cron == nil || s.good.IsZero() {
		return time.Time{}
	}
	due := s.cron.Next(s.good.UTC())
	if s.active {
		due = s.cron.Next(due)
	}
	if due.IsZero() {
		return due // it never comes, as on 30 February
	}
	return due.Add(backupGrace)
}

// schedules of all repositories, in the order of the spec, full ones first.
func schedules(u *unstructured.Unstructured) []schedule {
	var all []schedule
	for _, repo := range list(u.Object, "spec", "backups", "pgbackrest", "repos") {
		for _, s := range []schedule{{kind: typeFull}, {kind: typeIncremental}} {
			field := map[string]string{typeFull: "full", typeIncremental: "incremental"}[s.kind]
			text, wanted, _ := unstructured.NestedString(repo, "schedules", field)
			if !wanted {
				continue
			}
			s.repo, _ = repo["name"].(string)
			s.cron, _ = cron.ParseStandard(text)
			s.good = lastGood(u, s.repo, s.kind)
			if full := lastGood(u, s.repo, typeFull); full.After(s.good) {
				s.good = full // a full backup is more than an incremental one
			}
			s.lookAtLast(u)
			all = append(all, s)
		}
	}
	return all
}

// lookAtLast reads the newest Job of a schedule. One of which a pod failed counts as
// failed until another one succeeds: it is tried again a few times.
func (s *schedule) lookAtLast(u *unstructured.Unstructured) {
	var newest time.Time
	for _, run := range list(u.Object, "status", "pgbackrest", "scheduledBackups") {
		if began := timeOf(run, "startTime"); run["type"] == s.kind && run["repo"] == s.repo && began.After(newest) {
			newest = began
			s.failed = number(run, "failed") > 0 && number(run, "succeeded") == 0
			s.active = number(run, "active") > 0
		}
	}
}

// lastGood is when the last good backup of a type to a repository, or to any, was
// finished. The first backup is a full one, of which condition
// PGBackRestReplicaCreate tells.
func lastGood(u *unstructured.Unstructured, repo, kind string) time.Time {
	var last time.Time
	if first := condition(u, "PGBackRestReplicaCreate"); kind == typeFull && is(first, "True") {
		last = timeOf(first, "lastTransitionTime")
	}
	for _, run := range list(u.Object, "status", "pgbackrest", "scheduledBackups") {
		done := timeOf(run, "completionTime")
		if run["type"] == kind && (repo == "" || run["repo"] == repo) && number(run, "succeeded") > 0 && done.After(last) {
			last = done
		}
	}
	return last
}
