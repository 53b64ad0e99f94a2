package secret

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"blogplatform.io/operator/services/internal/command"
)

// holds is for how long what was read is taken for what the file holds. The kubelet
// takes about a minute to write a Secret that has changed.
const holds = time.Second

// errEmpty says that a file holds no secret.
var errEmpty = errors.New("it holds nothing but white space")

// File is a secret in a file. It is safe for concurrent use.
type File struct {
	path  string
	valid func(secret string) error

	mu    sync.Mutex
	value string
	until time.Time
	// refused is what was wrong with the file when it was read last, if anything.
	refused string
}

// FromEnv reads the file that an environment variable names. White space around
// the secret does not count. A secret that is empty, or for which valid (if it is
// given) returns an error, is refused. Errors name the variable and never hold the
// secret; valid has to see to that, too.
func FromEnv(variable string, valid func(secret string) error) (*File, error) {
	path, err := command.RequireEnv(variable)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, valid: valid}
	if f.value, err = f.read(); err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	f.until = time.Now().Add(holds)
	return f, nil
}

// Value is what the file holds. If it was replaced by one that cannot be read or is
// refused, the secret stays what it was, and the log says why.
func (f *File) Value() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Before(f.until) {
		return f.value
	}
	f.until = now.Add(holds)
	value, err := f.read()
	if err == nil {
		f.value, f.refused = value, ""
	} else if err.Error() != f.refused {
		f.refused = err.Error()
		slog.Error("a secret was replaced by one that cannot be used, and stays what it was", "error", err)
	}
	return f.value
}

func (f *File) read() (string, error) {
	content, err := os.ReadFile(f.path)
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		return "", fmt.Errorf("read %s: %w", f.path, errEmpty)
	}
	if f.valid != nil {
		if err := f.valid(value); err != nil {
			return "", fmt.Errorf("read %s: %w", f.path, err)
		}
	}
	return value, nil
}
