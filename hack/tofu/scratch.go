package tofu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"blogplatform.io/operator/hack/build"
)

// Scratch is a copy of terraform/ beside a mirror of the provider.
type Scratch struct {
	// Dir is the copy.
	Dir string
	// program is OpenTofu.
	program string
	// config is OpenTofu's configuration file.
	config string
}

// NewScratch makes the copy in dir, a temporary folder, and builds what it needs.
func NewScratch(ctx context.Context, c *build.Cache, dir string) (*Scratch, error) {
	s := &Scratch{Dir: filepath.Join(dir, "terraform"), config: filepath.Join(dir, "tofurc")}
	if err := copyModules(filepath.Join(c.Root, "terraform"), s.Dir); err != nil {
		return nil, err
	}
	program, err := prepare(ctx, c, dir, s.Dir)
	s.program = program
	return s, err
}

// copyModules copies a folder without what OpenTofu writes.
func copyModules(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && entry.Name() == ".terraform":
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, relative), 0o755)
		case entry.Name() == ".terraform.lock.hcl" || strings.Contains(entry.Name(), ".tfstate"):
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), content, 0o644)
	})
}

// Folders are the modules and roots in the copy, relative to it: every folder that holds a versions.tf.
func (s *Scratch) Folders() ([]string, error) {
	var folders []string
	err := filepath.WalkDir(s.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".terraform" {
			return filepath.SkipDir
		}
		if entry.Name() == "versions.tf" {
			folder, err := filepath.Rel(s.Dir, filepath.Dir(path))
			folders = append(folders, folder)
			return err
		}
		return nil
	})
	return folders, err
}

// run runs OpenTofu in a folder of the copy and answers what it prints. It
// keeps the caller's credentials and TF_ variables away from it.
func (s *Scratch) run(ctx context.Context, folder string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, s.program, args...)
	command.Dir = filepath.Join(s.Dir, folder)
	command.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "TF_") || strings.HasPrefix(v, "AWS_")
	}), "TF_CLI_CONFIG_FILE="+s.config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
	out, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		return out, fmt.Errorf("tofu %s in %s: %w", args[0], folder, err)
	}
	return out, nil
}

// Format answers an error that shows what `tofu fmt` would change.
func (s *Scratch) Format(ctx context.Context) error {
	out, err := s.run(ctx, ".", "fmt", "-check", "-recursive", "-diff", "-no-color")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// Init installs the provider for a folder from the mirror.
func (s *Scratch) Init(ctx context.Context, folder string) error {
	out, err := s.run(ctx, folder, "init", "-backend=false", "-input=false", "-no-color")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// Validate checks a folder against the schema. Warnings are errors: they name what the provider will remove.
func (s *Scratch) Validate(ctx context.Context, folder string) error {
	out, runErr := s.run(ctx, folder, "validate", "-json")
	var answer struct {
		Valid       bool         `json:"valid"`
		Diagnostics []Diagnostic `json:"diagnostics"`
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return errors.Join(runErr, fmt.Errorf("reading what tofu validate says of %s: %w\n%s", folder, err, out))
	}
	if len(answer.Diagnostics) > 0 {
		return fmt.Errorf("%s is not valid: %s", folder, join(answer.Diagnostics))
	}
	return runErr
}

// Diagnostic is an error or a warning of OpenTofu.
type Diagnostic struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail"`
	Range    *struct {
		Filename string `json:"filename"`
		Start    struct {
			Line int `json:"line"`
		} `json:"start"`
	} `json:"range"`
}

// String is the diagnostic with its place, on one line.
func (d Diagnostic) String() string {
	text := d.Severity + ": " + d.Summary
	if d.Detail != "" {
		text += ": " + strings.Join(strings.Fields(d.Detail), " ")
	}
	if d.Range != nil {
		text = fmt.Sprintf("%s:%d: %s", d.Range.Filename, d.Range.Start.Line, text)
	}
	return text
}

func join(diagnostics []Diagnostic) string {
	var lines []string
	for _, d := range diagnostics {
		lines = append(lines, d.String())
	}
	return strings.Join(lines, "\n")
}
