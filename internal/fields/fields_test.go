package fields

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// cluster has one of everything that is read.
func cluster() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"kind": "PostgresCluster", "metadata": map[string]any{"namespace": "blog", "name": "db"},
		"spec": map[string]any{"shutdown": "no", "port": int64(5432), "instances": []any{
			map[string]any{"replicas": int64(2)}, map[string]any{"replicas": "many"}, "nothing", map[string]any{"replicas": int64(3)}}},
		"status": map[string]any{"conditions": []any{
			"nothing", map[string]any{"type": "Progressing", "status": "False", "reason": "Done"},
			map[string]any{"type": "Proxy", "status": "True"}, map[string]any{"type": "Ready", "status": "True", "reason": "Fine"}}},
	}}
}

func TestFieldsThatAreThereAreRead(t *testing.T) {
	if got := Name(cluster()); got != "PostgresCluster blog/db" {
		t.Error(got)
	}
	if got := Int32(cluster(), "spec", "port"); got != 5432 {
		t.Error(got)
	}
	if got := Text(cluster(), "spec", "shutdown"); got != "no" {
		t.Error(got)
	}
	if got := Sum(cluster(), "replicas", "spec", "instances"); got != 5 {
		t.Error(got)
	}
}

func TestFieldsThatAreMissingOrOfAnotherTypeAreEmpty(t *testing.T) {
	if Int32(cluster(), "spec", "shutdown") != 0 || Text(cluster(), "spec", "port") != "" || Text(cluster(), "status", "none") != "" || Sum(cluster(), "replicas", "spec", "none") != 0 {
		t.Error("what is missing is not empty")
	}
}

func TestOnlyAConditionThatIsTrueCounts(t *testing.T) {
	for condition, want := range map[string]struct {
		reason string
		isTrue bool
	}{"Ready": {"Fine", true}, "Proxy": {"", true}, "Progressing": {"", false}, "Missing": {"", false}} {
		if reason, isTrue := ConditionTrue(cluster(), condition); reason != want.reason || isTrue != want.isTrue {
			t.Errorf("%s: %q, %v", condition, reason, isTrue)
		}
	}
}
