package cis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (t Text) verify(root string) error {
	text, err := os.ReadFile(filepath.Join(root, t.File))
	if err != nil {
		return err
	}
	return contains(t.File, string(text), t.Has, t.Lacks)
}

// contains is an error that names what a file lacks, or has although it must not.
func contains(file, text string, has, lacks []string) error {
	if len(has)+len(lacks) == 0 {
		return fmt.Errorf("it says nothing about %s", file)
	}
	var wrong error
	for _, want := range has {
		if !strings.Contains(text, want) {
			wrong = errors.Join(wrong, fmt.Errorf("%s does not have %q", file, want))
		}
	}
	for _, not := range lacks {
		if strings.Contains(text, not) {
			wrong = errors.Join(wrong, fmt.Errorf("%s has %q", file, not))
		}
	}
	return wrong
}

// What a template has besides YAML: lines of directives, and values that are put in.
var (
	directive    = regexp.MustCompile(`(?m)^%\{.*$`)
	interpolated = regexp.MustCompile(`\$\{[^}]*\}`)
)

func (s Setting) verify(root string) error {
	text, err := os.ReadFile(filepath.Join(root, s.File))
	if err != nil {
		return err
	}
	text = interpolated.ReplaceAll(directive.ReplaceAll(text, nil), []byte("x"))
	found, err := lookUp(text, strings.Split(s.Path, "."))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", s.File, err)
	case found == nil:
		return fmt.Errorf("%s has no %s", s.File, s.Path)
	case s.Value == "" && s.Contains == "":
		return fmt.Errorf("it says nothing about %s in %s", s.Path, s.File)
	case s.Value != "" && fmt.Sprint(found) != s.Value, !strings.Contains(fmt.Sprint(found), s.Contains):
		return fmt.Errorf("%s in %s is %v", s.Path, s.File, found)
	}
	return nil
}

// lookUp finds a value in a stream of YAML: nil if no document has it.
func lookUp(text []byte, path []string) (any, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if value := below(document, path); value != nil {
			return value, nil
		}
	}
}

// below follows a path. An entry of a list is the one whose name is the next step,
// and the value of kubeadm's arguments is what stands beside that name.
func below(value any, path []string) any {
	if len(path) == 0 {
		if entry, isMap := value.(map[string]any); isMap && entry["value"] != nil {
			return entry["value"]
		}
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		return below(v[path[0]], path[1:])
	case []any:
		for _, item := range v {
			if entry, isMap := item.(map[string]any); isMap && entry["name"] == path[0] {
				return below(entry, path[1:])
			}
		}
	}
	return nil
}

// CheckKubeadm is an error if what kubeadm has written to a folder is not as the checks claim.
func CheckKubeadm(folder string, checks []Check) error {
	var wrong error
	for _, c := range checks {
		if c.Kubeadm == nil {
			continue
		}
		if err := c.Kubeadm.verify(folder); err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("check %s (%s): %w", c.ID, c.Title, err))
		}
	}
	return wrong
}

func (k Kubeadm) verify(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, k.File))
	if err != nil || len(files) == 0 {
		return errors.Join(fmt.Errorf("kubeadm writes no %s", k.File), err)
	}
	for _, file := range files {
		if err := k.verifyFile(file); err != nil {
			return err
		}
	}
	return nil
}

func (k Kubeadm) verifyFile(file string) error {
	name := filepath.Base(file)
	if k.Mode != "" {
		most, err := strconv.ParseUint(k.Mode, 8, 32)
		if err != nil {
			return fmt.Errorf("mode %q: %w", k.Mode, err)
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); uint64(mode)&^most != 0 {
			return fmt.Errorf("%s has mode %#o, more than %s", name, mode, k.Mode)
		}
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return contains(name, string(text), k.Has, k.Lacks)
}
