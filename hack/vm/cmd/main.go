// Command vm tries this project on virtual machines with Debian 12 and Debian 13: make vm-check.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/privileged"
	"blogplatform.io/operator/hack/vm"
)

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
		return errors.New("making a file system for a machine needs root: run sudo env PATH=\"$PATH\" HOME=\"$HOME\" make vm-check")
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	cache, err := build.NewCache(root, say)
	if err != nil {
		return err
	}
	cache.Privileged = privileged.Direct()
	var reports []vm.Report
	for _, system := range vm.Systems {
		report := vm.Report{System: system.Name}
		if report.Results, err = try(ctx, cache, system); err != nil {
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
func try(ctx context.Context, cache *build.Cache, system vm.System) ([]vm.Result, error) {
	root, err := vm.Root(system.Suite).Build(ctx, cache)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(cache.Dir, ".vm-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder that can't be removed is no reason to lose the results
	copies, err := carried(ctx, cache, dir)
	if err != nil {
		return nil, err
	}
	say("disk of " + system.Name)
	machine, err := vm.Assemble(ctx, root, dir, copies)
	if err != nil {
		return nil, err
	}
	path := filepath.Join("bin", "vm-"+system.Suite+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { // a clean checkout has no bin
		return nil, err
	}
	log, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	say(system.Name + " starts; its serial port is copied to " + path)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the machine did not end within %s", limit))
	defer cancel()
	return machine.Run(ctx, log, func(result vm.Result) {
		say(fmt.Sprintf("%s, %s: %s", system.Name, result.Check, result.Outcome()))
	})
}

// carried is what a machine without network needs: Go, a clone of the commit, and what was built for local clusters.
func carried(ctx context.Context, cache *build.Cache, dir string) ([]vm.Copy, error) {
	toolchain, errGo := vm.Toolchain(ctx)
	clone, errClone := vm.Clone(ctx, cache.Root, dir)
	caches, errCaches := vm.GoCaches(ctx, cache)
	artifacts, errArtifacts := vm.Artifacts(cache.Dir)
	return append(append(caches, artifacts...), toolchain, clone), errors.Join(errGo, errClone, errCaches, errArtifacts)
}

func say(line string) { fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05"), line) }
