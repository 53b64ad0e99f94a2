package delivery

import (
	"fmt"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
)

// mark is a label or an annotation, by name, that a program leaves on what it applies.
type mark struct{ name, owner string }

// What programs that apply manifests leave on an object. Argo CD, Flux and Fleet may use
// Helm for it, so that comes last. Label app.kubernetes.io/instance, by which
// Argo CD may track, too, is no mark: too many others set it.
var (
	marks = []mark{
		{"argocd.argoproj.io/tracking-id", "Argo CD"}, // annotation (argo-cd common.AnnotationKeyAppInstance)
		{"argocd.argoproj.io/instance", "Argo CD"},    // label that its documentation proposes
		{"kustomize.toolkit.fluxcd.io/name", "Flux"},  // label (kustomize-controller)
		{"helm.toolkit.fluxcd.io/name", "Flux"},       // label (helm-controller)
		{"objectset.rio.cattle.io/id", "Fleet"},       // annotation (rancher/wrangler pkg/apply)
		{"objectset.rio.cattle.io/hash", "Fleet"},     // label
		{configSyncManaged, "Config Sync"},            // annotation
		{"config.k8s.io/owning-inventory", "kpt"},     // annotation (cli-utils, which Config Sync uses, too)
		{"meta.helm.sh/release-name", "Helm"},         // annotation (helm pkg/action)
	}
	managers = map[string]string{
		"argocd-controller":             "Argo CD", // server-side apply (argo-cd common.ArgoCDSSAManager)
		"argocd-application-controller": "Argo CD", // kubectl apply in the controller's process
		"kustomize-controller":          "Flux",
		"helm-controller":               "Flux",
	}
)

const (
	// configSyncManaged has the value configSyncDisabled on what Config Sync leaves alone.
	configSyncManaged  = "configmanagement.gke.io/managed"
	configSyncDisabled = "disabled"
)

// refuseManaged refuses an object that another program applies, from Git for instance:
// what is written by hand would be undone.
func refuseManaged(p *platform.Platform) error {
	owner, by := managedBy(p)
	if owner == "" {
		return nil
	}
	return fmt.Errorf("BlogPlatform %s is managed by %s (%s), which would undo the change; print it with -o patch and commit it to Git", p.Key(), owner, by)
}

func managedBy(p *platform.Platform) (owner, by string) {
	for _, m := range marks {
		_, labelled := p.Labels[m.name]
		value, annotated := p.Annotations[m.name]
		if (labelled || annotated) && (m.name != configSyncManaged || value != configSyncDisabled) {
			return m.owner, m.name
		}
	}
	for _, entry := range p.ManagedFields {
		if owner := managers[entry.Manager]; owner != "" {
			return owner, "field manager " + entry.Manager
		}
	}
	return "", ""
}
