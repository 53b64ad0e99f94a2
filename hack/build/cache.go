package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"blogplatform.io/operator/hack/privileged"
)

// Cache is the folder of artifacts.
type Cache struct {
	// Dir is the cache folder.
	Dir string
	// Root is the checkout that sources are read from.
	Root string
	// Log is told what is being built, a line at a time.
	Log func(line string)
	// Privileged runs the few builds that need root's rights. Without it they fail.
	Privileged privileged.Executor
}

// NewCache is the user's cache.
func NewCache(root string, log func(string)) (*Cache, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("finding the cache folder: %w", err)
	}
	return &Cache{Dir: filepath.Join(base, "blogplatform"), Root: root, Log: log}, nil
}

// Path answers the folder of an artifact. If it is not there yet, make fills a
// temporary folder, which then takes its place in one rename. Processes that
// want the same artifact at the same time wait for each other.
func (c *Cache) Path(ctx context.Context, name string, key []byte, make func(ctx context.Context, dir string) error) (string, error) {
	sum := sha256.Sum256(key)
	final := filepath.Join(c.Dir, name+"-"+hex.EncodeToString(sum[:8]))
	unlock, err := c.lock(name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	temp, err := os.MkdirTemp(c.Dir, ".building-"+name+"-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temp) }() // after the rename there is nothing left to remove
	if err := make(ctx, temp); err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return "", err
	}
	return final, os.Rename(temp, final)
}

func (c *Cache) lock(name string) (unlock func(), err error) {
	if err := c.Make(); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(c.Dir, ".lock-"+name), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}

// Make makes the cache folder.
func (c *Cache) Make() error { return os.MkdirAll(c.Dir, 0o755) }

// Clean removes the cache.
func (c *Cache) Clean() error { return os.RemoveAll(c.Dir) }

// hashFiles adds the names and contents of files, or of all files below folders, to a key.
func hashFiles(root string, paths ...string) ([]byte, error) {
	sum := sha256.New()
	for _, path := range paths {
		err := filepath.WalkDir(filepath.Join(root, path), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(root, file)
			fmt.Fprintf(sum, "%s %d\n", relative, len(content))
			sum.Write(content)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return sum.Sum(nil), nil
}
