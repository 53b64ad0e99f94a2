package release

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/naming"
)

const (
	// maxHistory is how many releases are remembered.
	maxHistory = 10
	// keptFailures is how many of them may be releases that did not succeed, where
	// there are good ones to remember instead: those are what can be gone back to.
	keptFailures = 3
)

// Record keeps the history after a decision: newest first, the target at its head.
func Record(history []v1alpha1.ReleaseRecord, status v1alpha1.ReleaseStatus, now metav1.Time) []v1alpha1.ReleaseRecord {
	history = slices.Clone(history)
	target := status.Target
	if len(history) == 0 || history[0].Digest != target.Digest || history[0].Version != target.Version {
		if len(history) > 0 && history[0].Outcome == v1alpha1.OutcomeInProgress {
			history[0].Outcome, history[0].CompletionTime = v1alpha1.OutcomeSuperseded, &now
		}
		history = slices.Insert(history, 0, v1alpha1.ReleaseRecord{
			Version: target.Version, Digest: target.Digest, StartTime: now, Outcome: v1alpha1.OutcomeInProgress,
		})
	}
	head := &history[0]
	switch outcome := outcomeOf(status.Phase); outcome {
	case head.Outcome:
	case v1alpha1.OutcomeInProgress:
		// Another attempt, unless a release that is current settles again.
		if head.Outcome == v1alpha1.OutcomeAborted {
			head.Outcome, head.CompletionTime = outcome, nil
		}
	default:
		head.Outcome, head.CompletionTime = outcome, &now
	}
	if failure := FailureOf(status); failure != nil {
		head.Reason, head.Message = failure.Reason, failure.Message
	}
	if len(history) > maxHistory {
		history = dropOne(history)
	}
	return history
}

func outcomeOf(phase v1alpha1.ReleasePhase) v1alpha1.ReleaseOutcome {
	switch phase {
	case v1alpha1.PhaseComplete:
		return v1alpha1.OutcomeSucceeded
	case v1alpha1.PhaseAborting, v1alpha1.PhaseAborted:
		return v1alpha1.OutcomeAborted
	}
	return v1alpha1.OutcomeInProgress
}

// dropOne forgets the release that is worth the least: the oldest that did not
// succeed, if there are many of them, or else the oldest that is not the last
// good one. One that took something away from a schema is worth as much as a
// good one, since it decides how far back the way is.
func dropOne(history []v1alpha1.ReleaseRecord) []v1alpha1.ReleaseRecord {
	failed, failures := 0, 0
	for i := len(history) - 1; i > 0; i-- {
		if history[i].Outcome == v1alpha1.OutcomeSucceeded || slices.ContainsFunc(history[i].Migrations, isContract) {
			continue
		}
		if failures++; failures == 1 {
			failed = i
		}
	}
	if failures > keptFailures {
		return slices.Delete(history, failed, failed+1)
	}
	oldest := len(history) - 1
	if oldest == lastGood(history) {
		oldest--
	}
	return slices.Delete(history, oldest, oldest+1)
}

// lastGood is the index of the release that is current, or -1.
func lastGood(history []v1alpha1.ReleaseRecord) int {
	return slices.IndexFunc(history, func(r v1alpha1.ReleaseRecord) bool { return r.Outcome == v1alpha1.OutcomeSucceeded })
}

// unknownVersions stands in a Migration whose Job was gone before it could be read.
const unknownVersions = "unknown"

// Migration is one entry of ReleaseRecord.Migrations, or nothing for a
// migration that changed nothing. Versions are as in MigrationStatus.
func Migration(service naming.Service, phase, versions string) string {
	if from, to, _ := strings.Cut(versions, " -> "); from == to && from != "" {
		return ""
	}
	if versions == "" {
		versions = unknownVersions
	}
	return entryOf(service, phase, versions)
}

func entryOf(service naming.Service, phase, versions string) string {
	return string(service) + " " + phase + " " + versions
}

// isContract tells of a migration that took something away.
func isContract(migration string) bool {
	return strings.Contains(migration, " "+naming.PhaseContract+" ")
}

// begun stands in the record of a contract migration from before its Job is
// created until it is done: it may have taken something away, whatever becomes of the Job.
const begun = "begun"

// BeginContract notes in the record of the target, at the head of the history,
// that contract migrations of these services begin, and from which version if
// the schemas tell it. The argument is not modified.
func BeginContract(history []v1alpha1.ReleaseRecord, schemas []v1alpha1.SchemaStatus, services ...naming.Service) []v1alpha1.ReleaseRecord {
	history = slices.Clone(history)
	head := &history[0]
	for _, service := range services {
		versions := begun
		if schema := schemaOf(schemas, string(service)); schema != nil {
			versions = fmt.Sprintf("%d -> %s", schema.Contract, begun)
		}
		if !slices.ContainsFunc(head.Migrations, func(m string) bool { return hasBegun(m, service, naming.PhaseContract) }) {
			head.Migrations = append(slices.Clone(head.Migrations), entryOf(service, naming.PhaseContract, versions))
		}
	}
	return history
}

// hasBegun tells of the entry of a migration of which no end was seen.
func hasBegun(entry string, service naming.Service, phase string) bool {
	return strings.HasPrefix(entry, entryOf(service, phase, "")) && strings.HasSuffix(entry, " "+begun)
}

