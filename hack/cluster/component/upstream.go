package component

import (
	"fmt"
	"slices"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/upstream"
)

// FromUpstream is the component made of what the lock has for it, for one
// processor as GOARCH names it: what is released takes the place of Compiled, and
// the rest is built as before. A component without Released stays as it is.
func (part Component) FromUpstream(lock upstream.Lock, arch string) (Component, error) {
	if len(part.Released) == 0 {
		return part, nil
	}
	compiled := part.Compiled
	part.Parts = slices.DeleteFunc(slices.Clone(part.Parts), func(a build.Artifact) bool {
		return slices.ContainsFunc(compiled, func(b build.Artifact) bool { return a.ArtifactName() == b.ArtifactName() })
	})
	part.Compiled, part.pulled = nil, map[string]upstream.Artifact{}
	var programs []upstream.Artifact
	for _, name := range part.Released {
		released, found := lock.Component(name)
		if !found {
			return Component{}, fmt.Errorf("component %s: %s has no component %s", part.Name, upstream.LockPath, name)
		}
		for _, artifact := range released.Artifacts(arch) {
			part.Parts = append(part.Parts, artifact)
			if artifact.Kind == upstream.Image {
				part.pulled[artifact.Name] = artifact
			} else {
				programs = append(programs, artifact)
			}
		}
	}
	part.Programs = func(built Built) map[string]string {
		paths := map[string]string{}
		for _, program := range programs {
			paths[program.Name] = built.Path(program)
		}
		return paths
	}
	return part, nil
}
