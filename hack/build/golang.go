package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Go is a set of programs built from one Go module.
type Go struct {
	// Name of the artifact.
	Name string
	// Module is the module's folder, relative to the checkout.
	Module string
	// Sources are the files and folders, relative to the checkout, that the
	// artifact's hash covers besides go.mod and go.sum.
	Sources []string
	// Packages maps the file name of each program to its package.
	Packages map[string]string
	// LDFlags are added to -s -w.
	LDFlags string
	// Tags are build tags, separated by commas.
	Tags string
	// Arch is the processor of a shipped program, as GOARCH names it: equal
	// sources give equal bytes for it. Empty is this machine's, unshipped.
	Arch string
	// Replaced are files of the checkout that are taken from elsewhere, by their
	// path in it, so that another release can be built of the same sources.
	Replaced map[string]string
}

// ArtifactName implements Artifact.
func (g Go) ArtifactName() string { return g.Name }

// Cached implements Artifact.
func (g Go) Cached(c *Cache) (bool, error) {
	key, err := g.key(c)
	return err == nil && c.Has(g.Name, key), err
}

// Build answers the folder that holds the programs.
func (g Go) Build(ctx context.Context, c *Cache) (string, error) {
	key, err := g.key(c)
	if err != nil {
		return "", err
	}
	return c.Path(ctx, g.Name, key, func(ctx context.Context, dir string) error {
		for _, name := range slices.Sorted(maps.Keys(g.Packages)) {
			if err := g.compile(ctx, c, dir, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g Go) key(c *Cache) ([]byte, error) {
	sources, err := hashFiles(c.Root, append([]string{filepath.Join(g.Module, "go.mod"), filepath.Join(g.Module, "go.sum")}, g.Sources...)...)
	if err != nil {
		return nil, fmt.Errorf("reading the sources of %s: %w", g.Name, err)
	}
	key := fmt.Appendf(nil, "%x %v %s %s", sources, g.Packages, g.LDFlags, runtime.Version())
	if g.Tags != "" {
		key = fmt.Appendf(key, " %s", g.Tags)
	}
	if g.Arch != "" {
		key = fmt.Appendf(key, " %s", g.Arch)
	}
	for _, path := range slices.Sorted(maps.Keys(g.Replaced)) {
		replacing, err := os.ReadFile(g.Replaced[path])
		if err != nil {
			return nil, fmt.Errorf("reading what replaces %s: %w", path, err)
		}
		key = fmt.Appendf(key, " %s %x", path, sha256.Sum256(replacing))
	}
	return key, nil
}

// compile runs go build for one program and passes on which package is being compiled, because some of these take minutes.
func (g Go) compile(ctx context.Context, c *Cache, dir, name string) error {
	args := []string{"build", "-v", "-trimpath", "-tags", g.Tags, "-ldflags", strings.TrimSpace("-s -w " + g.LDFlags)}
	if c.Parallel > 0 {
		args = append(args, "-p", strconv.Itoa(c.Parallel))
	}
	if len(g.Replaced) > 0 {
		overlay, err := g.overlay(c, dir)
		if err != nil {
			return err
		}
		args = append(args, "-overlay", overlay)
	}
	if g.Arch != "" {
		args = append(args, "-buildvcs=false") // a commit that changes no source changes no byte
	}
	command := exec.CommandContext(ctx, "go", append(args, "-o", filepath.Join(dir, name), g.Packages[name])...)
	command.Dir = filepath.Join(c.Root, g.Module)
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if g.Arch != "" {
		// Set, so that what this machine sets makes no difference; an empty GOFLAGS would be that of `go env -w`.
		command.Env = append(command.Env, "GOOS=linux", "GOARCH="+g.Arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-trimpath")
	}
	said := &lines{log: c.Log}
	command.Stderr = said
	if err := c.run(command, g.Name, dir); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", g.Packages[name], err, tail(said.all.String(), 20))
	}
	return nil
}

// lines passes on each line that is written to it, and remembers all of them.
type lines struct {
	log  func(line string)
	all  bytes.Buffer
	read int
}

func (l *lines) Write(text []byte) (int, error) {
	l.all.Write(text)
	for {
		line, _, complete := bytes.Cut(l.all.Bytes()[l.read:], []byte("\n"))
		if !complete {
			return len(text), nil
		}
		l.read += len(line) + 1
		l.log(string(line))
	}
}

// overlay writes what is replaced as go build reads it (go help build, -overlay).
func (g Go) overlay(c *Cache, dir string) (string, error) {
	replace := map[string]string{}
	for path, file := range g.Replaced {
		replace[filepath.Join(c.Root, path)] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(temporary(dir), "overlay.json")
	return file, os.WriteFile(file, text, 0o644)
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Module is the source of a module, in Go's module cache.
type Module struct {
	// Dir is the folder, relative to the checkout, of the module that requires it.
	Dir string
	// Path is its import path.
	Path string
}

// ArtifactName implements Artifact.
func (m Module) ArtifactName() string { return "module " + m.Path }

// Cached implements Artifact. A module is not cached, either, if a go.mod that
// leads to it is not: only a download tells what is wrong then, if anything is.
func (m Module) Cached(c *Cache) (bool, error) {
	dir, err := m.list(context.Background(), c)
	return err == nil && dir != "", nil
}

// Build answers the folder of the module, and downloads it first if Go's cache does not hold it.
func (m Module) Build(ctx context.Context, c *Cache) (string, error) {
	if dir, err := m.list(ctx, c); err == nil && dir != "" {
		return dir, nil
	}
	c.Log("downloading module " + m.Path)
	download := exec.CommandContext(ctx, "go", "mod", "download", m.Path)
	download.Dir = filepath.Join(c.Root, m.Dir)
	if out, err := download.CombinedOutput(); err != nil {
		return "", fmt.Errorf("downloading module %s: %w: %s", m.Path, err, bytes.TrimSpace(out))
	}
	return m.list(ctx, c)
}

// list answers the folder of the module, or nothing if it was not downloaded.
func (m Module) list(ctx context.Context, c *Cache) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", m.Path)
	list.Dir = filepath.Join(c.Root, m.Dir)
	out, err := list.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("finding module %s: %w: %s", m.Path, err, bytes.TrimSpace(exit.Stderr))
	}
	return strings.TrimSpace(string(out)), err
}

// Fetched is true if Go's module cache holds all that the programs are compiled from, so that compiling them needs no network.
func (g Go) Fetched(ctx context.Context, c *Cache) bool {
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-deps", "-tags", g.Tags}, slices.Collect(maps.Values(g.Packages))...)...)
	list.Dir = filepath.Join(c.Root, g.Module)
	list.Env = append(os.Environ(), "GOWORK=off", "GOPROXY=off", "CGO_ENABLED=0")
	return list.Run() == nil
}

// Download fetches every module that the module in a folder of the checkout requires, so that a build there needs no network.
func (c *Cache) Download(ctx context.Context, dir string) error {
	download := exec.CommandContext(ctx, "go", "mod", "download")
	download.Dir = filepath.Join(c.Root, dir)
	if out, err := download.CombinedOutput(); err != nil {
		return fmt.Errorf("downloading the modules of %s: %w: %s", dir, err, bytes.TrimSpace(out))
	}
	return nil
}

// RepositoryRoot is the checkout that holds the working directory.
func RepositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "PROJECT")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("not inside a checkout of this project: no PROJECT file in any parent folder")
		}
	}
}
