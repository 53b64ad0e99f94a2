// Command align raises every dependency that several modules of this checkout
// share to the highest version among them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"

	"blogplatform.io/operator/hack/align"
	"blogplatform.io/operator/hack/build"
)

// rounds limits how often a raised dependency may raise others.
const rounds = 10

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := build.RepositoryRoot()
	if err != nil {
		return err
	}
	for range rounds {
		modules, err := align.Load(root)
		if err != nil {
			return err
		}
		disagreements := align.Disagreements(modules, align.Exceptions)
		if len(disagreements) == 0 {
			return nil
		}
		for _, dir := range align.Dirs {
			if err := raise(ctx, filepath.Join(root, dir), align.Raise(dir, disagreements)); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("versions still differ after %d rounds; `go test ./hack/align` names them: add an exception for what cannot be raised to hack/align/modules.go", rounds)
}

// raise writes the requirements into the module in dir and resolves the rest.
func raise(ctx context.Context, dir string, requirements []string) error {
	if len(requirements) == 0 {
		return nil
	}
	fmt.Printf("%s: raising %d dependencies\n", dir, len(requirements))
	for _, arguments := range [][]string{slices.Concat([]string{"mod", "edit"}, requirements), {"mod", "tidy"}} {
		command := exec.CommandContext(ctx, "go", arguments...)
		command.Dir, command.Stdout, command.Stderr = dir, os.Stdout, os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("go %s %s in %s: %w", arguments[0], arguments[1], dir, err)
		}
	}
	return nil
}
