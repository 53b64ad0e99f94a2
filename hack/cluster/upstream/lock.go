package upstream

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"go.yaml.in/yaml/v3"
)

// LockPath is where the lock lies in the checkout.
const LockPath = "hack/cluster/upstream/upstream.lock.yaml"

//go:embed upstream.lock.yaml
var embedded []byte

// Embedded is the lock of the checkout that this program was built from.
func Embedded() (Lock, error) { return Parse(embedded) }

// Architectures are the processors, as GOARCH names them, that the lock has digests for.
var Architectures = []string{"amd64", "arm64"}

// Kind says how something is published.
type Kind string

// The kinds of what is published.
const (
	File  Kind = "file"
	Image Kind = "image"
)

// Lock says which released programs and images stand for which compiled ones.
type Lock struct {
	Components []Component `yaml:"components"`
}

// Component is what one nested module of the checkout builds.
type Component struct {
	// Name is unique in the lock.
	Name string `yaml:"name"`
	// Module is the folder of the nested module, relative to the checkout.
	Module string `yaml:"module"`
	// Path is the Go module that the nested one requires, and Version the version of it that the entries are releases of.
	Path    string `yaml:"path"`
	Version string `yaml:"version"`
	// Release is the number that the project gave to Version, such as 1.31.0. It
	// is empty where that is Version without the letter v.
	Release string `yaml:"release,omitempty"`
	// Compiled is why the component has no entries.
	Compiled string `yaml:"compiled,omitempty"`
	// Entries are released together and used together.
	Entries []Entry `yaml:"entries,omitempty"`
}

// Entry is a file or an image of a component, for every processor.
type Entry struct {
	// Name of the program, or the image's reference without tag under which manifests ask for it.
	Name string `yaml:"name"`
	Kind Kind   `yaml:"kind"`
	// From is a URL or the reference of an image. $VERSION, $RELEASE and $ARCH are filled in.
	From string `yaml:"from"`
	// Member is the path of the program in a .tar.gz; otherwise it is empty. The same is filled in.
	Member string `yaml:"member,omitempty"`
	// SHA256 maps a processor to a digest in hex: of the file, of the .tar.gz, or
	// of the image's manifest. A processor that it lacks is not locked.
	SHA256 map[string]string `yaml:"sha256"`
}

// Parse reads a lock and checks that it makes sense. A lock without digests does.
func Parse(text []byte) (Lock, error) {
	var lock Lock
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&lock); err != nil {
		return Lock{}, fmt.Errorf("reading %s: %w", LockPath, err)
	}
	var problems []error
	seen := map[string]bool{}
	for _, component := range lock.Components {
		if seen[component.Name] {
			problems = append(problems, fmt.Errorf("there are two components %s", component.Name))
		}
		seen[component.Name] = true
		problems = append(problems, component.check())
	}
	if err := errors.Join(problems...); err != nil {
		return Lock{}, fmt.Errorf("%s is not valid: %w", LockPath, err)
	}
	return lock, nil
}

func (c Component) check() error {
	if c.Name == "" || c.Module == "" || c.Path == "" || c.Version == "" {
		return fmt.Errorf("component %q needs a name, module, path and version", c.Name)
	}
	if (c.Compiled == "") == (len(c.Entries) == 0) {
		return fmt.Errorf("component %s needs entries, or the reason why it is compiled, and not both", c.Name)
	}
	seen := map[string]bool{}
	for _, entry := range c.Entries {
		if seen[entry.Name] {
			return fmt.Errorf("component %s has two entries %s", c.Name, entry.Name)
		}
		seen[entry.Name] = true
		if err := entry.check(); err != nil {
			return fmt.Errorf("entry %s of component %s: %w", entry.Name, c.Name, err)
		}
		for _, arch := range Architectures {
			if err := c.artifact(entry, arch).check(); err != nil {
				return fmt.Errorf("entry %s of component %s: %w", entry.Name, c.Name, err)
			}
		}
	}
	return nil
}

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (e Entry) check() error {
	if e.Name == "" {
		return errors.New("it has no name")
	}
	for _, arch := range slices.Sorted(maps.Keys(e.SHA256)) {
		if !slices.Contains(Architectures, arch) {
			return fmt.Errorf("it has a digest for %q, and must be for one of %s", arch, strings.Join(Architectures, ", "))
		}
		if !hexDigest.MatchString(e.SHA256[arch]) {
			return fmt.Errorf("its digest for %s is %q, and must be 64 hexadecimal digits", arch, e.SHA256[arch])
		}
	}
	return nil
}

