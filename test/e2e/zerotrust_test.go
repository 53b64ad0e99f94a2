//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"testing"
)

func serviceURL(env environment, service, path string) string {
	return fmt.Sprintf("http://%s-%s.%s.svc.cluster.local:8080%s", platform, service, env.namespace, path)
}

func TestAPodWithoutSidecarIsRefusedEverywhere(t *testing.T) {
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			p := outsider(t, env.namespace)
			var urls []string
			for _, service := range append([]string{"frontend"}, dataServices...) {
				urls = append(urls, serviceURL(env, service, "/"))
			}
			for url, status := range p.get(t, urls...) {
				if status != "000" {
					t.Errorf("%s answered %s to a pod without sidecar", url, status)
				}
			}
			if host := fmt.Sprintf("%s-db-primary.%s.svc", platform, env.namespace); p.postgres(t, host) {
				t.Errorf("PostgreSQL %s answered a pod without sidecar", host)
			}
		})
	}
}

func TestAStrangerInTheMeshIsForbidden(t *testing.T) {
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			p := stranger(t, env.namespace)
			var urls []string
			for _, service := range dataServices {
				urls = append(urls, serviceURL(env, service, "/healthz/dependencies"))
			}
			for url, status := range p.get(t, urls...) {
				if status != "403" {
					t.Errorf("%s answered %s to a stranger, want 403", url, status)
				}
			}
			if host := fmt.Sprintf("%s-db-primary.%s.svc", platform, env.namespace); p.postgres(t, host) {
				t.Errorf("PostgreSQL %s answered a stranger", host)
			}
			instance := leader(t, env)
			for name, port := range map[string]string{"Patroni": "8008", "pgBackRest": "8432"} {
				url := "https://" + net.JoinHostPort(instance.Status.PodIP, port) + "/"
				if a := p.run(t, "curl", "--insecure", "--silent", "--show-error", "--max-time", "5", url); a.code == 0 {
					t.Errorf("%s answered a stranger: %.200s", name, a.out)
				}
			}
		})
	}
}

func TestFromOutsideTheMeshOnlyTheProxiesAnswer(t *testing.T) {
	open := map[string]bool{"15020": true, "15021": true, "15090": true}
	paths := map[string]string{"15020": "/healthz/ready", "15021": "/healthz/ready", "15090": "/stats/prometheus", "8080": "/", "9090": "/metrics"}
	for _, env := range environments {
		t.Run(env.namespace, func(t *testing.T) {
			p := outsider(t, env.namespace)
			for _, pod := range podsOf(t, env.namespace, "app.kubernetes.io/managed-by=blogplatform") {
				urls := map[string]string{}
				for port, path := range paths {
					urls["http://"+net.JoinHostPort(pod.Status.PodIP, port)+path] = port
				}
				for url, status := range p.get(t, slices.Collect(maps.Keys(urls))...) {
					if answered := status != "000"; answered != open[urls[url]] {
						t.Errorf("pod %s: %s answered %s; that it answers should be %v", pod.Name, url, status, open[urls[url]])
					}
				}
			}
		})
	}
}
