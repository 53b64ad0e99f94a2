package content

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/privileged"
)

// versionLabel of an image names the release that it is of (OCI image specification, annotations).
const versionLabel = "org.opencontainers.image.version"

// Release builds the services of the checkout and loads their images into the
// cluster. Files of the checkout may be replaced, by their path in it, which
// makes another release of the same sources.
//
// With a version, staging is made to ask for the release, and what to do next is
// written. The version is in a label of the images, so that a release without a
// change of the code is another one, too. Without a version, the images are
// written as JSON, as spec.release.images takes them.
func Release(ctx context.Context, s node.Settings, replaced map[string]string, version string, out io.Writer) error {
	if s.RunningInit() == 0 {
		return errors.New("the cluster is down; start it with make up")
	}
	cache, err := build.NewCache(s.Root, func(string) {})
	if err != nil {
		return err
	}
	root, err := privileged.Open()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // it ends with this process at the latest
	cache.Privileged = root
	c := &component.Cluster{Settings: s, Cache: cache, Detail: func(string) {}}
	names, err := loadRelease(ctx, c, replaced, version)
	if err != nil {
		return err
	}
	if version == "" {
		return json.NewEncoder(out).Encode(names)
	}
	if err := c.Connect(); err != nil {
		return err
	}
	if err := askForRelease(ctx, c, version, names); err != nil {
		return err
	}
	fmt.Fprintf(out, releaseAsked, version, staging.namespace)
	return nil
}

const releaseAsked = `staging now asks for release %[1]s.

  kubectl blog status -n %[2]s --watch    see how it goes
  kubectl blog abort -n %[2]s             go back to the release before
`

// loadRelease builds the images of a release, loads them and answers them by the name of the service.
func loadRelease(ctx context.Context, c *component.Cluster, replaced map[string]string, version string) (map[string]string, error) {
	programs := servicePrograms(replaced)
	built, err := component.Component{
		Parts: parts(programs),
		Images: func(built component.Built) []build.Image {
			all := serviceImages(built, programs)
			for i := range all {
				if version != "" {
					all[i].Labels = map[string]string{versionLabel: version}
				}
			}
			return all
		},
	}.Build(ctx, c.Cache)
	if err != nil {
		return nil, err
	}
	return references(built), c.Load(ctx, built)
}

// askForRelease writes spec.release of staging, and nothing else.
func askForRelease(ctx context.Context, c *component.Cluster, version string, names map[string]string) error {
	platform, err := readSample(c, staging)
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"release": map[string]any{"version": version, "images": names}}})
	if err != nil {
		return err
	}
	if err := c.Client.Patch(ctx, platform, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("asking for release %s in BlogPlatform %s/%s: %w", version, platform.GetNamespace(), platform.GetName(), err)
	}
	return nil
}
