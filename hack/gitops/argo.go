package gitops

import (
	"strconv"
	"strings"
)

// object is an object in YAML or JSON.
type object = map[string]any

// oci begins the address of charts in a registry.
const oci = "oci://"

// application is a component as an Application of Argo CD. It has no finalizer:
// who deletes it deletes nothing else.
func (c Component) application() object {
	options := []string{"CreateNamespace=true", "ServerSideApply=true", "Prune=confirm"}
	spec := object{
		"project": "components",
		"source": object{
			"repoURL": strings.TrimPrefix(c.Chart.Repository, oci), "chart": c.Chart.Name, "targetRevision": c.Chart.Version,
			"helm": object{"releaseName": c.Name, "valuesObject": c.Values},
		},
		"destination": object{"name": "in-cluster", "namespace": c.Namespace},
	}
	if len(c.IgnoreDifferences) > 0 {
		options = append(options, "RespectIgnoreDifferences=true")
		var ignored []object
		for _, i := range c.IgnoreDifferences {
			ignored = append(ignored, i.forArgo())
		}
		spec["ignoreDifferences"] = ignored
	}
	spec["syncPolicy"] = object{
		"automated":   object{"prune": true, "selfHeal": true},
		"syncOptions": options,
		"retry":       object{"limit": 10, "backoff": object{"duration": "10s", "factor": 2, "maxDuration": "5m"}},
	}
	return object{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
		"metadata": object{
			"name": c.Name, "namespace": "argocd",
			"annotations": object{"argocd.argoproj.io/sync-wave": strconv.Itoa(c.Wave)},
		},
		"spec": spec,
	}
}

func (i Ignored) forArgo() object {
	ignored := object{"group": i.Group, "kind": i.Kind}
	if i.Name != "" {
		ignored["name"] = i.Name
	}
	if i.Manager != "" {
		ignored["managedFieldsManagers"] = []string{i.Manager}
	}
	if len(i.Fields) > 0 {
		ignored["jsonPointers"] = i.Fields
	}
	return ignored
}
