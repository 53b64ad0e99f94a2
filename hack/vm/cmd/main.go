// Command vm tries this project on virtual machines with Debian 12 and Debian 13: make vm-check.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/vm"
)

// systems are the machines that are tried, by the name that the table shows and Debian's name of the suite.
var systems = []struct{ name, suite string }{{"Debian 12", "bookworm"}, {"Debian 13", "trixie"}}

// limit is how long one machine may run. Software emulation is ten to twenty times slower than the processor.
const limit = 90 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := check(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

func check(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("making a file system for a machine needs root: run sudo env PATH=\"$PATH\" make vm-check")
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	cache, err := build.NewCache(root, say)
	if err != nil {
		return err
	}
	var reports []vm.Report
	for _, system := range systems {
		report := vm.Report{System: system.name}
		if report.Results, err = try(ctx, cache, system.name, system.suite); err != nil {
			report.Failure = err.Error()
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		reports = append(reports, report)
	}
	passed, err := vm.Table(os.Stdout, reports)
	if err == nil && !passed {
		err = errors.New("not every check passed")
	}
	return err
}

// try makes one machine, runs it and removes it. What its serial port printed stays in bin.
func try(ctx context.Context, cache *build.Cache, name, suite string) ([]vm.Result, error) {
	dir, err := os.MkdirTemp(cache.Dir, ".vm-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder that can't be removed is no reason to lose the results
	root, err := vm.Root(suite).Build(ctx, cache)
	if err != nil {
		return nil, err
	}
	copies, err := carried(ctx, cache, dir)
	if err != nil {
		return nil, err
	}
	say("disk of " + name)
	machine, err := vm.Assemble(ctx, root, dir, copies)
	if err != nil {
		return nil, err
	}
	path := filepath.Join("bin", "vm-"+suite+".log")
	log, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	say(name + " starts; its serial port is copied to " + path)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the machine did not end within %s", limit))
	defer cancel()
	return machine.Run(ctx, log, func(result vm.Result) {
		say(fmt.Sprintf("%s, %s: %s", name, result.Check, result.Outcome()))
	})
}

// carried is what a machine without network needs: Go, a clone of the commit, and what was built for local clusters.
func carried(ctx context.Context, cache *build.Cache, dir string) ([]vm.Copy, error) {
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	clone := filepath.Join(dir, "blogplatform")
	if out, err := exec.CommandContext(ctx, "git", "clone", "--quiet", "--no-hardlinks", cache.Root, clone).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("git clone: %w: %s", err, out)
	}
	copies := []vm.Copy{
		{From: string(goroot[:len(goroot)-1]), To: "/usr/local/go"},
		{From: clone, To: "/home/dev/blogplatform", User: true},
	}
	caches, err := goCaches(ctx, cache)
	if err != nil {
		return nil, err
	}
	copies = append(copies, caches...)
	for _, name := range []string{"controlplane-*", "node-*", "coredns-*", "pause-*", "image-coredns-*", "image-pause-*", "root-node-*"} {
		found, err := filepath.Glob(filepath.Join(cache.Dir, name))
		if err != nil {
			return nil, err
		}
		for _, artifact := range found {
			copies = append(copies, vm.Copy{From: artifact, To: filepath.Join("/home/dev/.cache/blogplatform", filepath.Base(artifact)), User: true})
		}
	}
	return copies, nil
}

// goCaches are a module cache and a build cache with what bin/cluster is built from, and nothing else. Modules come from this user's module cache.
func goCaches(ctx context.Context, cache *build.Cache) ([]vm.Copy, error) {
	key, err := os.ReadFile(filepath.Join(cache.Root, "go.sum"))
	if err != nil {
		return nil, err
	}
	modules, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOMODCACHE: %w", err)
	}
	proxy := "file://" + filepath.Join(string(modules[:len(modules)-1]), "cache/download")
	dir, err := cache.Path(ctx, "vm-go", append(key, runtime.Version()...), func(ctx context.Context, dir string) error {
		say("Go's caches for the machines")
		compile := exec.CommandContext(ctx, "go", "build", "-o", os.DevNull, "./hack/cluster/cmd")
		compile.Dir = cache.Root
		compile.Env = append(os.Environ(), "GOFLAGS=-trimpath -modcacherw", "CGO_ENABLED=0", "GOPROXY="+proxy+",off", "GOTOOLCHAIN=local",
			"GOMODCACHE="+filepath.Join(dir, "mod"), "GOCACHE="+filepath.Join(dir, "go-build"))
		if out, err := compile.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w: %s", err, out)
		}
		return nil
	})
	return []vm.Copy{
		{From: filepath.Join(dir, "mod"), To: "/home/dev/go/pkg/mod", User: true},
		{From: filepath.Join(dir, "go-build"), To: "/home/dev/.cache/go-build", User: true},
	}, err
}

func say(line string) { fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05"), line) }
