package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	ref "github.com/google/go-containerregistry/pkg/name"

	"blogplatform.io/operator/hack/build"
)

// Operator is the name of the operator's image.
const Operator = "operator"

// Services are the images of a release, as spec.release.images names them.
var Services = []string{"frontend", "user", "content", "comment"}

// Names are all images.
var Names = append([]string{Operator}, Services...)

// Architectures are the processors that images are made for, as GOARCH names them.
var Architectures = []string{"amd64", "arm64"}

// user runs every image: nobody of the host, as the restricted level of Pod Security asks for.
const user = "65532:65532"

// Program is the program of an image, for one processor. Files of the checkout may be replaced, by their path in it.
func Program(name, arch string, replaced map[string]string) build.Go {
	program := service(name)
	if name == Operator {
		program = manager
	}
	program.Arch, program.Replaced = arch, replaced
	return program
}

// Image is the image of a program that lies in a folder. That folder answers Build of Program.
func Image(registry, name string, program build.Go, dir string) build.Image {
	folders := []string{"/tmp"}
	if name == Operator {
		folders = nil
	}
	return build.Image{
		Name: registry + "/" + name, Files: map[string]string{"/" + program.Name: filepath.Join(dir, program.Name)},
		Folders: folders, User: user, Entrypoint: []string{"/" + program.Name}, Arch: program.Arch,
	}
}

var manager = build.Go{
	Name: "manager", Module: ".", Sources: []string{"api", "cmd/manager", "controllers", "internal"},
	Packages: map[string]string{"manager": "./cmd/manager"},
}

func service(name string) build.Go {
	return build.Go{
		Name: name, Module: ".", Sources: []string{"services"},
		Packages: map[string]string{name: "./services/" + name},
	}
}

// Write makes named images for all processors below dir, which must not be there
// yet or be of an earlier Write:
//
//	NAME/                     an OCI layout
//	programs/NAME_linux_ARCH  the program in it, for the bill of materials
//	references                a line REGISTRY/NAME@DIGEST for each image
func Write(ctx context.Context, c *build.Cache, registry, dir string, names ...string) error {
	if _, err := ref.NewRepository(registry+"/"+Operator, ref.StrictValidation); err != nil {
		return fmt.Errorf("%s is no registry and folder for images, such as ghcr.io/owner/blog in small letters: %w", registry, err)
	}
	if err := clear(dir); err != nil {
		return err
	}
	references, err := os.Create(filepath.Join(dir, referencesFile))
	if err != nil {
		return err
	}
	for _, name := range names {
		reference, err := write(ctx, c, registry, dir, name)
		if err != nil {
			return errors.Join(err, references.Close())
		}
		fmt.Fprintln(references, reference)
	}
	return references.Close()
}

const (
	referencesFile = "references"
	programsFolder = "programs"
)

// clear makes an empty folder, and refuses to empty one that is somebody else's.
func clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	ours := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == referencesFile })
	if len(entries) > 0 && !ours {
		return fmt.Errorf("%s holds something else than images; name an empty folder", dir)
	}
	return errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, programsFolder), 0o755))
}

func write(ctx context.Context, c *build.Cache, registry, dir, name string) (string, error) {
	var images []build.Image
	for _, arch := range Architectures {
		program := Program(name, arch, nil)
		folder, err := program.Build(ctx, c)
		if err != nil {
			return "", err
		}
		image := Image(registry, name, program, folder)
		images = append(images, image)
		for _, program := range image.Files {
			if err := copyProgram(program, filepath.Join(dir, programsFolder, name+"_linux_"+arch)); err != nil {
				return "", err
			}
		}
	}
	digest, err := build.WriteLayout(filepath.Join(dir, name), images...)
	return registry + "/" + name + "@" + digest.String(), err
}

func copyProgram(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
