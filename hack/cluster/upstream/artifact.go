package upstream

import (
	"context"
	"fmt"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"

	"blogplatform.io/operator/hack/build"
)

// Artifact is an entry for one processor. As a build.Artifact it is "built" by a
// download, so whoever builds a component need not know that it was released.
type Artifact struct {
	Name, From, Member string
	Kind               Kind
	// Arch is the processor, as GOARCH names it.
	Arch string
	// SHA256 is empty if the artifact is not locked.
	SHA256 string
}

// ArtifactName implements build.Artifact. An image has the name of the one that is compiled: only one of the two is used at a time.
func (a Artifact) ArtifactName() string {
	if a.Kind == Image {
		return build.ImageArtifact(a.Name)
	}
	return "released-" + a.Name
}

// key covers all that decides about the content.
func (a Artifact) key() []byte { return fmt.Appendf(nil, "%s %s %s", a.Kind, a.SHA256, a.Member) }

// Cached implements build.Artifact.
func (a Artifact) Cached(c *build.Cache) (bool, error) { return c.Has(a.ArtifactName(), a.key()), nil }

// Build answers the path of the program, or of the archive of the image. It is
// downloaded if the cache does not hold it; what then fails is not compiled instead.
func (a Artifact) Build(ctx context.Context, c *build.Cache) (path string, err error) {
	if a.Kind == Image {
		var image build.BuiltImage
		image, err = Client{}.Pull(ctx, c, a)
		path = image.Archive
	} else {
		path, err = Client{}.Fetch(ctx, c, a)
	}
	if err != nil {
		return "", fmt.Errorf("%w; with CLUSTER_FROM=source it is compiled instead", err)
	}
	return path, nil
}

// Host is the server that the artifact is asked for first. It may answer with the address of another one.
func (a Artifact) Host() string {
	if a.Kind == Image {
		tag, _ := name.NewTag(a.From) // Parse has checked it
		return tag.RegistryStr()
	}
	address, _ := url.Parse(a.From) // Parse has checked it
	return address.Host
}

// String names the artifact as messages do.
func (a Artifact) String() string { return fmt.Sprintf("%s for %s (%s)", a.Name, a.Arch, a.From) }
