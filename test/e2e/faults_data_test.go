//go:build e2e && (faults || alerts)

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
)

// Faults of the database and of what is kept in it.

// aPlatformThatIsCreatedAgain over its data with a smaller volume names the size to
// write, and with that goes on with the data.
func aPlatformThatIsCreatedAgain(t *testing.T, env environment) {
	settle(t, env)
	query(t, env, "CREATE TABLE kept AS SELECT 42 AS answer")
	before := get(t, env)
	if err := cluster.Delete(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Minute, "the platform is gone", func(ctx context.Context) error {
		err := cluster.Get(ctx, client.ObjectKeyFromObject(before), &v1alpha1.BlogPlatform{})
		if err == nil {
			err = errors.New("it is still there")
		}
		return client.IgnoreNotFound(err)
	})
	again := &v1alpha1.BlogPlatform{ObjectMeta: metav1.ObjectMeta{Namespace: before.Namespace, Name: before.Name}, Spec: before.Spec}
	size := before.Spec.Database.Storage.Size
	again.Spec.Database.Storage.Size = new(resource.MustParse("512Mi"))
	if err := cluster.Create(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	eventually(t, truth, "the size to write is named", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionStalled, metav1.ConditionTrue, "DatabaseMismatch", size.String())
	})
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Database.Storage.Size = size })
	eventually(t, 5*time.Minute, env.namespace+" Ready again", func(ctx context.Context) error { return ready(ctx, env) })
	if answer := query(t, env, "SELECT answer FROM kept"); answer != "42" {
		t.Errorf("the data says %q", answer)
	}
}

// aVolumeThatCannotGrow is said, and the size may be taken back.
func aVolumeThatCannotGrow(t *testing.T, env environment) {
	settle(t, env)
	end := load(t, env, 10)
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) { spec.Database.Storage.Size = new(resource.MustParse("30Gi")) })
	eventually(t, 2*truth, "the volume has not grown", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "VolumeNotGrown", "")
	})
	noFailures(t, env.namespace+", while its volume did not grow", end)
}

// passwordsThatAreReplaced are followed by the pods that run, without a restart.
func passwordsThatAreReplaced(t *testing.T, env environment) {
	pods, people := containersOf(t, env), signIn(t, env)
	verifiers := func() string {
		return query(t, env, "SELECT string_agg(rolpassword, ' ' ORDER BY rolname) FROM pg_authid WHERE rolname LIKE 'blog-%'")
	}
	before := map[string]string{}
	for _, service := range dataServices {
		role := platform + "-" + service
		before[role] = query(t, env, "SELECT rolpassword FROM pg_authid WHERE rolname = '"+role+"'")
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: env.namespace, Name: platform + "-db-pguser-" + role}}
		if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
			t.Fatal(err)
		}
		patch := client.MergeFrom(secret.DeepCopy())
		secret.Data["password"], secret.Data["verifier"] = []byte("another-password"), nil // the Crunchy operator makes a verifier for it
		if err := cluster.Patch(t.Context(), secret, patch); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, truth, "PostgreSQL has the new passwords", func(context.Context) error {
		all := verifiers()
		for role, verifier := range before {
			if strings.Contains(all, verifier) {
				return fmt.Errorf("%s has the one before", role)
			}
		}
		return nil
	})
	connectAnew(t, env, people)
	if now := containersOf(t, env); !slices.Equal(pods, now) {
		t.Errorf("pods were replaced or restarted: %v, then %v", pods, now)
	}
}

