package tofu

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"blogplatform.io/operator/hack/build"
)

// packages are Python packages, installed into a folder of their own in the user's cache.
type packages struct {
	// name of the artifact.
	name string
	// requirements is a file of the checkout that pip reads.
	requirements string
	// debian is a Debian package whose Python modules are unpacked beside them, and not installed.
	debian string
}

// install answers the folder for PYTHONPATH.
func (p packages) install(ctx context.Context, c *build.Cache) (string, error) {
	requirements, err := os.ReadFile(filepath.Join(c.Root, p.requirements))
	if err != nil {
		return "", fmt.Errorf("reading what %s needs: %w", p.name, err)
	}
	return c.Path(ctx, p.name, append([]byte(p.debian+"\n"), requirements...), func(ctx context.Context, dir string) error {
		commands := [][]string{{
			"python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
			"--target", dir, "--requirement", filepath.Join(c.Root, p.requirements),
		}}
		if p.debian != "" {
			commands = append(commands,
				[]string{"apt-get", "download", "--quiet", p.debian},
				[]string{"sh", "-c", "dpkg-deb --extract " + p.debian + "_*.deb unpacked && mv unpacked/usr/lib/python3/dist-packages/* . && rm -r unpacked *.deb"},
			)
		}
		for _, arguments := range commands {
			command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
			command.Dir = dir
			if out, err := command.CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w\n%s", arguments[0], err, out)
			}
		}
		return nil
	})
}

// python runs a module of the packages in dir and answers what it prints.
func python(ctx context.Context, dir, module string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "python3", append([]string{"-m", module}, arguments...)...)
	command.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	return command.CombinedOutput()
}
