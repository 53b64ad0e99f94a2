package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/fields"
	"blogplatform.io/operator/internal/naming"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/release"
	"blogplatform.io/operator/internal/stage"
)

// migrationReport is the termination message of a migration that is done
// (services/internal/migrate Result). Its fields are nil where nobody has read one;
// services up to v0.1 report no Contract.
type migrationReport struct{ From, To, Contract *int64 }

// valid tells of a report that status can hold, whatever an image writes.
func (r migrationReport) valid() bool {
	return r.From != nil && r.To != nil && *r.From >= 0 && *r.To >= 0 && (r.Contract == nil || *r.Contract >= 0)
}

// versions of the phase before and after, such as 0 -> 3; empty if they are not known.
func (r migrationReport) versions() string {
	if r.From == nil || r.To == nil {
		return ""
	}
	return strconv.FormatInt(*r.From, 10) + " -> " + strconv.FormatInt(*r.To, 10)
}

// contract is the last contract migration of the schema; nil if it is not known.
func (r migrationReport) contract(phase string) *int64 {
	if phase == naming.PhaseContract {
		return r.To
	}
	return r.Contract
}

// migrationReport reads what the pod of a Job that is done reported of the schema.
// The cache may have heard of the Job first, and nobody looks again later.
func (p *pass) migrationReport(ctx context.Context, job *unstructured.Unstructured) (migrationReport, error) {
	if report := reportIn(p.podsOfJob(job)); report.To != nil {
		return report, nil
	}
	var pods corev1.PodList
	if err := p.live.List(ctx, &pods, client.InNamespace(job.GetNamespace()), client.MatchingLabels{batchv1.JobNameLabel: job.GetName()}); err != nil {
		return migrationReport{}, fmt.Errorf("list pods of %s: %w", fields.Name(job), err)
	}
	return reportIn(pods.Items), nil
}

func reportIn(pods []corev1.Pod) migrationReport {
	for _, pod := range pods {
		for _, status := range pod.Status.ContainerStatuses {
			var report migrationReport
			ended := status.State.Terminated
			if ended != nil && ended.ExitCode == 0 && json.Unmarshal([]byte(ended.Message), &report) == nil && report.valid() {
				return report
			}
		}
	}
	return migrationReport{}
}

// phaseOf a migration.
func phaseOf(child plan.Child) string {
	if child.Stage == plan.StageContract {
		return naming.PhaseContract
	}
	return naming.PhaseExpand
}

// recordMigration notes what decides how far back a platform can go: in the
// history what the migration did, and what it has read in the database.
func (p *pass) recordMigration(child plan.Child, report migrationReport) {
	status, service, phase := &p.platform.Status, p.names.ServiceMigratedBy(child.Object.GetLabels()), phaseOf(child)
	status.History = release.Migrated(status.History, service, phase, report.versions())
	if contract := report.contract(phase); contract != nil {
		status.Database.Schemas = release.Reported(status.Database.Schemas, service, *contract)
	}
}

// noticeDatabase forgets what migrations have reported of the database if it is
// another one now, or was restored. They run again on it, and report what they find.
func (p *pass) noticeDatabase() {
	identity, known := plan.DatabaseIdentity(p.state.Database), &p.platform.Status.Database
	if identity != "" && identity != known.Identity {
		known.Identity, known.Schemas = identity, nil
	}
}

// passwordsReadOnce warns of services of the current release that do not follow a
// password of the database that is replaced. They are those up to v0.1, whose
// migrations do not report the contract version either.
func (p *pass) passwordsReadOnce() []stage.Outcome {
	if p.course.Release.Status.Phase != v1alpha1.PhaseComplete {
		return nil
	}
	var services []string
	for _, child := range p.plan.Children {
		known := slices.ContainsFunc(p.platform.Status.Migrations, func(m v1alpha1.MigrationStatus) bool {
			return m.Job == child.Object.GetName() && m.Versions != "" && m.Contract == nil
		})
		if child.Stage == plan.StageMigrations && known {
			services = append(services, string(p.names.ServiceMigratedBy(child.Object.GetLabels())))
		}
	}
	if len(services) == 0 {
		return nil
	}
	return []stage.Outcome{{Condition: v1alpha1.ConditionWorkloadsReady, Verdict: ready.Verdict{State: ready.Warning, Reason: reasonPasswordReadOnce, Message: fmt.Sprintf(
		"%s of release %s read the password of the database once, when they start: when it is replaced, delete their pods one after another; later releases follow it",
		strings.Join(services, ", "), p.course.Target.Release.Version)}}}
}
