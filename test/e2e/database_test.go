//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/api/v1alpha1"
)

// query runs SQL as the superuser on the leader and answers its unaligned output.
func query(t testing.TB, env environment, sql string) string {
	t.Helper()
	a := execIn(t, env.namespace, leader(t, env).Name, "database", "psql", "--no-align", "--tuples-only", "--dbname", "postgres", "--command", sql)
	if a.code != 0 {
		t.Fatalf("querying PostgreSQL of %s: %s", env.namespace, a.err)
	}
	return strings.TrimSpace(a.out)
}

func TestServicesReachPostgreSQLOverVerifiedTLS(t *testing.T) {
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			for _, service := range dataServices {
				plain := query(t, env, fmt.Sprintf("select count(*) from pg_stat_activity join pg_stat_ssl using (pid) where usename = 'blog-%s' and not ssl", service))
				secure := query(t, env, fmt.Sprintf("select count(*) from pg_stat_activity join pg_stat_ssl using (pid) where usename = 'blog-%s' and ssl", service))
				if plain != "0" || secure == "0" {
					t.Errorf("%s has %s plain and %s TLS connections, want 0 and at least 1", service, plain, secure)
				}
				for _, pod := range podsOf(t, env.namespace, "app.kubernetes.io/name="+service) {
					if mode := environmentOf(pod, service, "PGSSLMODE"); mode != "verify-full" {
						t.Errorf("pod %s connects with sslmode=%s, want verify-full", pod.Name, mode)
					}
				}
			}
		})
	}
}

func TestTheDatabaseHasRoomForAllPodsOfTwoReleases(t *testing.T) {
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			needed := 0
			for _, service := range dataServices {
				for _, pod := range podsOf(t, env.namespace, "app.kubernetes.io/name="+service) {
					pool, err := strconv.Atoi(environmentOf(pod, service, "DATABASE_CONNECTIONS"))
					if err != nil {
						t.Fatalf("pod %s: %v", pod.Name, err)
					}
					needed += 2 * pool
				}
			}
			if room := query(t, env, "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int > "+strconv.Itoa(needed)); room != "t" {
				t.Errorf("PostgreSQL has no room for %d connections", needed)
			}
		})
	}
}

func environmentOf(pod corev1.Pod, container, name string) string {
	for _, c := range pod.Spec.Containers {
		for _, e := range c.Env {
			if c.Name == container && e.Name == name {
				return e.Value
			}
		}
	}
	return ""
}

func TestTheReplicaStreams(t *testing.T) {
	eventually(t, time.Minute, "replica of production streaming", func(context.Context) error {
		if state := query(t, production, "select string_agg(state, ',') from pg_stat_replication where application_name like 'blog-db%'"); state != "streaming" {
			return fmt.Errorf("pg_stat_replication says %q", state)
		}
		return nil
	})
}

func TestTheFirstBackupHasFinished(t *testing.T) {
	jobs, err := clientset.BatchV1().Jobs(production.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "postgres-operator.crunchydata.com/pgbackrest-backup"})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range jobs.Items {
		if job.Status.Succeeded > 0 {
			return
		}
	}
	t.Errorf("none of %d backup Jobs in %s succeeded", len(jobs.Items), production.namespace)
}

// TestReplicationNeedsTheServiceThatNamesItsPorts takes away the headless
// Service that tells the mesh of PostgreSQL's ports: then the replica reaches
// neither PostgreSQL nor Patroni of its leader, until the operator puts it back.
func TestReplicationNeedsTheServiceThatNamesItsPorts(t *testing.T) {
	primary := leader(t, production)
	replicas := podsOf(t, production.namespace, "postgres-operator.crunchydata.com/role=replica")
	if len(replicas) != 1 {
		t.Fatalf("production has %d replicas, want 1", len(replicas))
	}
	reach := func(context.Context) error {
		a := execIn(t, production.namespace, replicas[0].Name, "database", "curl", "--insecure", "--silent", "--show-error", "--max-time", "5",
			"--output", "/dev/null", "https://"+net.JoinHostPort(primary.Status.PodIP, "8008")+"/")
		b := execIn(t, production.namespace, replicas[0].Name, "database", "pg_isready", "--host", primary.Status.PodIP, "--timeout", "5")
		if a.code != 0 || b.code != 0 {
			return fmt.Errorf("patroni: %d %s; postgres: %d %s", a.code, strings.TrimSpace(a.err), b.code, strings.TrimSpace(b.out))
		}
		return nil
	}
	eventually(t, time.Minute, "replica reaching its leader", reach)

	suspend, resume := true, false
	change(t, production, func(spec *v1alpha1.BlogPlatformSpec) { spec.Suspend = &suspend })
	t.Cleanup(func() {
		change(t, production, func(spec *v1alpha1.BlogPlatformSpec) { spec.Suspend = &resume })
		eventually(t, time.Minute, "replica reaching its leader again", reach)
	})
	eventually(t, time.Minute, "operator keeping its hands off", func(ctx context.Context) error {
		return hasCondition(ctx, production, v1alpha1.ConditionSuspended)
	})
	if err := clientset.CoreV1().Services(production.namespace).Delete(t.Context(), platform+"-db-mesh", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "mesh forgetting the ports", func(ctx context.Context) error {
		if err := reach(ctx); err == nil {
			return errors.New("the replica still reaches its leader")
		}
		return nil
	})
}
