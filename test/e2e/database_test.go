//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// query runs SQL as the superuser on the leader and answers its unaligned output.
func query(t *testing.T, env environment, sql string) string {
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
