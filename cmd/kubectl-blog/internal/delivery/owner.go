package delivery

import (
	"fmt"
	"slices"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/platform"
)

// What programs that apply Git leave on an object. Label app.kubernetes.io/instance,
// by which Argo CD may track, too, is no mark: too many others set it.
var (
	marks = map[string]string{
		"argocd.argoproj.io/tracking-id":   "Argo CD", // annotation (argo-cd common.AnnotationKeyAppInstance)
		"argocd.argoproj.io/instance":      "Argo CD", // label that its documentation proposes
		"kustomize.toolkit.fluxcd.io/name": "Flux",    // label (kustomize-controller)
		"helm.toolkit.fluxcd.io/name":      "Flux",    // label (helm-controller)
	}
	managers = map[string]string{
		"argocd-controller":             "Argo CD", // server-side apply (argo-cd common.ArgoCDSSAManager)
		"argocd-application-controller": "Argo CD", // kubectl apply in the controller's process
		"kustomize-controller":          "Flux",
		"helm-controller":               "Flux",
	}
)

// refuseManaged refuses an object that is written from Git: what is written by
// hand would be undone there.
func refuseManaged(p *platform.Platform) error {
	owner, by := managedBy(p)
	if owner == "" {
		return nil
	}
	return fmt.Errorf("BlogPlatform %s is managed by %s (%s), which would undo the change; print it with -o patch and commit it to Git", p.Key(), owner, by)
}

func managedBy(p *platform.Platform) (owner, by string) {
	var names []string
	for name := range p.Labels {
		names = append(names, name)
	}
	for name := range p.Annotations {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if owner := marks[name]; owner != "" {
			return owner, name
		}
	}
	for _, entry := range p.ManagedFields {
		if owner := managers[entry.Manager]; owner != "" {
			return owner, "field manager " + entry.Manager
		}
	}
	return "", ""
}
