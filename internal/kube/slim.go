package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// fieldDigest takes the place of what the cache does not keep of an object.
// No kind of the API has a field of this name.
const fieldDigest = "blogplatform.io/digest"

// unread are the fields of children that nobody reads from the cache. A digest stands
// in for them, by which drift is detected. For a kind with no fields listed, only
// metadata and status are cached.
var unread = map[schema.GroupKind][]string{
	{Kind: "ConfigMap"}:                                       nil,
	{Kind: "Service"}:                                         {"spec", "ports"},
	{Kind: "ServiceAccount"}:                                  nil,
	{Group: "argoproj.io", Kind: "AnalysisTemplate"}:          nil,
	{Group: "argoproj.io", Kind: "Rollout"}:                   {"spec", "template"},
	{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}:   nil,
	{Group: "batch", Kind: "Job"}:                             nil,
	{Group: "networking.istio.io", Kind: "Sidecar"}:           nil,
	{Group: "networking.k8s.io", Kind: "NetworkPolicy"}:       nil,
	{Group: "policy", Kind: "PodDisruptionBudget"}:            nil,
	{Group: "security.istio.io", Kind: "AuthorizationPolicy"}: nil,
	{Group: "security.istio.io", Kind: "PeerAuthentication"}:  nil,
}

// slimChild drops of a child what nobody reads: managedFields and, of most
// kinds, the fields that the operator itself has written.
func slimChild(object any) (any, error) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	u.SetManagedFields(nil)
	fields, slim := unread[u.GroupVersionKind().GroupKind()]
	if !slim {
		return u, nil
	}
	digest := Digest(u)
	if len(fields) > 0 {
		unstructured.RemoveNestedField(u.Object, fields...)
	} else {
		u.Object = only(u.Object, "apiVersion", "kind", "metadata", "status")
	}
	u.Object[fieldDigest] = digest
	return u, nil
}

func only(object map[string]any, fields ...string) map[string]any {
	kept := map[string]any{}
	for _, field := range fields {
		if value, found := object[field]; found {
			kept[field] = value
		}
	}
	return kept
}

// Digest tells whether an object has changed: in hex, of everything but what
// changes without anyone editing it (status, managedFields, resourceVersion).
// It is the same of an object in the cache, which may hold less of it. It is
// empty of an object that is not JSON, which the API server cannot have sent.
func Digest(u *unstructured.Unstructured) string {
	if kept, slim := u.Object[fieldDigest].(string); slim {
		return kept
	}
	object := maps.Clone(u.Object)
	delete(object, "status")
	if metadata, ok := object["metadata"].(map[string]any); ok {
		metadata = maps.Clone(metadata)
		delete(metadata, "managedFields")
		delete(metadata, "resourceVersion")
		object["metadata"] = metadata
	}
	raw, err := json.Marshal(object)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
