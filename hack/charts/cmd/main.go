// Command charts makes and pushes the Helm charts of a release: make charts, make push-charts.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/charts"
	"blogplatform.io/operator/hack/images"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "charts:", err)
		os.Exit(1)
	}
}

const usage = "usage: charts package --version VERSION --references FILE --output DIR | charts push [--plain-http] --registry REGISTRY ARCHIVE…"

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	switch args[0] {
	case "package":
		return pack(args[1:], out)
	case "push":
		return push(args[1:], out)
	}
	return errors.New(usage)
}

func pack(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("charts package", flag.ContinueOnError)
	version := flags.String("version", "", "git tag of the release")
	references := flags.String("references", "", "file with a line for each image, by digest")
	output := flags.String("output", "", "folder for the archives")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *version == "" || *references == "" || *output == "" {
		return errors.New(usage)
	}
	image, err := operatorIn(*references)
	if err != nil {
		return err
	}
	root, err := build.RepositoryRoot()
	if err != nil {
		return err
	}
	archives, err := charts.Package(root, charts.Release{Version: *version, Image: image}, *output)
	for _, archive := range archives {
		fmt.Fprintln(out, archive)
	}
	return err
}

// operatorIn finds the operator's image in a file that make images writes.
func operatorIn(file string) (string, error) {
	content, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("find the operator's image; run make images first: %w", err)
	}
	defer content.Close()
	lines := bufio.NewScanner(content)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "/"+images.Operator+"@") {
			return lines.Text(), nil
		}
	}
	return "", errors.Join(fmt.Errorf("%s names no image of the operator; run make images", file), lines.Err())
}

func push(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("charts push", flag.ContinueOnError)
	registry := flags.String("registry", "", "registry and folder in which charts/ will lie")
	plainHTTP := flags.Bool("plain-http", false, "the registry has no TLS")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *registry == "" || flags.NArg() == 0 {
		return errors.New(usage)
	}
	for _, archive := range flags.Args() {
		reference, err := charts.Push(archive, *registry, *plainHTTP)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, reference)
	}
	return nil
}
