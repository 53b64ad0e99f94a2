package ready

import (
	"strings"
	"testing"
)

// healthy is a PostgresCluster as the Crunchy operator reports it once all is well.
const healthy = `
spec:
  postgresVersion: 15
  instances: [{name: instance, replicas: 2}]
  backups: {pgbackrest: {repos: [{name: repo1, volume: {}}]}}
  databaseInitSQL: {name: blog-db-init, key: init.sql}
status:
  observedGeneration: 2
  databaseInitSQL: blog-db-init
  databaseRevision: 6b8d5f7c9b
  usersRevision: 5c9f7d8b6
  patroni: {systemIdentifier: "7300000000000000000"}
  instances: [{name: instance, replicas: 2, readyReplicas: 2, updatedReplicas: 2}]
  pgbackrest:
    repoHost: {apiVersion: apps/v1, kind: StatefulSet, ready: true}
    repos: [{name: repo1, bound: true, replicaCreateBackupComplete: true, stanzaCreated: true, volume: pvc-1}]
  conditions:
  - {type: PGBackRestRepoHostReady, status: "True", reason: RepoHostReady, observedGeneration: 2}
  - {type: PGBackRestReplicaRepoReady, status: "True", reason: StanzaCreated, observedGeneration: 2}
  - {type: PGBackRestReplicaCreate, status: "True", reason: RepoBackupComplete, observedGeneration: 2}
`

// but is the healthy cluster with something in place of something.
func but(replacements ...string) string {
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(healthy, replacements[i]) {
			panic(replacements[i])
		}
	}
	return strings.NewReplacer(replacements...).Replace(healthy)
}

func TestAPostgresCluster(t *testing.T) {
	spec, _, _ := strings.Cut(healthy, "status:")
	const set, repo, backup = "replicas: 2, readyReplicas: 2, updatedReplicas: 2", "replicaCreateBackupComplete: true, stanzaCreated: true", `type: PGBackRestReplicaCreate, status: "True"`
	tell(t, "PostgresCluster", []story{
		{"is healthy", healthy, Ready, "InstancesReady", "is ready"},
		{"is new", spec, Progressing, "NotObserved", "by the Postgres operator; if it stays so, see whether that runs"},
		{"was changed", but("observedGeneration: 2\n  databaseInitSQL", "observedGeneration: 1\n  databaseInitSQL"), Progressing, "NotObserved", ""},
		{"was paused by somebody", but("postgresVersion: 15", "paused: true"), Progressing, "Paused", "set its spec.paused to false"},
		{"starts", spec + "status: {observedGeneration: 2, instances: [{name: instance, replicas: 2}]}", Progressing, "InstancesNotReady", "not all instances of set instance are ready; look at its pods"},
		{"has no pods", spec + "status: {observedGeneration: 2}", Progressing, "InstancesNotReady", ""},
		{"is restored before it starts", but("postgresVersion: 15", "dataSource: {postgresCluster: {}}"), Progressing, "Restoring", "look at its restore Job, and at its events"},
		{"was restored before it started", but("postgresVersion: 15", "dataSource: {postgresCluster: {}}", "conditions:", `conditions: [{type: PostgresDataInitialized, status: "True"}]`+"\n  others:"), Progressing, "FirstBackup", ""},
		{"is restored in place", but("conditions:", `conditions: [{type: PGBackRestoreProgressing, status: "True", reason: ReadyForRestore}]`+"\n  others:"), Progressing, "Restoring", ""},
		{"could not be restored", but("conditions:", `conditions: [{type: PostgresDataInitialized, status: "False", reason: PGBackRestRestoreFailed}]`+"\n  others:"), Failed, "RestoreFailed", "look at the log of its restore Job"},
		{"lost an instance", but(set, "replicas: 2, readyReplicas: 1, updatedReplicas: 2"), Progressing, "InstancesNotReady", ""},
		{"has pods of another set only", but("[{name: instance, replicas: 2}]", "[{name: other, replicas: 2}]"), Progressing, "InstancesNotReady", "set other"},
		{"restarts for a new spec", but(set, "replicas: 2, readyReplicas: 2, updatedReplicas: 1"), Progressing, "InstancesUpdating", "set instance"},
		{"has one instance by default", but("[{name: instance, replicas: 2}]", "[{name: instance}]", set, "replicas: 1, readyReplicas: 1, updatedReplicas: 1"), Ready, "InstancesReady", ""},
		{"has one instance too few by default", but("[{name: instance, replicas: 2}]", "[{name: instance}]", set, "replicas: 1"), Progressing, "InstancesNotReady", ""},
		{"has more instances than it should on its way down", but(set, "replicas: 3, readyReplicas: 3, updatedReplicas: 3"), Ready, "InstancesReady", ""},
		{"has no stanza yet", but(repo, "stanzaCreated: false"), Progressing, "StanzaMissing", "backup repository repo1 is not initialised"},
		{"has a repository more than reported", but("[{name: repo1, volume: {}}]", "[{name: repo1, volume: {}}, {name: repo2, s3: {}}]"), Progressing, "StanzaMissing", "repo2"},
		{"has a stanza in another repository only", but("[{name: repo1, volume: {}}]", "[{name: repo2, s3: {}}]"), Progressing, "StanzaMissing", "repo2"},
		{"has no repository host", but("ready: true}", "ready: false}"), Progressing, "RepoHostNotReady", "look at its pod"},
		{"has no backup yet", but(repo, "stanzaCreated: true", backup, `type: PGBackRestReplicaCreate, status: "False"`), Progressing, "FirstBackup", "look at its backup Job"},
		{"does not tell of its backup", but(backup, `type: PGBackRestReplicaCreate, status: Unknown`), Progressing, "FirstBackup", ""},
		{"wants no backups", but("[{name: repo1, volume: {}}]", "[]", backup, `type: PGBackRestReplicaCreate, status: "False"`), Ready, "InstancesReady", ""},
		{"could not run its SQL", but("\n  databaseInitSQL: blog-db-init", ""), Progressing, "InitSQLPending", "ConfigMap g11-stg/blog-db-init"},
		{"has no SQL to run", but("\n  databaseInitSQL: {name: blog-db-init, key: init.sql}", "", "\n  databaseInitSQL: blog-db-init", ""), Ready, "InstancesReady", ""},
	})
}

func TestCountersOfAPostgresClusterDoNotMoveItsMessage(t *testing.T) {
	at := func(ready string) Verdict {
		u := object(t, "PostgresCluster", but("[{name: instance, replicas: 2}]", "[{name: instance, replicas: 3}]", "readyReplicas: 2", "readyReplicas: "+ready))
		return Judge(u, u, today)
	}
	if one, two := at("1"), at("2"); one != two {
		t.Errorf("%+v became %+v", one, two)
	}
}
