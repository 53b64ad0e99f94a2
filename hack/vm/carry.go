package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"blogplatform.io/operator/hack/build"
)

// System is a distribution that is tried.
type System struct {
	// Name is what the table shows, Suite the name of Debian's release.
	Name, Suite string
}

// Systems are those that this project is made for, as far as they can be run here.
var Systems = []System{{"Debian 12", "bookworm"}, {"Debian 13", "trixie"}}

// home is the home folder of a machine's ordinary user.
const home = "/home/dev"

// artifacts are the names in the cache of what a cluster as far as CoreDNS is made of.
var artifacts = []string{"root-node", "controlplane", "node", "pause", "image-pause", "coredns", "image-coredns"}

// Artifacts are copies of them out of a cache folder. A machine has no network to build them, so all of them have to be there.
func Artifacts(cache string) ([]Copy, error) {
	var copies []Copy
	for _, name := range artifacts {
		found, err := filepath.Glob(filepath.Join(cache, name+"-"+strings.Repeat("[0-9a-f]", 16)))
		if err != nil {
			return nil, fmt.Errorf("looking for %s in %s: %w", name, cache, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s is not in %s: build it by `make up TO=CoreDNS`", name, cache)
		}
		for _, artifact := range found {
			copies = append(copies, Copy{From: artifact, To: filepath.Join(home, ".cache/blogplatform", filepath.Base(artifact)), User: true})
		}
	}
	return copies, nil
}

// GoCaches are copies of a module cache and a build cache with what bin/cluster is built from, and nothing else. They are made once,
// of the modules that this user's module cache holds.
func GoCaches(ctx context.Context, cache *build.Cache) ([]Copy, error) {
	key, err := dependencies(ctx, cache.Root)
	if err != nil {
		return nil, err
	}
	dir, err := cache.Path(ctx, "vm-go", key, func(ctx context.Context, dir string) error {
		cache.Log("Go's caches for the machines")
		return fillGoCaches(ctx, cache.Root, dir)
	})
	return []Copy{
		{From: filepath.Join(dir, "mod"), To: filepath.Join(home, "go/pkg/mod"), User: true},
		{From: filepath.Join(dir, "go-build"), To: filepath.Join(home, ".cache/go-build"), User: true},
	}, err
}

// dependencies names the packages of other modules that bin/cluster is built from, and their versions. Packages of this module are
// compiled in the machine.
func dependencies(ctx context.Context, root string) ([]byte, error) {
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{$.ImportPath}} {{.Version}}{{end}}{{end}}", "./hack/cluster/cmd")
	list.Dir = root
	out, err := output(list)
	return append(out, runtime.Version()...), err
}

func fillGoCaches(ctx context.Context, root, dir string) error {
	modules, err := output(exec.CommandContext(ctx, "go", "env", "GOMODCACHE"))
	if err != nil {
		return err
	}
	compile := exec.CommandContext(ctx, "go", "build", "-o", os.DevNull, "./hack/cluster/cmd")
	compile.Dir = root
	compile.Env = append(os.Environ(), "GOFLAGS=-trimpath -modcacherw", "CGO_ENABLED=0", "GOTOOLCHAIN=local",
		"GOPROXY=file://"+filepath.Join(strings.TrimSpace(string(modules)), "cache/download")+",off",
		"GOMODCACHE="+filepath.Join(dir, "mod"), "GOCACHE="+filepath.Join(dir, "go-build"))
	_, err = output(compile)
	return err
}

// Toolchain is a copy of this machine's Go, to where people install it.
func Toolchain(ctx context.Context) (Copy, error) {
	root, err := output(exec.CommandContext(ctx, "go", "env", "GOROOT"))
	return Copy{From: strings.TrimSpace(string(root)), To: "/usr/local/go"}, err
}

// Clone makes a clone of a checkout's commit in the folder dir, and answers the copy that puts it into a user's home.
func Clone(ctx context.Context, checkout, dir string) (Copy, error) {
	clone := filepath.Join(dir, "blogplatform")
	return Copy{From: clone, To: filepath.Join(home, "blogplatform"), User: true}, run(ctx, "git", "clone", "--quiet", "--no-hardlinks", checkout, clone)
}

// output is what a command prints. Its error holds what the command complained of.
func output(command *exec.Cmd) ([]byte, error) {
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(command.Args, " "), err, complaint.String())
	}
	return out, nil
}
