package tofu

import (
	"context"
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
	results, err := s.Test(ctx, rule.Module, rule.Test.File)
	if err != nil {
		return fmt.Errorf("rule %q: %w", rule.Says, err)
	}
	switch status := results.Status[rule.Test]; status {
	case "fail", "error":
		return nil
	case "":
		return fmt.Errorf("rule %q: there is no run %q in %s/%s", rule.Says, rule.Test.Name, rule.Module, rule.Test.File)
	default:
		return fmt.Errorf("rule %q is broken, but run %q in %s/%s does not notice (%s)", rule.Says, rule.Test.Name, rule.Module, rule.Test.File, status)
	}
}