// Migrated notes in the record of the target that a migration is done, with the
// versions that it reported; of one that ran again, on a restored database, the
// last. A contract migration that reported nothing stays as it began. The
// argument is not modified.
func Migrated(history []v1alpha1.ReleaseRecord, service naming.Service, phase, versions string) []v1alpha1.ReleaseRecord {
	if versions == "" && phase == naming.PhaseContract {
		return history
	}
	history = slices.Clone(history)
	for i := range max(lastGood(history), 1) {
		history[i].Migrations = slices.DeleteFunc(slices.Clone(history[i].Migrations), func(m string) bool {
			return hasBegun(m, service, phase)
		})
	}
	if entry := Migration(service, phase, versions); entry != "" {
		history[0].Migrations = append(slices.DeleteFunc(slices.Clone(history[0].Migrations), func(m string) bool {
			return strings.HasPrefix(m, entryOf(service, phase, ""))
		}), entry)
	}
	return history
}

// Past tells of a release that succeeded on the platform before: by the digests
// of its images or, where one of them is named by a tag alone, by its version.
// It may need what contract migrations of later releases take away.
func Past(history []v1alpha1.ReleaseRecord, version, imagesDigest string) bool {
	return past(history, version, imagesDigest) >= 0
}

// past is the index of the newest record of such a release, or -1.
func past(history []v1alpha1.ReleaseRecord, version, imagesDigest string) int {
	return slices.IndexFunc(history, func(r v1alpha1.ReleaseRecord) bool {
		if r.Outcome != v1alpha1.OutcomeSucceeded {
			return false
		}
		if imagesDigest == "" || r.ImagesDigest == "" {
			return r.Version == version
		}
		return r.ImagesDigest == imagesDigest
	})
}

// Rollback tells whether a platform can go back to a version of its history
// without harm, and answers its newest record. The way is refused if the schemas
// in the database have a contract migration which has taken away what the version
// needs; one of which nobody knows whether they have it counts, too. The error
// names it and the newest release that is safe, and is made for people. Contract
// migrations of a release run first thing in the next one, so that one step back
// is safe until then.
func Rollback(history []v1alpha1.ReleaseRecord, schemas []v1alpha1.SchemaStatus, version string) (v1alpha1.ReleaseRecord, error) {
	current := lastGood(history)
	if current < 0 {
		return v1alpha1.ReleaseRecord{}, fmt.Errorf("no release has been verified yet: there is nothing to go back from")
	}
	if history[current].Version == version {
		return v1alpha1.ReleaseRecord{}, fmt.Errorf("release %s is the current one", version)
	}
	to := slices.IndexFunc(history, func(r v1alpha1.ReleaseRecord) bool {
		return r.Version == version && r.Outcome == v1alpha1.OutcomeSucceeded
	})
	if to < 0 {
		return v1alpha1.ReleaseRecord{}, fmt.Errorf("release %s is not among those in status.history that succeeded: %s", version, strings.Join(succeeded(history[current+1:]), ", "))
	}
	if err := contracted(history, schemas, to); err != nil {
		return v1alpha1.ReleaseRecord{}, err
	}
	return history[to], nil
}

// Unsafe says why a platform must not run a release of its past, nil of one that
// it may run. The error is that of Rollback.
func Unsafe(history []v1alpha1.ReleaseRecord, schemas []v1alpha1.SchemaStatus, version, imagesDigest string) error {
	to := past(history, version, imagesDigest)
	if to < 0 || to == lastGood(history) {
		return nil
	}
	return contracted(history, schemas, to)
}

// contracted is the contract migration between a release of the past and now, as an error.
func contracted(history []v1alpha1.ReleaseRecord, schemas []v1alpha1.SchemaStatus, to int) error {
	i, migration := contractAfter(history, schemas, to)
	if i < 0 {
		return nil
	}
	version, base := history[to].Version, history[i+1+lastGood(history[i+1:])].Version
	return fmt.Errorf("release %s cannot run any more: release %s has run the contract migration of %s (%s), which took away what releases before %s need; %s",
		version, history[i].Version, base, migration, base, safest(history, schemas))
}

// contractAfter finds the first contract migration in the schemas that took away
// what a release of the past needs, by the index of its record, or -1.
func contractAfter(history []v1alpha1.ReleaseRecord, schemas []v1alpha1.SchemaStatus, to int) (int, string) {
	for i := to - 1; i >= 0; i-- {
		if base := i + 1 + lastGood(history[i+1:]); base >= to {
			continue // its contract migrations are those of the version itself, or of an older one
		}
		if m := slices.IndexFunc(history[i].Migrations, func(m string) bool { return isContract(m) && inSchema(schemas, m) }); m >= 0 {
			return i, history[i].Migrations[m]
		}
	}
	return -1, ""
}

// safest names the newest release that can be gone back to.
func safest(history []v1alpha1.ReleaseRecord, schemas []v1alpha1.SchemaStatus) string {
	current := lastGood(history)
	for to := current + 1; to < len(history); to++ {
		r := history[to]
		if r.Outcome != v1alpha1.OutcomeSucceeded || r.Version == history[current].Version {
			continue
		}
		if i, _ := contractAfter(history, schemas, to); i < 0 {
			return "the newest release to go back to is " + r.Version
		}
	}
	return "there is no release to go back to: release a fix"
}

func succeeded(history []v1alpha1.ReleaseRecord) []string {
	versions := []string{}
	for _, r := range history {
		if r.Outcome == v1alpha1.OutcomeSucceeded {
			versions = append(versions, r.Version)
		}
	}
	if len(versions) == 0 {
		return []string{"there is none"}
	}
	return versions
}

// MigrationDone tells whether status remembers that a migration Job is done, whose
// object may be deleted since.
func MigrationDone(migrations []v1alpha1.MigrationStatus, job string) bool {
	return slices.ContainsFunc(migrations, func(m v1alpha1.MigrationStatus) bool { return m.Job == job })
}
