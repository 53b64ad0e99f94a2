package kube

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// annotationPatroni is where Patroni says how it stands with a member, as JSON.
	annotationPatroni = "status"
	// pendingRestart is in it while settings wait for PostgreSQL to restart
	// (postgres-operator internal/patroni PodRequiresRestart).
	pendingRestart = `"pending_restart":true`
)

// DatabasePods is a cache of the pods that the Crunchy operator makes, which the
// manager runs. They have no label of ours, and the manager's own cache has one
// selector for all pods. It is kept to the namespaces that are watched, if any is named.
func DatabasePods(mgr manager.Manager, watched []string) (cache.Cache, error) {
	pods, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultNamespaces: namespaces(watched), DefaultLabelSelector: hasLabel(LabelCluster), DefaultTransform: slimDatabasePod,
	})
	if err != nil {
		return nil, fmt.Errorf("cache of the pods of databases: %w", err)
	}
	return pods, mgr.Add(pods)
}

// slimDatabasePod keeps what slimPod does, and whether a restart is pending. Patroni
// writes the rest of its annotation every few seconds.
func slimDatabasePod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	pending := RestartPending(pod)
	slim, err := slimPod(pod)
	if kept, ok := slim.(*corev1.Pod); ok && pending {
		kept.Annotations = map[string]string{annotationPatroni: pendingRestart}
	}
	return slim, err
}

// RestartPending tells whether settings of PostgreSQL in a pod hold only once it restarts.
func RestartPending(pod *corev1.Pod) bool {
	return strings.Contains(pod.Annotations[annotationPatroni], pendingRestart)
}
