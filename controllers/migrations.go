package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

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
)

// maxMigrations is how many status remembers: those of two releases, so that a
// step back runs none. To run one again changes nothing.
const maxMigrations = 12

// migrationReport is the termination message of a migration that is done
// (services/internal/migrate Result). Its fields are nil where nobody has read one;
// services up to v0.1 report no Contract.
type migrationReport struct{ From, To, Contract *int64 }

// valid tells whether status can hold the report, whatever the image wrote.
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
// The cache may have the Job before its pod, and no later reconcile looks again.
func (e *enactment) migrationReport(ctx context.Context, job *unstructured.Unstructured) (migrationReport, error) {
	if report := reportIn(e.state.PodsOfJob(job.GetName())); report.To != nil {
		return report, nil
	}
	var pods corev1.PodList
	if err := e.live.List(ctx, &pods, client.InNamespace(job.GetNamespace()), client.MatchingLabels{batchv1.JobNameLabel: job.GetName()}); err != nil {
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

// recordMigration notes what decides which releases a rollback can reach: in the history
// what the migration did, and in the database status the schema that it found.
func (e *enactment) recordMigration(child plan.Child, report migrationReport) {
	status, service, phase := &e.status, e.names.ServiceMigratedBy(child.Object.GetLabels()), phaseOf(child)
	status.History = release.Migrated(status.History, service, phase, report.versions())
	if contract := report.contract(phase); contract != nil {
		status.Database.Schemas = release.Reported(status.Database.Schemas, service, *contract)
	}
}

// rememberMigrations notes finished migrations in the status: their Jobs are deleted later.
func (e *enactment) rememberMigrations(ctx context.Context) {
	for _, o := range e.result.Outcomes {
		if o.Kind() != "Job" || o.Child.Stage == plan.StageVerify || o.Live == nil || o.Verdict.State != ready.Ready || e.order.Done(o.Child) {
			continue
		}
		report, err := e.migrationReport(ctx, o.Live)
		if err != nil {
			e.fail(err)
			continue
		}
		e.status.Migrations = append(e.status.Migrations, v1alpha1.MigrationStatus{Job: o.Live.GetName(), Versions: report.versions(), Contract: report.Contract})
		e.recordMigration(o.Child, report)
	}
	if n := len(e.status.Migrations); n > maxMigrations {
		e.status.Migrations = slices.Delete(e.status.Migrations, 0, n-maxMigrations)
	}
}

// beginContract writes into the status that contract migrations begin, before the first
// of their Jobs is created. Even a Job that fails may have changed the schema.
func (e *enactment) beginContract(ctx context.Context) error {
	var services []naming.Service
	for _, child := range e.plan.Children {
		if child.Stage == plan.StageContract && !e.order.Done(child) {
			services = append(services, e.names.ServiceMigratedBy(child.Object.GetLabels()))
		}
	}
	status := &e.status
	status.History = release.BeginContract(status.History, status.Database.Schemas, services...)
	status.Database.Schemas = release.Unreported(status.Database.Schemas, services...)
	return e.writeStatus(ctx, *status)
}