// anAuthorityThatIsReplaced signs PostgreSQL's certificate from now on: the pods that run
// follow it, without a restart. Connections that are there stay, and the pages that readers
// see do not fail. Until the kubelet has replaced the files in all pods, within about a
// minute, a new connection is refused, so what people write may fail once; it is not counted here.
func anAuthorityThatIsReplaced(t *testing.T, env environment) {
	pods, people := containersOf(t, env), signIn(t, env)
	authority := func(ctx context.Context) (string, error) {
		secret, err := clientset.CoreV1().Secrets(env.namespace).Get(ctx, platform+"-db-cluster-cert", metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return string(secret.Data["ca.crt"]), nil
	}
	before, err := authority(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end := load(t, env, 10)
	// With its key. The Postgres operator makes another one when it looks at the cluster again.
	if err := clientset.CoreV1().Secrets(env.namespace).Delete(t.Context(), platform+"-db-cluster-ca-cert", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Minute, "another authority", func(ctx context.Context) error {
		now, err := authority(ctx)
		if err == nil && now == before {
			err = errors.Join(errors.New("it is the one before"), touchDatabase(ctx, env))
		}
		return err
	})
	connectAnew(t, env, people)
	noFailures(t, env.namespace+", while the authority of its database was replaced", end)
	if now := containersOf(t, env); !slices.Equal(pods, now) {
		t.Errorf("pods were replaced or restarted: %v, then %v", pods, now)
	}
	eventually(t, truth, env.namespace+" Ready", func(ctx context.Context) error { return ready(ctx, env) })
}

// touchDatabase has the Postgres operator look at a cluster again.
func touchDatabase(ctx context.Context, env environment) error {
	database := &unstructured.Unstructured{}
	database.SetAPIVersion("postgres-operator.crunchydata.com/v1beta1")
	database.SetKind("PostgresCluster")
	database.SetNamespace(env.namespace)
	database.SetName(platform + "-db")
	touched := fmt.Appendf(nil, `{"metadata":{"annotations":{"touched":%q}}}`, time.Now().Format(time.RFC3339Nano))
	return cluster.Patch(ctx, database, client.RawPatch(types.MergePatchType, touched))
}

// containersOf are the pods of the data services with their restarts.
func containersOf(t *testing.T, env environment) (pods []string) {
	t.Helper()
	for _, service := range dataServices {
		for _, pod := range podsOf(t, env.namespace, "app.kubernetes.io/name="+service) {
			pods = append(pods, fmt.Sprint(pod.Name, pod.Status.ContainerStatuses[0].RestartCount))
		}
	}
	slices.Sort(pods)
	return pods
}

// connectAnew ends the connections of all data services until each has one that is newer than this call.
// People keep the services busy; what they are answered meanwhile does not count.
func connectAnew(t *testing.T, env environment, people []*person) {
	t.Helper()
	end := load(t, env, 10, people...)
	defer end()
	since := query(t, env, "SELECT now()")
	eventually(t, 3*time.Minute, "the data services connect", func(context.Context) error {
		query(t, env, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename LIKE 'blog-%' AND backend_start < '"+since+"'")
		services := query(t, env, "SELECT string_agg(DISTINCT usename, ' ') FROM pg_stat_activity WHERE usename LIKE 'blog-%' AND backend_start > '"+since+"'")
		for _, service := range dataServices {
			if !strings.Contains(services, platform+"-"+service) {
				return fmt.Errorf("%s has no connection that was made since", service)
			}
		}
		return nil
	})
	eventually(t, truth, "people are answered by connections that live", func(ctx context.Context) error {
		for _, p := range people {
			for n := range 2 { // a like and a page, which together need all data services
				if problem := p.next(n, request{}).failure(ctx); problem != "" {
					return errors.New(problem)
				}
			}
		}
		return nil
	})
}

// aBackupThatFails is said, with the CronJob to look at, and so is that one succeeds again.
func aBackupThatFails(t *testing.T, env environment) {
	settle(t, env)
	repository := podsOf(t, env.namespace, "postgres-operator.crunchydata.com/data=pgbackrest")
	if len(repository) != 1 {
		t.Fatalf("%d pods of the repository, want 1", len(repository))
	}
	may := func(mode string) {
		if a := execIn(t, env.namespace, repository[0].Name, "pgbackrest", "chmod", mode, "/pgbackrest/repo1/backup/db"); a.code != 0 {
			t.Fatal(a.err)
		}
	}
	may("0500")
	t.Cleanup(func() { may("0750") })
	runNow(t, env, "bad")
	eventually(t, 2*truth, "the backup that failed is said", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionBackupsFailing, metav1.ConditionTrue, "BackupFailed", "CronJob")
	})
	may("0750")
	runNow(t, env, "good")
	eventually(t, 2*time.Minute, "the warning is gone", func(context.Context) error {
		if c := meta.FindStatusCondition(get(t, env).Status.Conditions, v1alpha1.ConditionBackupsFailing); c != nil && c.Status == metav1.ConditionTrue {
			return errors.New(c.Message)
		}
		return nil
	})
}

// runNow makes a Job of the schedule of full backups, as kubectl create job --from does, with one try.
func runNow(t *testing.T, env environment, name string) {
	t.Helper()
	schedule, err := clientset.BatchV1().CronJobs(env.namespace).Get(t.Context(), platform+"-db-repo1-full", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name: schedule.Name + "-" + name, Labels: schedule.Spec.JobTemplate.Labels, Annotations: schedule.Spec.JobTemplate.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(schedule, batchv1.SchemeGroupVersion.WithKind("CronJob"))},
		},
		Spec: schedule.Spec.JobTemplate.Spec,
	}
	job.Spec.BackoffLimit = new(int32(0)) // the six tries that it would have take ten minutes
	if _, err := clientset.BatchV1().Jobs(env.namespace).Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}
