package tofu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// MinAssertions is how many assertions all tests together must have.
const MinAssertions = 120

// Counts are what a check came to.
type Counts struct {
	Folders, Runs, Assertions, Broken int
}

// Check checks all of terraform/ and writes to out what it found as it goes on. It answers an
// error that names everything that is wrong.
func (s *Scratch) Check(ctx context.Context, out io.Writer, rules []Rule) (Counts, error) {
	var counts Counts
	folders, err := s.Folders()
	if err != nil {
		return counts, err
	}
	wrong := s.Format(ctx)
	for _, folder := range folders {
		if ctx.Err() != nil {
			return counts, ctx.Err()
		}
		runs, assertions, err := s.checkFolder(ctx, folder)
		if err != nil {
			fmt.Fprintf(out, "%s: FAILED\n", folder)
			wrong = errors.Join(wrong, err)
			continue
		}
		counts.Folders++
		counts.Runs += runs
		counts.Assertions += assertions
		fmt.Fprintf(out, "%s: valid, %d assertions in %d runs passed\n", folder, assertions, runs)
	}
	if counts.Assertions < MinAssertions {
		wrong = errors.Join(wrong, fmt.Errorf("%d assertions passed, want %d at least", counts.Assertions, MinAssertions))
	}
	if wrong != nil {
		return counts, wrong // a rule that is broken by itself cannot be broken to see what notices
	}
	for _, rule := range rules {
		if err := s.Break(ctx, rule); err != nil {
			wrong = errors.Join(wrong, err)
			continue
		}
		counts.Broken++
		fmt.Fprintf(out, "broken and noticed: %s\n", rule.Says)
	}
	return counts, wrong
}

// checkFolder initializes, validates and tests one folder, and compares its README.
func (s *Scratch) checkFolder(ctx context.Context, folder string) (runs, assertions int, err error) {
	if err := s.Init(ctx, folder); err != nil {
		return 0, 0, err
	}
	if err := s.Validate(ctx, folder); err != nil {
		return 0, 0, err
	}
	results, err := s.Test(ctx, folder, "")
	if err != nil {
		return 0, 0, err
	}
	if err := results.Err(); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", folder, err)
	}
	is, should, err := s.Readme(ctx, folder)
	if err != nil {
		return 0, 0, err
	}
	if is != should {
		return 0, 0, fmt.Errorf("%s/README.md is not current: run `make generate-cloud`", folder)
	}
	assertions, err = s.Assertions(folder)
	return results.Passed(), assertions, err
}

// WriteReadmes brings the READMEs of the checkout up to date.
func (s *Scratch) WriteReadmes(ctx context.Context, root string) error {
	folders, err := s.Folders()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		is, should, err := s.Readme(ctx, folder)
		if err != nil {
			return err
		}
		if is == should {
			continue
		}
		if err := os.WriteFile(filepath.Join(root, "terraform", folder, "README.md"), []byte(should), 0o644); err != nil {
			return err
		}
	}
	return nil
}
