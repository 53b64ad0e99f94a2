// Command cmd checks terraform/ without an AWS account; see package tofu.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/tofu"
)

const usage = "usage: cmd check | userdata | scan [TOOL] | readmes | test FOLDER [FILE]"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	root, err := build.RepositoryRoot()
	if err != nil {
		return err
	}
	cache, err := build.NewCache(root, func(string) {})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "blogplatform-cloud-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	scratch, err := tofu.NewScratch(ctx, cache, dir)
	if err != nil {
		return err
	}
	switch {
	case args[0] == "check" && len(args) == 1:
		return check(ctx, scratch)
	case args[0] == "userdata" && len(args) == 1:
		return checkUserData(ctx, cache, scratch, dir)
	case args[0] == "scan":
		return scratch.Scan(ctx, cache, os.Stdout, time.Now(), args[1:])
	case args[0] == "readmes" && len(args) == 1:
		return scratch.WriteReadmes(ctx, root)
	case args[0] == "test" && (len(args) == 2 || len(args) == 3):
		return test(ctx, scratch, args[1], append(args[2:], "")[0])
	}
	return errors.New(usage)
}

func check(ctx context.Context, scratch *tofu.Scratch) error {
	counts, err := scratch.Check(ctx, os.Stdout, tofu.Rules)
	if err != nil {
		return err
	}
	fmt.Printf("%d modules and roots valid, %d test runs and %d assertions passed, %d rules broken and noticed\n",
		counts.Folders, counts.Runs, counts.Assertions, counts.Broken)
	return nil
}

// checkUserData lets the programs that read what nodes begin with read it.
func checkUserData(ctx context.Context, cache *build.Cache, scratch *tofu.Scratch, dir string) error {
	checkers, err := tofu.NewCheckers(ctx, cache)
	if err != nil {
		return err
	}
	rendered, err := scratch.Render(ctx)
	if err != nil {
		return err
	}
	passed, err := checkers.Check(ctx, rendered, dir)
	for _, program := range slices.Sorted(maps.Keys(passed)) {
		fmt.Printf("%s: %d documents passed\n", program, passed[program])
	}
	return err
}

// test runs the tests of one module while it is being written.
func test(ctx context.Context, scratch *tofu.Scratch, folder, file string) error {
	if err := scratch.Init(ctx, folder); err != nil {
		return err
	}
	if err := scratch.Validate(ctx, folder); err != nil {
		return err
	}
	results, err := scratch.Test(ctx, folder, file)
	if err != nil {
		return err
	}
	if err := results.Err(); err != nil {
		return err
	}
	fmt.Printf("%d runs passed\n", results.Passed())
	return nil
}
