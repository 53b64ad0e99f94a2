package charts

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	ref "github.com/google/go-containerregistry/pkg/name"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/chart/v2/util"
)

// Operator is the chart of the operator, and Platform that of a BlogPlatform.
const (
	Operator = "blogplatform-operator"
	Platform = "blogplatform"
)

// Names are all charts, as their folders in charts/ are called.
var Names = []string{Operator, Platform}

// Release is what only a release knows.
type Release struct {
	// Version is the git tag, such as v1.2.3. The charts leave out the v.
	Version string
	// Image is the operator's, by digest: REGISTRY/FOLDER/operator@sha256:….
	Image string
}

// tag is what the git tag of a release looks like.
var tag = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$`)

// epoch is when every file in an archive was changed, so that its bytes do not depend on a clock.
var epoch = time.Unix(0, 0).UTC()

// Package writes dir/NAME-VERSION.tgz for each chart of the checkout at root, and
// answers their paths.
func Package(root string, r Release, dir string) ([]string, error) {
	if !tag.MatchString(r.Version) {
		return nil, fmt.Errorf("%q is no version of a release; write it as v1.2.3", r.Version)
	}
	image, err := ref.NewDigest(r.Image)
	if err != nil {
		return nil, fmt.Errorf("the operator's image %q is not named by digest: %w", r.Image, err)
	}
	var archives []string
	for _, name := range Names {
		c, err := loader.LoadDir(filepath.Join(root, "charts", name))
		if err != nil {
			return nil, fmt.Errorf("load chart %s: %w", name, err)
		}
		c.Metadata.Version, c.Metadata.AppVersion = strings.TrimPrefix(r.Version, "v"), r.Version
		if name == Operator {
			if err := setImage(c, image); err != nil {
				return nil, fmt.Errorf("chart %s: %w", name, err)
			}
		}
		c.StampModTimes(epoch)
		archive, err := util.Save(c, dir)
		if err != nil {
			return nil, fmt.Errorf("save chart %s: %w", name, err)
		}
		archives = append(archives, archive)
	}
	return archives, nil
}

// setImage writes the image into values.yaml, and leaves the comments there.
func setImage(c *chart.Chart, image ref.Digest) error {
	for _, file := range c.Raw {
		if file.Name == util.ValuesfileName {
			return replace(file, map[string]string{
				"  registry: blogplatform.local\n": "  registry: " + image.RegistryStr() + "\n",
				"  repository: operator\n":         "  repository: " + image.RepositoryStr() + "\n",
				"  digest: \"\"\n":                 "  digest: " + image.DigestStr() + "\n",
			})
		}
	}
	return fmt.Errorf("it has no %s", util.ValuesfileName)
}

// replace replaces lines, each of which must be there once.
func replace(file *common.File, lines map[string]string) error {
	for before, after := range lines {
		if n := bytes.Count(file.Data, []byte(before)); n != 1 {
			return fmt.Errorf("%s has the line %q %d times, and should once; correct it or hack/charts", file.Name, strings.TrimSpace(before), n)
		}
		file.Data = bytes.Replace(file.Data, []byte(before), []byte(after), 1)
	}
	return nil
}
