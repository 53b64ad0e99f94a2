package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/plan"
	"blogplatform.io/operator/internal/ready"
	"blogplatform.io/operator/internal/stage"
)

// requirements judges what a stage needs besides the children of earlier ones.
func (e *enactment) requirements(ctx context.Context, current plan.Stage, blockedBy string) ([]stage.Outcome, error) {
	switch current {
	case plan.StageMesh:
		return e.userSecrets(ctx)
	case plan.StageDatabase:
		required, err := e.dataPlane(ctx, blockedBy)
		return slices.Concat(required, e.volumeGrowth(), e.restartPending()), err
	case plan.StageWorkloads:
		return e.passwordsReadOnce(), nil
	case plan.StageVerify:
		return e.certificates(), nil
	}
	return nil, nil
}

// certificates are needed by Verify, which asks the gateway for the home page as a browser would.
func (e *enactment) certificates() []stage.Outcome {
	var required []stage.Outcome
	for _, o := range e.result.Outcomes {
		if o.Condition == v1alpha1.ConditionCertificatesReady {
			required = append(required, stage.Outcome{Condition: o.Condition, Gates: true, Verdict: o.Verdict})
		}
	}
	return required
}

// volumeGrowth is judged apart from the PostgresCluster: the database works on with
// the volumes that it has, so it blocks no release.
func (e *enactment) volumeGrowth() []stage.Outcome {
	if e.state.Database == nil {
		return nil
	}
	return []stage.Outcome{{Condition: v1alpha1.ConditionDatabaseReady, Verdict: ready.Volumes(e.state.Database, e.state.Volumes)}}
}

// restartPending warns of settings, such as max_connections, that PostgreSQL has not
// taken up. The Crunchy operator restarts it by itself, if it can.
func (e *enactment) restartPending() []stage.Outcome {
	for i := range e.state.Instances {
		if kube.RestartPending(&e.state.Instances[i]) {
			return []stage.Outcome{{Condition: v1alpha1.ConditionDatabaseReady, Verdict: ready.Verdict{State: ready.Warning, Reason: reasonRestartPending, Message: fmt.Sprintf(
				"Pod %s/%s: PostgreSQL has to restart for settings that were changed, which the Postgres operator does by itself; look at its log if it takes long", e.names.Namespace, e.state.Instances[i].Name)}}}
		}
	}
	return nil
}

// userSecrets are the Secrets that the spec refers to.
func (e *enactment) userSecrets(ctx context.Context) ([]stage.Outcome, error) {
	var required []stage.Outcome
	for _, use := range e.plan.Secrets {
		verdict, err := e.userSecret(ctx, use)
		if err != nil {
			return nil, err
		}
		required = append(required, stage.Outcome{Condition: v1alpha1.ConditionSecretsReady, Gates: true, Verdict: verdict})
	}
	return required, nil
}

func (e *enactment) userSecret(ctx context.Context, use plan.SecretUse) (ready.Verdict, error) {
	name := client.ObjectKey{Namespace: e.names.Namespace, Name: use.Name}
	keys, err := e.keyring.keys(ctx, key(e.platform), use.Name)
	if err != nil {
		return ready.Verdict{}, err
	}
	if keys == nil {
		return failed(reasonSecretMissing, fmt.Sprintf("Secret %s is missing; create it", name)), nil
	}
	for _, key := range slices.Sorted(slices.Values(use.Keys)) {
		if !keys[key] {
			return failed(reasonKeyMissing, fmt.Sprintf("Secret %s has no key %s; add it", name, key)), nil
		}
	}
	return ready.Verdict{State: ready.Ready}, nil
}

// passwordsReadOnce warns of services of the current release that keep using an old
// password of the database after it is replaced. Those are the services up to v0.1,
// whose migrations do not report the contract version either.
func (e *enactment) passwordsReadOnce() []stage.Outcome {
	if e.course.Release.Status.Phase != v1alpha1.PhaseComplete {
		return nil
	}
	var services []string
	for _, child := range e.plan.Children {
		known := slices.ContainsFunc(e.status.Migrations, func(m v1alpha1.MigrationStatus) bool {
			return m.Job == child.Object.GetName() && m.Versions != "" && m.Contract == nil
		})
		if child.Stage == plan.StageMigrations && known {
			services = append(services, string(e.names.ServiceMigratedBy(child.Object.GetLabels())))
		}
	}
	if len(services) == 0 {
		return nil
	}
	return []stage.Outcome{{Condition: v1alpha1.ConditionWorkloadsReady, Verdict: ready.Verdict{State: ready.Warning, Reason: reasonPasswordReadOnce, Message: fmt.Sprintf(
		"%s of release %s read the password of the database once, when they start: when it is replaced, delete their pods one after another; later releases follow it",
		strings.Join(services, ", "), e.course.Target.Release.Version)}}}
}
