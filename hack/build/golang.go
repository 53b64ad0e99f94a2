package build

import (
	"bufio"
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

// Build answers the folder that holds the programs.
func (g Go) Build(ctx context.Context, c *Cache) (string, error) {
	sources, err := hashFiles(c.Root, append([]string{filepath.Join(g.Module, "go.mod"), filepath.Join(g.Module, "go.sum")}, g.Sources...)...)
	if err != nil {
		return "", fmt.Errorf("reading the sources of %s: %w", g.Name, err)
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
			return "", fmt.Errorf("reading what replaces %s: %w", path, err)
		}
		key = fmt.Appendf(key, " %s %x", path, sha256.Sum256(replacing))
	}
	return c.Path(ctx, g.Name, key, func(ctx context.Context, dir string) error {
		for name, pkg := range g.Packages {
			if err := g.compile(ctx, c, filepath.Join(dir, name), pkg); err != nil {
				return err
			}
		}
		return nil
	})
}

// compile runs go build and passes on which package is being compiled, because some of these take minutes.
func (g Go) compile(ctx context.Context, c *Cache, output, pkg string) error {
	args := []string{"build", "-v", "-trimpath", "-tags", g.Tags, "-ldflags", strings.TrimSpace("-s -w " + g.LDFlags)}
	if len(g.Replaced) > 0 {
		overlay, err := g.overlay(c)
		if err != nil {
			return err
		}
		defer os.Remove(overlay)
		args = append(args, "-overlay", overlay)
	}
	if g.Arch != "" {
		args = append(args, "-buildvcs=false") // a commit that changes no source changes no byte
	}
	command := exec.CommandContext(ctx, "go", append(args, "-o", output, pkg)...)
	command.Dir = filepath.Join(c.Root, g.Module)
	command.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if g.Arch != "" {
		// Set, so that what this machine sets makes no difference; an empty GOFLAGS would be that of `go env -w`.
		command.Env = append(command.Env, "GOOS=linux", "GOARCH="+g.Arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=-trimpath")
	}
	stderr, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	var last bytes.Buffer
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		c.Log(lines.Text())
		fmt.Fprintln(&last, lines.Text())
	}
	if err := command.Wait(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, tail(last.String(), 20))
	}
	return nil
}

// overlay writes what is replaced as go build reads it (go help build, -overlay).
func (g Go) overlay(c *Cache) (string, error) {
	replace := map[string]string{}
	for path, file := range g.Replaced {
		replace[filepath.Join(c.Root, path)] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp("", "overlay-*.json")
	if err != nil {
		return "", err
	}
	_, err = file.Write(text)
	return file.Name(), errors.Join(err, file.Chmod(0o644), file.Close())
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// ModuleDir answers the folder of a module that the module in dir requires.
func (c *Cache) ModuleDir(ctx context.Context, dir, module string) (string, error) {
	download := exec.CommandContext(ctx, "go", "mod", "download", module)
	download.Dir = filepath.Join(c.Root, dir)
	if out, err := download.CombinedOutput(); err != nil {
		return "", fmt.Errorf("downloading module %s: %w: %s", module, err, bytes.TrimSpace(out))
	}
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	list.Dir = filepath.Join(c.Root, dir)
	out, err := list.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("finding module %s: %w: %s", module, err, bytes.TrimSpace(exit.Stderr))
	}
	return strings.TrimSpace(string(out)), err
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