func (a Artifact) check() error {
	if strings.Contains(a.From+a.Member, "$") {
		return fmt.Errorf("%s %s has a placeholder besides $VERSION, $RELEASE and $ARCH", a.From, a.Member)
	}
	switch a.Kind {
	case File:
		if address, err := url.Parse(a.From); err != nil || address.Scheme != "https" || address.Host == "" {
			return fmt.Errorf("%q must be an address that begins with https://", a.From)
		}
		if (a.Member != "") != strings.HasSuffix(a.From, ".tar.gz") {
			return fmt.Errorf("%s: a .tar.gz needs a member, and nothing else has one", a.From)
		}
		if strings.ContainsAny(a.Name, `/\`) {
			return errors.New("the name of a program is also that of its file, so it has no slash")
		}
	case Image:
		if _, err := name.NewTag(a.From, name.StrictValidation); err != nil {
			return fmt.Errorf("%q must be a registry, a repository and a tag: %w", a.From, err)
		}
		if a.Member != "" {
			return errors.New("an image has no member")
		}
	default:
		return fmt.Errorf("its kind is %q, and must be %s or %s", a.Kind, File, Image)
	}
	return nil
}

// header explains the lock to whoever opens it.
const header = `# What "make up CLUSTER_FROM=upstream" downloads in place of compiling it, and the digests that it must have.
# Digests, and versions that follow from a go.mod file, are written by "make lock-upstream". The rest is written by hand.
# What the released images do otherwise than ours, and why some are not used: docs/local-cluster-sources.md.
`

// Format is the text of the lock's file.
func (l Lock) Format() ([]byte, error) {
	text := bytes.NewBufferString(header)
	encoder := yaml.NewEncoder(text)
	encoder.SetIndent(2)
	err := encoder.Encode(l)
	return text.Bytes(), err
}

// Artifacts are all entries for a processor.
func (l Lock) Artifacts(arch string) []Artifact {
	var artifacts []Artifact
	for _, component := range l.Components {
		artifacts = append(artifacts, component.Artifacts(arch)...)
	}
	return artifacts
}

// Component finds a component by its name.
func (l Lock) Component(name string) (Component, bool) {
	i := slices.IndexFunc(l.Components, func(c Component) bool { return c.Name == name })
	if i < 0 {
		return Component{}, false
	}
	return l.Components[i], true
}

// Artifacts are the component's entries for a processor.
func (c Component) Artifacts(arch string) []Artifact {
	var artifacts []Artifact
	for _, entry := range c.Entries {
		artifacts = append(artifacts, c.artifact(entry, arch))
	}
	return artifacts
}

func (c Component) artifact(e Entry, arch string) Artifact {
	release := c.Release
	if release == "" {
		release = strings.TrimPrefix(c.Version, "v")
	}
	fill := strings.NewReplacer("$VERSION", c.Version, "$RELEASE", release, "$ARCH", arch)
	return Artifact{Name: e.Name, Kind: e.Kind, From: fill.Replace(e.From), Member: fill.Replace(e.Member), Arch: arch, SHA256: e.SHA256[arch]}
}

// Unlocked names the entries that have no digest for a processor.
func (l Lock) Unlocked(arch string) []string {
	var names []string
	for _, artifact := range l.Artifacts(arch) {
		if artifact.SHA256 == "" {
			names = append(names, artifact.Name)
		}
	}
	return names
}

// Complete is true if every entry has a digest for a processor.
func (l Lock) Complete(arch string) bool { return len(l.Unlocked(arch)) == 0 }
