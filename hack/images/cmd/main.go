// Command images makes what a release consists of: make images, make staging.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/images"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

const usage = "usage: images build --registry REGISTRY --output DIR | images change --references FILE --namespace NAMESPACE --name NAME --version VERSION"

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	switch args[0] {
	case "build":
		return makeImages(ctx, args[1:])
	case "change":
		return printChange(args[1:])
	}
	return errors.New(usage)
}

func makeImages(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("images build", flag.ContinueOnError)
	registry := flags.String("registry", "", "registry and folder in which the images will lie")
	output := flags.String("output", "", "folder for the OCI layouts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *registry == "" || *output == "" {
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
	return images.Write(ctx, cache, *registry, *output, images.Names...)
}

func printChange(args []string) error {
	flags := flag.NewFlagSet("images change", flag.ContinueOnError)
	file := flags.String("references", "", "file with a line name@sha256:… for each image")
	namespace := flags.String("namespace", "", "namespace of the platform")
	name := flags.String("name", "", "name of the platform")
	version := flags.String("version", "", "name of the release")
	if err := flags.Parse(args); err != nil {
		return err
	}
	references, err := os.ReadFile(*file)
	if err != nil {
		return fmt.Errorf("reading which images were pushed: %w", err)
	}
	change, err := images.Change(string(references), *namespace, *name, *version)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(change)
	return err
}
