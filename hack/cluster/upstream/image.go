package upstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"blogplatform.io/operator/hack/build"
)

// Pull answers a released image under the name of ours, so that manifests need
// not know where it came from. It is pulled if the cache does not hold it, by the
// digest of the lock: of the image, or of an index that holds it.
func (c Client) Pull(ctx context.Context, cache *build.Cache, a Artifact) (build.BuiltImage, error) {
	if a.SHA256 == "" {
		return build.BuiltImage{}, fmt.Errorf("%s is not in the lock", a)
	}
	tag, err := name.NewTag(a.From)
	if err != nil {
		return build.BuiltImage{}, err
	}
	pinned := tag.Context().Digest("sha256:" + a.SHA256)
	return cache.Image(ctx, a.Name, a.key(), func(ctx context.Context) (v1.Image, error) {
		cache.Log("pulling " + pinned.String())
		image, err := c.find(ctx, pinned, a.Arch)
		if err != nil {
			return nil, fmt.Errorf("pulling %s: %w", pinned, err)
		}
		return image, nil
	})
}

// errNotReleased means that an image is not published for a processor.
var errNotReleased = errors.New("there is no image for this processor")

// find answers the image for a processor behind a reference. Its layers are pulled when they are read.
func (c Client) find(ctx context.Context, reference name.Reference, arch string) (v1.Image, error) {
	found, err := remote.Get(reference, remote.WithContext(ctx), remote.WithTransport(c.transport()))
	if err != nil {
		return nil, err
	}
	if found.MediaType.IsIndex() {
		index, err := found.ImageIndex()
		if err != nil {
			return nil, err
		}
		images, err := partial.FindImages(index, func(d v1.Descriptor) bool {
			return d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == arch
		})
		if err != nil {
			return nil, err
		}
		if len(images) == 0 {
			return nil, fmt.Errorf("%w: linux/%s is not in the index", errNotReleased, arch)
		}
		return images[0], nil
	}
	image, err := found.Image()
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	if config.OS != "linux" || config.Architecture != arch {
		return nil, fmt.Errorf("%w: it is for %s/%s, not for linux/%s", errNotReleased, config.OS, config.Architecture, arch)
	}
	return image, nil
}
