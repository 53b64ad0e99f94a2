package ready

import (
	"strings"
	"testing"
	"time"
)

// backedUp is the status of a cluster whose first backup was made on Monday, 26 January,
// with a full one on Sundays and an incremental one on the other days.
func backedUp(t *testing.T, runs string, now time.Time) Backups {
	t.Helper()
	return BackupsOf(object(t, "PostgresCluster", `
spec: {backups: {pgbackrest: {repos: [{name: repo1, schedules: {full: "0 1 * * 0", incremental: "0 1 * * 1-6"}}]}}}
status:
  conditions: [{type: PGBackRestReplicaCreate, status: "True", lastTransitionTime: "2026-01-26T12:00:00Z"}]
  pgbackrest: {scheduledBackups: [`+runs+`]}
`), now)
}

// run of a scheduled backup.
func run(kind, day, outcome string) string {
	fields := `repo: repo1, type: ` + kind + `, startTime: "2026-` + day + `T01:00:00Z"`
	switch outcome {
	case "good":
		fields += `, succeeded: 1, completionTime: "2026-` + day + `T01:10:00Z"`
	case "bad":
		fields += `, failed: 7`
	case "runs":
		fields += `, active: 1`
	case "again":
		fields += `, active: 1, failed: 2`
	}
	return "{" + fields + "}"
}

func at(day string, hour int) time.Time {
	d, err := time.Parse(time.DateOnly, "2026-"+day)
	if err != nil {
		panic(err)
	}
	return d.Add(time.Duration(hour) * time.Hour)
}

// TestBackupsAreWatchedAfterTheFirstOne for the life of the database.
func TestBackupsAreWatchedAfterTheFirstOne(t *testing.T) {
	week := strings.Join([]string{run("full", "02-01", "good"), run("incr", "01-31", "good")}, ", ")
	for name, c := range map[string]struct {
		runs   string
		now    time.Time
		state  State
		reason string
		says   string
	}{
		"the first one was made":                         {"", at("01-26", 13), Ready, "BackupsSucceed", ""},
		"no schedule was due yet":                        {"", at("01-27", 6), Ready, "BackupsSucceed", ""},
		"nothing runs":                                   {"", at("01-27", 7), Warning, "BackupOverdue", "no incr backup to repo1 was finished since its schedule asked for one; look at CronJob blog-repo1-incr"},
		"all are good":                                   {week, at("02-01", 12), Ready, "BackupsSucceed", "has a backup of every schedule"},
		"a full one is as good as an incremental one":    {week, at("02-02", 6), Ready, "BackupsSucceed", ""},
		"incremental ones are not as good as a full one": {run("incr", "02-01", "good") + ", " + run("incr", "02-02", "good"), at("02-02", 2), Warning, "BackupOverdue", "CronJob blog-repo1-full"},
		"the last one failed":                            {week + ", " + run("incr", "02-02", "bad"), at("02-02", 2), Warning, "BackupFailed", "the last scheduled incr backup to repo1 failed; look at the Jobs of CronJob blog-repo1-incr, and at the free space"},
		"the last one is tried again":                    {week + ", " + run("incr", "02-02", "again"), at("02-02", 2), Warning, "BackupFailed", ""},
		"one that failed is over":                        {run("incr", "01-30", "bad") + ", " + week, at("02-01", 12), Ready, "BackupsSucceed", ""},
		"a full one failed and is not over":              {run("full", "02-01", "bad") + ", " + run("incr", "02-02", "good"), at("02-02", 2), Warning, "BackupFailed", "scheduled full backup"},
		"one takes long":                                 {week + ", " + run("incr", "02-02", "runs"), at("02-02", 12), Ready, "BackupsSucceed", ""},
		"one takes longer than to the next":              {week + ", " + run("incr", "02-02", "runs"), at("02-03", 7), Warning, "BackupOverdue", ""},
		"one of another repository is no one":            {strings.ReplaceAll(run("incr", "01-27", "good"), "repo1", "repo2"), at("01-27", 7), Warning, "BackupOverdue", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := backedUp(t, c.runs, c.now).Verdict
			if got.State != c.state || got.Reason != c.reason || !strings.Contains(got.Message, c.says) {
				t.Errorf("%+v, want %s/%s with %q", got, c.state, c.reason, c.says)
			}
			checkForPeople(t, "PostgresCluster", got)
		})
	}
}

func TestTheLastGoodBackupOfEachTypeIsKnown(t *testing.T) {
	if b := backedUp(t, "", at("01-26", 13)); !b.LastFull.Equal(at("01-26", 12)) || !b.LastIncremental.IsZero() {
		t.Errorf("the first backup is a full one: %+v", b)
	}
	b := backedUp(t, run("full", "02-01", "good")+", "+run("incr", "01-30", "good")+", "+run("incr", "01-31", "bad"), at("02-01", 12))
	if want := at("02-01", 1).Add(10 * time.Minute); !b.LastFull.Equal(want) {
		t.Errorf("full: %v, want %v", b.LastFull, want)
	}
	if want := at("01-30", 1).Add(10 * time.Minute); !b.LastIncremental.Equal(want) {
		t.Errorf("incremental: %v, want %v", b.LastIncremental, want)
	}
}

func TestThereIsNoBackupYet(t *testing.T) {
	for _, b := range []Backups{BackupsOf(nil, today), BackupsOf(object(t, "PostgresCluster", ""), today)} {
		if b.Verdict.State != Progressing || !b.LastFull.IsZero() || !b.Again.IsZero() {
			t.Errorf("%+v", b)
		}
	}
}

// TestBackupsAreLookedAtWhenOneIsOverdue: nothing is written when nothing runs.
func TestBackupsAreLookedAtWhenOneIsOverdue(t *testing.T) {
	first := object(t, "PostgresCluster", `
spec: {backups: {pgbackrest: {repos: [{name: repo1, schedules: {full: "0 1 * * 0", incremental: "every day"}}]}}}
status: {conditions: [{type: PGBackRestReplicaCreate, status: "True", lastTransitionTime: "2026-01-26T12:00:00Z"}]}
`)
	if got := Again(first, at("01-26", 13)); !got.Equal(at("02-01", 7)) {
		t.Errorf("a schedule that nobody can read is left out: %v", got)
	}
	if got := backedUp(t, "", at("01-26", 13)).Again; !got.Equal(at("01-27", 7)) {
		t.Errorf("%v", got)
	}
	if got := backedUp(t, "", at("02-01", 7)).Again; !got.IsZero() {
		t.Errorf("a time that has passed: %v", got)
	}
}
