package ready

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// postgresCluster reads status.instances and status.pgbackrest, because a
// PostgresCluster has no condition that sums them up. Its observedGeneration
// only says that a reconciliation was begun: it moves even when that failed.
func postgresCluster(u *unstructured.Unstructured) Verdict {
	switch {
	case truth(u.Object, "spec", "paused"):
		return Verdict{Progressing, "Paused", name(u) + " is paused: what the Postgres operator reports is out of date; set its spec.paused to false"}
	case number(u.Object, "status", "observedGeneration") < u.GetGeneration():
		return Verdict{Progressing, "NotObserved", name(u) + " is not yet seen by the Postgres operator; if it stays so, see whether that runs, and look at the events of both"}
	}
	for _, judge := range []func(*unstructured.Unstructured) Verdict{restore, instances, backups, initSQL} {
		if v := judge(u); v.State != "" {
			return v
		}
	}
	return Verdict{Ready, "InstancesReady", name(u) + " is ready"}
}

// restore reads the conditions of a restore, in place or before PostgreSQL starts for the
// first time (PostgresDataInitialized, PGBackRestoreProgressing). What is wrong with the
// source that was asked for, only events of the PostgresCluster tell.
func restore(u *unstructured.Unstructured) Verdict {
	restored := condition(u, "PostgresDataInitialized")
	_, begins, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "dataSource")
	switch {
	case is(restored, "False"):
		return Verdict{Failed, "RestoreFailed", name(u) + ": the restore of its data has failed; look at the log of its restore Job, and delete that Job to try again"}
	case is(condition(u, "PGBackRestoreProgressing"), "True"), begins && !is(restored, "True"):
		return Verdict{Progressing, "Restoring", name(u) + ": its data is being restored; look at its restore Job, and at its events if there is none"}
	}
	return Verdict{}
}

func instances(u *unstructured.Unstructured) Verdict {
	for _, set := range list(u.Object, "spec", "instances") {
		want := int64(1) // the default of the CRD
		if n, ok := set["replicas"].(int64); ok {
			want = n
		}
		status := element(list(u.Object, "status", "instances"), "name", set["name"])
		switch {
		case number(status, "readyReplicas") < want:
			return Verdict{Progressing, "InstancesNotReady", name(u) + ": not all instances of set " + text(set, "name") + " are ready; look at its pods"}
		case number(status, "updatedReplicas") < want:
			return Verdict{Progressing, "InstancesUpdating", name(u) + ": instances of set " + text(set, "name") + " are yet to be restarted with the new spec; look at its pods"}
		}
	}
	return Verdict{}
}

// backups wants of each repository that it is initialised, and of the first,
// from which replicas are made, that it holds a backup.
func backups(u *unstructured.Unstructured) Verdict {
	wanted := list(u.Object, "spec", "backups", "pgbackrest", "repos")
	if len(wanted) == 0 {
		return Verdict{}
	}
	for _, repo := range wanted {
		status := element(list(u.Object, "status", "pgbackrest", "repos"), "name", repo["name"])
		if !truth(status, "stanzaCreated") {
			return Verdict{Progressing, "StanzaMissing", name(u) + ": backup repository " + text(repo, "name") + " is not initialised; look at its volume and at the pod of the repository host"}
		}
	}
	if ready, reported, _ := unstructured.NestedBool(u.Object, "status", "pgbackrest", "repoHost", "ready"); reported && !ready {
		return Verdict{Progressing, "RepoHostNotReady", name(u) + ": the host of the backup repository is not ready; look at its pod"}
	}
	if !is(condition(u, "PGBackRestReplicaCreate"), "True") {
		return Verdict{Progressing, "FirstBackup", name(u) + ": the first backup has not finished; look at its backup Job"}
	}
	return Verdict{}
}

// initSQL is reported, by the name of its ConfigMap, only once it succeeded.
func initSQL(u *unstructured.Unstructured) Verdict {
	wanted := text(u.Object, "spec", "databaseInitSQL", "name")
	if wanted == "" || text(u.Object, "status", "databaseInitSQL") != "" {
		return Verdict{}
	}
	return Verdict{Progressing, "InitSQLPending", name(u) + ": the SQL in ConfigMap " + u.GetNamespace() + "/" + wanted + " has not run; look at the log of the Postgres operator"}
}
