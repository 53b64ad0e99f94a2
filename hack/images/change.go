package images

import (
	"fmt"
	"path"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"blogplatform.io/operator/api/v1alpha1"
)

// change is a merge patch that kustomize takes: a BlogPlatform with nothing but its release.
type change struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metadata `json:"metadata"`
	Spec            spec     `json:"spec"`
}

type metadata struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type spec struct {
	Release v1alpha1.Release `json:"release"`
}

// Change is the file that makes a platform ask for a release: spec.release with
// the digests among references, the lines that Write leaves. Other images, such as
// the operator's, are of no release and left out.
func Change(references, namespace, name, version string) ([]byte, error) {
	for what, value := range map[string]string{"namespace": namespace, "name": name, "version": version} {
		if value == "" {
			return nil, fmt.Errorf("a change needs the %s of the platform or release; it is empty", what)
		}
	}
	var images v1alpha1.Images
	fields := map[string]*string{"frontend": &images.Frontend, "user": &images.User, "content": &images.Content, "comment": &images.Comment}
	for reference := range strings.FieldsSeq(references) {
		repository, _, digested := strings.Cut(reference, "@sha256:")
		if !digested {
			return nil, fmt.Errorf("%s names no digest, so it could change what it means; write name@sha256:…", reference)
		}
		if field := fields[path.Base(repository)]; field != nil {
			*field = reference
		}
	}
	for _, service := range Services {
		if *fields[service] == "" {
			return nil, fmt.Errorf("release %s names no image for service %s", version, service)
		}
	}
	return yaml.Marshal(change{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "BlogPlatform"},
		Metadata: metadata{Name: name, Namespace: namespace},
		Spec:     spec{Release: v1alpha1.Release{Version: version, Images: images}},
	})
}
