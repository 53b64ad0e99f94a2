package observed

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"blogplatform.io/operator/internal/naming"
)

func TestInstancesOfTheDatabaseAreCounted(t *testing.T) {
	if ready, desired := (State{}).DatabaseInstances(); ready != 0 || desired != 0 {
		t.Errorf("without a database: %d/%d", ready, desired)
	}
	s := State{Database: &unstructured.Unstructured{Object: map[string]any{
		"spec":   map[string]any{"instances": []any{map[string]any{"replicas": int64(2)}, map[string]any{"replicas": int64(1)}}},
		"status": map[string]any{"instances": []any{map[string]any{"readyReplicas": int64(2)}, map[string]any{}}},
	}}}
	if ready, desired := s.DatabaseInstances(); ready != 2 || desired != 3 {
		t.Errorf("%d/%d, want 2/3", ready, desired)
	}
}

func TestPodsOfAJobAreFoundByTheLabelOfKubernetes(t *testing.T) {
	pod := func(name, job string) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"batch.kubernetes.io/job-name": job}}}
	}
	s := State{Pods: []corev1.Pod{pod("a", "verify"), pod("b", "expand"), pod("c", "verify")}}
	if got := s.PodsOfJob("verify"); len(got) != 2 || got[0].Name != "a" || got[1].Name != "c" {
		t.Errorf("%v", got)
	}
	if got := s.PodsOfJob("contract"); got != nil {
		t.Errorf("%v", got)
	}
}

func TestTheRolloutOfAServiceIsFoundByItsName(t *testing.T) {
	names := naming.Of(types.NamespacedName{Namespace: "ns", Name: "blog"})
	user := &unstructured.Unstructured{}
	s := State{Rollouts: map[string]*unstructured.Unstructured{names.Workload(naming.User): user}}
	if s.Rollout(names, naming.User) != user || s.Rollout(names, naming.Content) != nil {
		t.Error("the Rollout of user was not found, or that of content was")
	}
}
