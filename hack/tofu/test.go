package tofu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Run is a run block of a test file.
type Run struct {
	// File is the test file, relative to the module, and Name the name of the block.
	File, Name string
}

// Results are what the tests of one folder came to.
type Results struct {
	// Status maps each run to pass, fail, error or skip.
	Status map[Run]string
	// Diagnostics are what the failed runs say.
	Diagnostics []Diagnostic
}

// Passed is the number of runs that passed.
func (r Results) Passed() int {
	n := 0
	for _, status := range r.Status {
		if status == "pass" {
			n++
		}
	}
	return n
}

// Err is an error that names what failed, or nil if every run passed and there was one.
func (r Results) Err() error {
	if len(r.Status) == 0 {
		return errors.Join(errors.New("no test ran"), r.said())
	}
	var failed []string
	for run, status := range r.Status {
		if status != "pass" {
			failed = append(failed, fmt.Sprintf("%s: run %q: %s", run.File, run.Name, status))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return errors.Join(errors.New(strings.Join(failed, "\n")), r.said())
}

func (r Results) said() error {
	if len(r.Diagnostics) == 0 {
		return nil
	}
	return errors.New(join(r.Diagnostics))
}

// Test runs the tests of a folder, or those of one file.
func (s *Scratch) Test(ctx context.Context, folder, file string) (Results, error) {
	args := []string{"test", "-json"}
	if file != "" {
		args = append(args, "-filter="+file)
	}
	out, runErr := s.run(ctx, folder, args...)
	results, err := readResults(out)
	if err != nil {
		return Results{}, errors.Join(runErr, err)
	}
	if len(results.Status) == 0 && runErr != nil {
		return results, errors.Join(runErr, results.said())
	}
	return results, nil
}

// readResults reads the lines that `tofu test -json` prints.
func readResults(out []byte) (Results, error) {
	results := Results{Status: map[Run]string{}}
	for line := range bytes.Lines(out) {
		if !bytes.HasPrefix(line, []byte("{")) {
			continue
		}
		var event struct {
			Type string `json:"type"`
			Run  struct {
				Path   string `json:"path"`
				Run    string `json:"run"`
				Status string `json:"status"`
			} `json:"test_run"`
			Diagnostic Diagnostic `json:"diagnostic"`
		}
		if err := json.Unmarshal(line, &event); err != nil {
			return Results{}, fmt.Errorf("reading what tofu test says: %w: %s", err, line)
		}
		switch event.Type {
		case "test_run":
			results.Status[Run{File: event.Run.Path, Name: event.Run.Run}] = event.Run.Status
		case "diagnostic":
			results.Diagnostics = append(results.Diagnostics, event.Diagnostic)
		}
	}
	return results, nil
}

// Assertions are what a test file asserts, by the name of its run blocks.
type Assertions map[string]int

// Total is their number.
func (a Assertions) Total() int {
	n := 0
	for _, count := range a {
		n += count
	}
	return n
}

var (
	runLine      = regexp.MustCompile(`^run "([^"]+)" \{$`)
	assertLine   = regexp.MustCompile(`^  assert \{$`)
	failuresLine = regexp.MustCompile(`^  expect_failures = \[([^\]]+)\]$`)
)

// ReadAssertions counts assert blocks and expected failures of a test file as `tofu fmt` lays it out.
// A run that asserts nothing is an error: it proves only that nothing crashes.
func ReadAssertions(text string) (Assertions, error) {
	found := Assertions{}
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if match := runLine.FindStringSubmatch(line); match != nil {
			name = match[1]
			found[name] = 0
		} else if assertLine.MatchString(line) {
			found[name]++
		} else if match := failuresLine.FindStringSubmatch(line); match != nil {
			found[name] += len(strings.Split(match[1], ","))
		}
	}
	for run, count := range found {
		if count == 0 {
			return nil, fmt.Errorf("run %q asserts nothing", run)
		}
	}
	return found, nil
}

// Assertions counts what the test files of a folder assert.
func (s *Scratch) Assertions(folder string) (int, error) {
	files, err := filepath.Glob(filepath.Join(s.Dir, folder, "tests", "*.tftest.hcl"))
	if err != nil {
		return 0, err
	}
	total := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		found, err := ReadAssertions(string(text))
		if err != nil {
			return 0, fmt.Errorf("%s/tests/%s: %w", folder, filepath.Base(file), err)
		}
		total += found.Total()
	}
	return total, nil
}
