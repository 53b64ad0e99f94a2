package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/registry"
)

// Push pushes an archive that Package wrote to REGISTRY/charts/NAME:VERSION, and
// answers that reference by digest. It logs in as Docker and crane have logged in.
func Push(archive, registryAndFolder string, plainHTTP bool) (string, error) {
	name, version, err := named(archive)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(archive)
	if err != nil {
		return "", err
	}
	var options []registry.ClientOption
	if plainHTTP {
		options = append(options, registry.ClientOptPlainHTTP())
	}
	client, err := registry.NewClient(options...)
	if err != nil {
		return "", err
	}
	repository := registryAndFolder + "/charts/" + name
	result, err := client.Push(data, repository+":"+version, registry.PushOptCreationTime(epoch.Format(time.RFC3339)))
	if err != nil {
		return "", fmt.Errorf("push %s to %s; make login logs in: %w", filepath.Base(archive), repository, err)
	}
	return repository + "@" + result.Manifest.Digest, nil
}

// named takes the name of an archive apart.
func named(archive string) (name, version string, err error) {
	base, isArchive := strings.CutSuffix(filepath.Base(archive), ".tgz")
	for _, name := range Names {
		if version, ok := strings.CutPrefix(base, name+"-"); ok && isArchive && tag.MatchString("v"+version) {
			return name, version, nil
		}
	}
	return "", "", fmt.Errorf("%s is no archive of a chart of this project; make charts writes them", filepath.Base(archive))
}
