package faker

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// postgresFinalizer keeps a PostgresCluster until the Crunchy operator has ended its instances.
const postgresFinalizer = "postgres-operator.crunchydata.com/finalizer"

// postgres is what the faker reads and writes of a PostgresCluster, whose Go types no module of ours has.
type postgres struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              postgresSpec   `json:"spec"`
	Status            postgresStatus `json:"status"`
}

type postgresSpec struct {
	Metadata *struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Instances []struct {
		Name     string                           `json:"name"`
		Replicas *int32                           `json:"replicas"`
		Volume   corev1.PersistentVolumeClaimSpec `json:"dataVolumeClaimSpec"`
	} `json:"instances"`
	Backups struct {
		PGBackRest struct {
			Repos []struct {
				Name   string `json:"name"`
				Volume *struct {
					Claim corev1.PersistentVolumeClaimSpec `json:"volumeClaimSpec"`
				} `json:"volume"`
			} `json:"repos"`
		} `json:"pgbackrest"`
	} `json:"backups"`
	Users []struct {
		Name      string   `json:"name"`
		Databases []string `json:"databases"`
	} `json:"users"`
	DatabaseInitSQL *struct {
		Name string `json:"name"`
	} `json:"databaseInitSQL"`
}

type postgresStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Instances          []postgresInstance `json:"instances,omitempty"`
	PGBackRest         *postgresBackups   `json:"pgbackrest,omitempty"`
	Patroni            postgresPatroni    `json:"patroni"`
	DatabaseRevision   string             `json:"databaseRevision,omitempty"`
	UsersRevision      string             `json:"usersRevision,omitempty"`
	DatabaseInitSQL    *string            `json:"databaseInitSQL,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type postgresInstance struct {
	Name            string `json:"name"`
	Replicas        int32  `json:"replicas,omitempty"`
	ReadyReplicas   int32  `json:"readyReplicas,omitempty"`
	UpdatedReplicas int32  `json:"updatedReplicas,omitempty"`
}

type postgresBackups struct {
	RepoHost *postgresRepoHost `json:"repoHost,omitempty"`
	Repos    []postgresRepo    `json:"repos,omitempty"`
	// Scheduled are the Jobs of scheduled backups that Kubernetes keeps.
	Scheduled []postgresBackup `json:"scheduledBackups,omitempty"`
}

// postgresBackup is the operator's PGBackRestScheduledBackupStatus.
type postgresBackup struct {
	CronJobName    string       `json:"cronJobName,omitempty"`
	Repo           string       `json:"repo,omitempty"`
	Type           string       `json:"type,omitempty"`
	StartTime      *metav1.Time `json:"startTime,omitempty"`
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	Succeeded      int32        `json:"succeeded,omitempty"`
	Failed         int32        `json:"failed,omitempty"`
}

type postgresRepoHost struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Ready      bool   `json:"ready"`
}

type postgresRepo struct {
	Name                        string `json:"name"`
	Bound                       bool   `json:"bound,omitempty"`
	Volume                      string `json:"volume,omitempty"`
	StanzaCreated               bool   `json:"stanzaCreated"`
	ReplicaCreateBackupComplete bool   `json:"replicaCreateBackupComplete,omitempty"`
}

type postgresPatroni struct {
	SystemIdentifier string `json:"systemIdentifier,omitempty"`
}

// How far a PostgresCluster has come.
const (
	observed = iota + 1 // Secrets are there, pods are not ready
	leading             // the leaders and the repository host are ready, stanzas exist
	complete            // the first backup is done, and so the replicas are ready
)

// stepPostgresCluster takes a PostgresCluster one stage on.
func (f *Faker) stepPostgresCluster(ctx context.Context, u *unstructured.Unstructured, b Behaviour) error {
	p := &postgres{}
	if err := decode(u, p); err != nil {
		return err
	}
	if p.DeletionTimestamp != nil || !slices.Contains(p.Finalizers, postgresFinalizer) {
		return f.setFinalizer(ctx, u, p)
	}
	stage := min(stageOf(p)+1, complete)
	if b.Fail || f.lacksVolumes(p) {
		stage = observed
	}
	if p.Status.ObservedGeneration != p.Generation {
		if err := f.createPostgresSecrets(ctx, p); err != nil {
			return err
		}
	}
	if p.Status.ObservedGeneration != p.Generation || stage < complete {
		if err := f.claimVolumes(ctx, p); err != nil {
			return err
		}
	}
	advance(p, stage)
	runBackup(p, b.FailBackups)
	return f.setStatus(ctx, postgresClusters, u, &p.Status)
}

// setFinalizer adds the finalizer, or removes it from what is being deleted.
func (f *Faker) setFinalizer(ctx context.Context, u *unstructured.Unstructured, p *postgres) error {
	finalizers := slices.DeleteFunc(slices.Clone(p.Finalizers), func(name string) bool { return name == postgresFinalizer })
	if p.DeletionTimestamp == nil {
		finalizers = append(finalizers, postgresFinalizer)
	} else if len(finalizers) == len(p.Finalizers) {
		return nil
	}
	u.SetFinalizers(finalizers)
	_, err := f.client.Resource(postgresClusters).Namespace(p.Namespace).Update(ctx, u, metav1.UpdateOptions{})
	return err
}

// stageOf reads from the status how far the cluster has come.
func stageOf(p *postgres) int {
	if len(p.Status.Instances) == 0 {
		return 0
	}
	stage := complete
	for i, set := range p.Spec.Instances {
		if i >= len(p.Status.Instances) || p.Status.Instances[i].ReadyReplicas == 0 {
			return observed
		}
		if p.Status.Instances[i].ReadyReplicas < orOne(set.Replicas) {
			stage = leading
		}
	}
	if !meta.IsStatusConditionTrue(p.Status.Conditions, "PGBackRestReplicaCreate") {
		return leading
	}
	return stage
}

// advance writes the status of a stage. What a cluster has once achieved, its stanzas and its first backup, it keeps.
func advance(p *postgres, stage int) {
	old := p.Status
	p.Status = postgresStatus{ObservedGeneration: p.Generation, Conditions: old.Conditions, Patroni: old.Patroni,
		DatabaseRevision: old.DatabaseRevision, UsersRevision: old.UsersRevision, DatabaseInitSQL: old.DatabaseInitSQL}
	for _, set := range p.Spec.Instances {
		want := orOne(set.Replicas)
		ready := map[int]int32{observed: 0, leading: 1, complete: want}[stage]
		p.Status.Instances = append(p.Status.Instances, postgresInstance{Name: set.Name, Replicas: want, ReadyReplicas: ready, UpdatedReplicas: want})
	}
	if stage >= leading {
		if p.Status.Patroni.SystemIdentifier == "" {
			p.Status.Patroni.SystemIdentifier = systemIdentifier(p)
		}
		p.Status.DatabaseRevision, p.Status.UsersRevision = "6b8d5f7c9b", "5c9f7d8b6"
		if p.Spec.DatabaseInitSQL != nil {
			p.Status.DatabaseInitSQL = &p.Spec.DatabaseInitSQL.Name
		}
	}
	advanceBackups(p, old.PGBackRest, stage)
}

// systemIdentifier is what initdb makes up: another one for each database.
func systemIdentifier(p *postgres) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.UID)) // a hash has no write errors
	return strconv.FormatUint(h.Sum64(), 10)
}

func advanceBackups(p *postgres, old *postgresBackups, stage int) {
	repos := p.Spec.Backups.PGBackRest.Repos
	if len(repos) == 0 {
		return
	}
	backups := &postgresBackups{RepoHost: &postgresRepoHost{APIVersion: "apps/v1", Kind: "StatefulSet", Ready: stage >= leading}}
	if old != nil {
		backups.Scheduled = old.Scheduled
	}
	for i, spec := range repos {
		repo := postgresRepo{Name: spec.Name}
		if old != nil && i < len(old.Repos) {
			repo = old.Repos[i]
		}
		if stage >= leading {
			repo.Bound, repo.StanzaCreated, repo.Volume = true, true, "pvc-"+p.Name+"-"+spec.Name
		}
		// Replicas are made from a backup in the first repository.
		repo.ReplicaCreateBackupComplete = repo.ReplicaCreateBackupComplete || (stage == complete && i == 0)
		backups.Repos = append(backups.Repos, repo)
	}
	p.Status.PGBackRest = backups
	p.condition("PGBackRestRepoHostReady", backups.RepoHost.Ready, "RepoHostReady", "RepoHostNotReady")
	p.condition("PGBackRestReplicaRepoReady", backups.Repos[0].StanzaCreated, "StanzaCreated", "StanzaNotCreated")
	p.condition("PGBackRestReplicaCreate", backups.Repos[0].ReplicaCreateBackupComplete, "RepoBackupComplete", "RepoBackupNotComplete")
}

// runBackup lets a scheduled full backup fail, and the next one succeed. The Job that
// failed stays beside it, as the CronJob keeps it.
func runBackup(p *postgres, fails bool) {
	backups := p.Status.PGBackRest
	if backups == nil || len(backups.Repos) == 0 || !backups.Repos[0].ReplicaCreateBackupComplete {
		return
	}
	n := len(backups.Scheduled)
	if failed := n > 0 && backups.Scheduled[n-1].Failed > 0; failed == fails {
		return
	}
	repo := backups.Repos[0].Name
	began := now()
	if n > 0 { // times have whole seconds
		began = metav1.NewTime(backups.Scheduled[n-1].StartTime.Add(time.Second))
	}
	run := postgresBackup{CronJobName: p.Name + "-" + repo + "-full", Repo: repo, Type: "full", StartTime: &began}
	if fails {
		run.Failed = 7
	} else {
		run.Succeeded, run.CompletionTime = 1, &began
	}
	backups.Scheduled = append(backups.Scheduled, run)
}

func (p *postgres) condition(kind string, is bool, yes, no string) {
	c := metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: no, Message: kind + ": " + no, ObservedGeneration: p.Generation}
	if is {
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, yes, kind+": "+yes
	}
	meta.SetStatusCondition(&p.Status.Conditions, c)
}

func orOne(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}
