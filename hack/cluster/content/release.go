package content

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/images"
	"blogplatform.io/operator/hack/privileged"
)

// Release builds the services of the checkout, loads their images into the
// cluster and writes them as JSON, as spec.release.images takes them. Files of
// the checkout may be replaced, by their path in it, which makes another release
// of the same sources.
func Release(ctx context.Context, s node.Settings, replaced map[string]string, out io.Writer) error {
	if s.RunningInit() == 0 {
		return errors.New("the cluster is down (make up)")
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
	c := &component.Cluster{Settings: s, Cache: cache}
	references, err := loadServices(ctx, c, replaced)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(references)
}

// loadServices builds and loads the images of the services and answers them by name.
func loadServices(ctx context.Context, c *component.Cluster, replaced map[string]string) (map[string]string, error) {
	references := map[string]string{}
	for _, name := range images.Services {
		image, err := localImage(ctx, c.Cache, name, replaced)
		if err != nil {
			return nil, err
		}
		if err := c.Load(ctx, image); err != nil {
			return nil, err
		}
		references[name] = image.Digested
	}
	return references, nil
}
