// Command gitops writes and checks config/gitops: make generate-gitops, make check-gitops.
package main

import (
	"errors"
	"fmt"
	"os"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/gitops"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	root, err := build.RepositoryRoot()
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "generate":
		return gitops.Generate(root)
	case len(args) == 1 && args[0] == "check":
		return gitops.Check(root)
	}
	return errors.New("usage: gitops generate|check")
}
