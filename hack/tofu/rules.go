package tofu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Rule is a rule that a module keeps, as the change that breaks it and the test that must notice.
type Rule struct {
	// Says is the rule, in words.
	Says string
	// Module is the folder of the module, and File one of its files.
	Module, File string
	// Old is text that stands in File once, and New what breaks the rule in its place.
	Old, New string
	// Test is the run that must not pass then.
	Test Run
}

// Break breaks a rule in the copy, runs the test that must notice, and restores
// the file. It answers an error if the test passes.
func (s *Scratch) Break(ctx context.Context, rule Rule) (err error) {
	path := filepath.Join(s.Dir, rule.Module, rule.File)
	original, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("rule %q: %w", rule.Says, err)
	}
	if n := strings.Count(string(original), rule.Old); n != 1 {
		return fmt.Errorf("rule %q: %s/%s holds what is to be changed %d times, want once", rule.Says, rule.Module, rule.File, n)
	}
	broken := strings.Replace(string(original), rule.Old, rule.New, 1)
	if err := os.WriteFile(path, []byte(broken), 0o644); err != nil {
		return err
	}
	defer func() {
		if restoreErr := os.WriteFile(path, original, 0o644); err == nil {
			err = restoreErr
		}
	}()
	results, err := s.testOne(ctx, rule.Module, rule.Test)
	if err != nil {
		return fmt.Errorf("rule %q: %w", rule.Says, err)
	}
	switch status := results.Status[Run{File: oneFile, Name: rule.Test.Name}]; status {
	case "fail", "error":
		return nil
	default:
		return fmt.Errorf("rule %q is broken, but run %q in %s/%s does not notice (%s)", rule.Says, rule.Test.Name, rule.Module, rule.Test.File, status)
	}
}

// oneFile is the test file that holds the one run that is of interest.
const oneFile = "tests/one.tftest.hcl"

// testOne runs one run of a test file, which is much faster than all of them.
func (s *Scratch) testOne(ctx context.Context, module string, test Run) (Results, error) {
	text, err := os.ReadFile(filepath.Join(s.Dir, module, test.File))
	if err != nil {
		return Results{}, err
	}
	one, err := Only(string(text), test.Name)
	if err != nil {
		return Results{}, fmt.Errorf("%s/%s: %w", module, test.File, err)
	}
	path := filepath.Join(s.Dir, module, oneFile)
	if err := os.WriteFile(path, []byte(one), 0o644); err != nil {
		return Results{}, err
	}
	results, err := s.Test(ctx, module, oneFile)
	return results, errors.Join(err, os.Remove(path))
}

// Only answers a test file, as `tofu fmt` lays it out, with one of its runs and what stands before the first.
func Only(text, run string) (string, error) {
	head, _, _ := strings.Cut(text, "\nrun \"")
	_, rest, found := strings.Cut(text, "\nrun \""+run+"\" {\n")
	if !found {
		return "", fmt.Errorf("there is no run %q", run)
	}
	block, _, _ := strings.Cut(rest, "\n}\n")
	return head + "\nrun \"" + run + "\" {\n" + block + "\n}\n", nil
}
