package tofu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"blogplatform.io/operator/hack/build"
)

// Tflint checks modules with the rules that it carries for every provider.
var Tflint = build.Go{Name: "tflint", Module: "hack/tofu/tflint", Packages: map[string]string{"tflint": "github.com/terraform-linters/tflint"}}

var checkov = packages{name: "checkov", requirements: "hack/tofu/checkov.txt"}

// Scanner is a checker of modules.
type Scanner struct {
	// Name is that of the checker, Prefix the beginning of its rules' names.
	Name, Prefix string
	// Install builds or installs it and answers its program or folder.
	Install func(ctx context.Context, c *build.Cache) (string, error)
	// Scan answers what the installed checker finds in the folder dir.
	Scan func(ctx context.Context, c *build.Cache, installed, dir string) ([]Finding, error)
}

// Scanners are all checkers.
var Scanners = []Scanner{
	{Name: "tflint", Prefix: "terraform_", Install: program(Tflint), Scan: scanTflint},
	{Name: "checkov", Prefix: "CKV", Install: checkov.install, Scan: scanCheckov},
}

func program(g build.Go) func(context.Context, *build.Cache) (string, error) {
	return func(ctx context.Context, c *build.Cache) (string, error) {
		dir, err := g.Build(ctx, c)
		return filepath.Join(dir, g.Name), err
	}
}

// Scan runs the named checkers on the copy, all of them if no name is given, and writes to
// out what they found. It answers an error that names what is neither fixed nor waived.
func (s *Scratch) Scan(ctx context.Context, c *build.Cache, out io.Writer, now time.Time, names []string) error {
	text, err := os.ReadFile(filepath.Join(c.Root, "hack/tofu/waivers.yaml"))
	if err != nil {
		return err
	}
	waivers, wrong := ReadWaivers(text, now)
	var findings []Finding
	var prefixes []string
	for _, scanner := range Scanners {
		if len(names) > 0 && !slices.Contains(names, scanner.Name) {
			continue
		}
		installed, err := scanner.Install(ctx, c)
		if err != nil {
			return err
		}
		found, err := scanner.Scan(ctx, c, installed, s.Dir)
		if err != nil {
			return fmt.Errorf("%s: %w", scanner.Name, err)
		}
		fmt.Fprintf(out, "%s: %d findings\n", scanner.Name, len(found))
		findings, prefixes = append(findings, found...), append(prefixes, scanner.Prefix)
	}
	waived, err := Waive(findings, waivers, prefixes)
	fmt.Fprintf(out, "%d findings are waived by %d waivers\n", waived, len(waivers))
	return errors.Join(wrong, err)
}

// answer runs a checker and answers what it prints. Its exit code tells only whether it found something.
func answer(ctx context.Context, environment []string, name string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Env = append(os.Environ(), environment...)
	out, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(out) == 0 {
		return nil, fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	if err != nil && exit == nil {
		return nil, err
	}
	return out, nil
}

func scanTflint(ctx context.Context, c *build.Cache, installed, dir string) ([]Finding, error) {
	out, err := answer(ctx, nil, installed, "--chdir="+dir, "--recursive", "--format=json", "--config="+filepath.Join(c.Root, "hack/tofu/tflint.hcl"))
	if err != nil {
		return nil, err
	}
	return readTflint(out)
}

func readTflint(out []byte) ([]Finding, error) {
	var document struct {
		Issues []struct {
			Rule struct {
				Name string `json:"name"`
			} `json:"rule"`
			Message string `json:"message"`
			Range   struct {
				Filename string `json:"filename"`
			} `json:"range"`
		} `json:"issues"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(out, &document); err != nil {
		return nil, fmt.Errorf("reading what it found: %w", err)
	}
	if len(document.Errors) > 0 {
		return nil, errors.New(document.Errors[0].Message)
	}
	var findings []Finding
	for _, issue := range document.Issues {
		findings = append(findings, Finding{Tool: "tflint", Rule: issue.Rule.Name, Resource: issue.Range.Filename, Title: issue.Message})
	}
	return findings, nil
}

func scanCheckov(ctx context.Context, _ *build.Cache, installed, dir string) ([]Finding, error) {
	out, err := answer(ctx, []string{"PYTHONPATH=" + installed, "PYTHONDONTWRITEBYTECODE=1"},
		"python3", "-m", "checkov.main", "--directory", dir, "--framework", "terraform", "--compact", "--quiet", "--output", "json", "--download-external-modules", "false")
	if err != nil {
		return nil, err
	}
	return readCheckov(out)
}

func readCheckov(out []byte) ([]Finding, error) {
	var document struct {
		Results struct {
			Failed []struct {
				ID       string `json:"check_id"`
				Name     string `json:"check_name"`
				Resource string `json:"resource"`
			} `json:"failed_checks"`
		} `json:"results"`
		Summary *struct {
			Passed        int `json:"passed"`
			ParsingErrors int `json:"parsing_errors"`
		} `json:"summary"`
	}
	if err := json.Unmarshal(out, &document); err != nil {
		return nil, fmt.Errorf("reading what it found: %w", err)
	}
	if document.Summary == nil || document.Summary.Passed == 0 || document.Summary.ParsingErrors > 0 {
		return nil, fmt.Errorf("it could not read the modules: %+v", document.Summary)
	}
	var findings []Finding
	for _, failed := range document.Results.Failed {
		findings = append(findings, Finding{Tool: "checkov", Rule: failed.ID, Resource: address(failed.Resource), Title: failed.Name})
	}
	return unique(findings), nil
}

// address is that of a resource without instance keys, and without the module calls in front, so that one waiver covers a module wherever it is called.
func address(resource string) string {
	var kept []string
	parts := strings.Split(resource, ".")
	for i := 0; i < len(parts); i++ {
		if parts[i] == "module" {
			i++
			continue
		}
		name, _, _ := strings.Cut(parts[i], "[")
		kept = append(kept, name)
		if name != parts[i] {
			break // a key may hold dots
		}
	}
	return strings.Join(kept, ".")
}

// unique sorts findings and leaves out those that are the same.
func unique(findings []Finding) []Finding {
	slices.SortFunc(findings, func(a, b Finding) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(findings)
}
