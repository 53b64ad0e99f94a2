package harness

import (
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Edits change an owned field of each kind, as a person might with kubectl edit.
var Edits = map[string]func(u *unstructured.Unstructured) error{
	"AnalysisTemplate":        Set([]any{map[string]any{"name": "elsewhere"}}, "spec", "args"),
	"AuthorizationPolicy":     admitEverybody,
	"Certificate":             Set([]any{"elsewhere.example.com"}, "spec", "dnsNames"),
	"ConfigMap":               Set("DROP DATABASE blog;", "data", "init.sql"),
	"ControllerRevision":      disown, // what it holds cannot be edited
	"DestinationRule":         Set("elsewhere.svc", "spec", "host"),
	"Gateway":                 Set(map[string]any{"istio": "elsewhere"}, "spec", "selector"),
	"HorizontalPodAutoscaler": Set(int64(9), "spec", "maxReplicas"),
	"NetworkPolicy":           Set([]any{"Ingress"}, "spec", "policyTypes"),
	"PeerAuthentication":      Set("DISABLE", "spec", "mtls", "mode"),
	"PodDisruptionBudget":     Set(int64(7), "spec", "maxUnavailable"),
	"PostgresCluster":         Set("off", "spec", "backups", "pgbackrest", "global", "start-fast"),
	"Rollout":                 Set(int64(7), "spec", "revisionHistoryLimit"),
	"SealedSecret":            reseal,
	"Service":                 Set("elsewhere", "spec", "selector", "app.kubernetes.io/name"),
	"ServiceAccount":          disown,
	"ServiceEntry":            Set([]any{"elsewhere.example.com"}, "spec", "hosts"),
	"Sidecar":                 Set([]any{map[string]any{"hosts": []any{"*/*"}}}, "spec", "egress"),
	"VirtualService":          Set([]any{"elsewhere.example.com"}, "spec", "hosts"),
}

// disown takes a child's label away that says whose it is.
var disown = Set("elsewhere", "metadata", "labels", "app.kubernetes.io/instance")

// Set answers an edit that sets one field.
func Set(value any, fields ...string) func(*unstructured.Unstructured) error {
	return func(u *unstructured.Unstructured) error {
		return unstructured.SetNestedField(u.Object, value, fields...)
	}
}

// reseal replaces all ciphertext.
func reseal(u *unstructured.Unstructured) error {
	data, _, err := unstructured.NestedMap(u.Object, "spec", "encryptedData")
	for key := range data {
		data[key] = "AgSomethingElse="
	}
	return errors.Join(err, unstructured.SetNestedMap(u.Object, data, "spec", "encryptedData"))
}

// admitEverybody replaces the rules; the policy that denies everything has none, and is disowned.
func admitEverybody(u *unstructured.Unstructured) error {
	if _, found, _ := unstructured.NestedSlice(u.Object, "spec", "rules"); !found {
		return disown(u)
	}
	return Set([]any{map[string]any{}}, "spec", "rules")(u)
}

// Intent is what the operator has a say in.
func Intent(u *unstructured.Unstructured) map[string]any {
	fields := u.DeepCopy().Object
	delete(fields, "status")
	fields["metadata"] = map[string]any{"labels": u.GetLabels(), "annotations": u.GetAnnotations(), "ownerReferences": u.GetOwnerReferences()}
	return fields
}
