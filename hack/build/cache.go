package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"blogplatform.io/operator/hack/privileged"
)

// Cache is the folder of artifacts.
type Cache struct {
	// Dir is the cache folder.
	Dir string
	// Root is the checkout that sources are read from.
	Root string
	// Log gets what is being built, a line at a time.
	Log func(line string)
	// Privileged runs the few builds that need root's rights. Without it they fail.
	Privileged privileged.Executor
	// Spent, if there is one, is called for each artifact that is made, with the processor
	// time of each Go build, its child processes included, and 0 at the end.
	Spent func(artifact string, processor time.Duration)
	// Parallel is how many packages a Go build compiles at the same time; 0 leaves that to Go, which takes all processors.
	Parallel int
}

// Artifact is something that a cache keeps under a name: Go programs, a Debian root, a file out of a wheel.
type Artifact interface {
	// ArtifactName is the name under which processes wait for each other, and the first part of the folder's name.
	ArtifactName() string
	// Cached is true if the cache holds the artifact as its inputs are now.
	Cached(c *Cache) (bool, error)
	// Build answers the path of the artifact, and makes it first if the cache does not hold it.
	Build(ctx context.Context, c *Cache) (string, error)
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
	final := c.folder(name, key)
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	defer unlock()
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	work := filepath.Join(c.Dir, ".building-"+name)
	if err := os.RemoveAll(work); err != nil { // of a process that was killed: this one holds the lock
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	artifact := filepath.Join(work, "artifact")
	for _, dir := range []string{work, artifact, temporary(artifact)} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", err
		}
	}
	if err := make(ctx, artifact); err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	c.spent(name, 0)
	return final, os.Rename(artifact, final)
}

// folder is where an artifact is once it was made.
func (c *Cache) folder(name string, key []byte) string {
	sum := sha256.Sum256(key)
	return filepath.Join(c.Dir, name+"-"+hex.EncodeToString(sum[:8]))
}

// Has is true if the cache holds an artifact that was made for this key.
func (c *Cache) Has(name string, key []byte) bool {
	_, err := os.Stat(c.folder(name, key))
	return err == nil
}

// temporary is the folder for temporary files of what fills the folder of an
// artifact. It lies in the cache, because /tmp may be small and in memory.
func temporary(artifact string) string { return filepath.Join(filepath.Dir(artifact), "tmp") }

// run runs a command that fills the folder of an artifact, and passes on what processor time it took.
// When ctx ends, the command is interrupted, so that it ends its children and
// removes what it wrote: Go does so for SIGINT only. 10 seconds later it is killed.
func (c *Cache) run(command *exec.Cmd, name, artifact string) error {
	command.Env = append(command.Env, "TMPDIR="+temporary(artifact), "GOTMPDIR="+temporary(artifact))
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	err := command.Run()
	if state := command.ProcessState; state != nil {
		c.spent(name, state.UserTime()+state.SystemTime())
	}
	return err
}

func (c *Cache) spent(name string, processor time.Duration) {
	if c.Spent != nil {
		c.Spent(name, processor)
	}
}

// lockPoll is how often a process looks whether another one has given up a lock.
const lockPoll = 100 * time.Millisecond

// lock waits until nobody else builds an artifact of this name, or ctx ends.
func (c *Cache) lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := c.Make(); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(c.Dir, ".lock-"+name), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := c.await(ctx, file, name); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}

// await locks a file, which then holds the PID of this process.
func (c *Cache) await(ctx context.Context, file *os.File, name string) error {
	for logged := false; ; logged = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			_, err := file.WriteAt(fmt.Appendf(nil, "%-20d", os.Getpid()), 0)
			return err
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("locking %s: %w", file.Name(), err)
		}
		holder := builder(file)
		if !logged {
			c.Log(fmt.Sprintf("waits for %s, which builds %s", holder, name))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s, which builds %s: %w", holder, name, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// builder names the process that holds a lock. A lock of this process is that of a download that was begun early.
func builder(file *os.File) string {
	content := make([]byte, 20)
	n, _ := file.ReadAt(content, 0) // an empty file is one whose builder is about to write
	switch pid, err := strconv.Atoi(strings.TrimSpace(string(content[:n]))); {
	case err != nil:
		return "another process"
	case pid == os.Getpid():
		return "another step"
	default:
		return fmt.Sprintf("process %d", pid)
	}
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
