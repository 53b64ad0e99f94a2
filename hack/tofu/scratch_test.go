package tofu

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fake answers a copy with the files, and in the place of OpenTofu a shell script.
func fake(t *testing.T, files map[string]string, script string) *Scratch {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "tofu")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	s := &Scratch{Dir: filepath.Join(dir, "terraform"), program: program, config: filepath.Join(dir, "tofurc")}
	write(t, s.Dir, files)
	return s
}

func TestACopyHoldsWhatIsWrittenByHandOnly(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	write(t, from, map[string]string{
		"modules/a/main.tf": "a", "modules/a/templates/x.tftpl": "x",
		"modules/a/.terraform/providers/p": "binary", "modules/a/.terraform.lock.hcl": "lock", "modules/a/terraform.tfstate.backup": "secret",
	})
	if err := copyModules(from, to); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := filepath.WalkDir(to, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			relative, _ := filepath.Rel(to, path)
			got = append(got, relative)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"modules/a/main.tf", "modules/a/templates/x.tftpl"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFolderThatDoesNotExistIsNotCopied(t *testing.T) {
	if err := copyModules(filepath.Join(t.TempDir(), "none"), t.TempDir()); err == nil {
		t.Error("nothing was copied without an error")
	}
}

func TestEveryFolderWithVersionsIsChecked(t *testing.T) {
	s := fake(t, map[string]string{
		"modules/a/versions.tf": "", "environments/example/versions.tf": "", "modules/README.md": "",
		"environments/example/.terraform/modules/a/versions.tf": "",
	}, "")
	folders, err := s.Folders()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"environments/example", "modules/a"}, folders); diff != "" {
		t.Error(diff)
	}
}

func TestOpenTofuSeesNoCredentials(t *testing.T) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_PROFILE": "prod", "TF_VAR_name": "other", "TF_LOG": "trace"} {
		t.Setenv(name, value)
	}
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, "env; pwd")
	out, err := s.run(t.Context(), "modules/a", "env")
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	for _, name := range []string{"AWS_", "TF_VAR_", "TF_LOG"} {
		if strings.Contains(text, name) {
			t.Errorf("it sees %s: %s", name, text)
		}
	}
	if !strings.Contains(text, "TF_CLI_CONFIG_FILE="+s.config) {
		t.Error("it does not read our configuration")
	}
	if !strings.Contains(text, filepath.Join(s.Dir, "modules/a")) {
		t.Error("it does not run in the module")
	}
}

func TestWhatOpenTofuSaysIsPartOfTheError(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, "echo printed; echo complained >&2; exit 3")
	for name, call := range map[string]func() error{
		"fmt in":  func() error { return s.Format(t.Context()) },
		"init in": func() error { return s.Init(t.Context(), "modules/a") },
		"show in": func() error { _, err := s.Show(t.Context(), "modules/a"); return err },
	} {
		err := call()
		for _, want := range []string{name, "printed", "complained", "exit status 3"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("the error is %v, want %q in it", err, want)
			}
		}
	}
}

func TestAModuleThatIsNotValidIsNamedWithThePlace(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, `cat <<'EOF'
{"valid": false, "diagnostics": [{"severity": "error", "summary": "Unsupported argument",
"detail": "An argument named\n\"colour\" is not expected here.", "range": {"filename": "main.tf", "start": {"line": 7}}}]}
EOF
exit 1`)
	err := s.Validate(t.Context(), "modules/a")
	want := `main.tf:7: error: Unsupported argument: An argument named "colour" is not expected here.`
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "modules/a") {
		t.Errorf("the error is %v, want %q in it", err, want)
	}
}

func TestAWarningIsAnError(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, `echo '{"valid": true, "diagnostics": [{"severity": "warning", "summary": "Deprecated attribute"}]}'`)
	if err := s.Validate(t.Context(), "modules/a"); err == nil || !strings.Contains(err.Error(), "warning: Deprecated attribute") {
		t.Errorf("the error is %v", err)
	}
}

func TestAnAnswerThatIsNoneIsAnError(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, "echo panic; exit 2")
	if err := s.Validate(t.Context(), "modules/a"); err == nil || !strings.Contains(err.Error(), "panic") || !strings.Contains(err.Error(), "exit status 2") {
		t.Errorf("the error is %v", err)
	}
	s = fake(t, map[string]string{"modules/a/versions.tf": ""}, "echo")
	if _, err := s.Show(t.Context(), "modules/a"); err == nil {
		t.Error("an empty description was taken for one")
	}
}

func TestAValidModulePasses(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, `echo '{"valid": true, "diagnostics": []}'`)
	if err := s.Validate(t.Context(), "modules/a"); err != nil {
		t.Error(err)
	}
}

func TestAnInterruptEndsOpenTofu(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, "exec sleep 600")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.run(ctx, "modules/a", "test"); err == nil {
		t.Error("it ran on")
	}
}

func TestTestResultsAreReadByRun(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, `cat <<'EOF'
not JSON
{"type": "version", "tofu": "1.12.6"}
{"type": "test_run", "test_run": {"path": "tests/a.tftest.hcl", "run": "one", "status": "pass"}}
{"type": "test_run", "test_run": {"path": "tests/a.tftest.hcl", "run": "two", "status": "fail"}}
{"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "Test assertion failed", "detail": "It is not so."}}
{"type": "test_summary", "test_summary": {"status": "fail", "passed": 1, "failed": 1}}
EOF
exit 1`)
	results, err := s.Test(t.Context(), "modules/a", "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[Run]string{run("a", "one"): "pass", run("a", "two"): "fail"}
	if diff := cmp.Diff(want, results.Status); diff != "" {
		t.Error(diff)
	}
	if results.Passed() != 1 {
		t.Errorf("%d passed, want 1", results.Passed())
	}
	if err := results.Err(); err == nil || !strings.Contains(err.Error(), `run "two": fail`) || !strings.Contains(err.Error(), "It is not so.") || strings.Contains(err.Error(), `"one"`) {
		t.Errorf("the error is %v", err)
	}
}

func TestAModuleWhoseTestsDoNotStartSaysWhy(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, `echo '{"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "Invalid block"}}'; exit 1`)
	if _, err := s.Test(t.Context(), "modules/a", ""); err == nil || !strings.Contains(err.Error(), "Invalid block") {
		t.Errorf("the error is %v", err)
	}
}

func TestNoTestIsNoPass(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, "true")
	results, err := s.Test(t.Context(), "modules/a", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := results.Err(); err == nil || !strings.Contains(err.Error(), "no test ran") {
		t.Errorf("the error is %v", err)
	}
}

func TestALineThatBreaksOffIsAnError(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, `printf '{"type": "test_'`)
	if _, err := s.Test(t.Context(), "modules/a", ""); err == nil || !strings.Contains(err.Error(), "reading what tofu test says") {
		t.Errorf("the error is %v", err)
	}
}

func TestOneFileCanBeTested(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/versions.tf": ""}, `echo "{\"type\": \"test_run\", \"test_run\": {\"path\": \"args\", \"run\": \"$*\", \"status\": \"pass\"}}"`)
	for file, want := range map[string]string{"": "test -json", "tests/a.tftest.hcl": "test -json -filter=tests/a.tftest.hcl"} {
		results, err := s.Test(t.Context(), "modules/a", file)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(maps.Keys(results.Status)); len(got) != 1 || got[0].Name != want {
			t.Errorf("the arguments are %v, want %s", got, want)
		}
	}
}

func TestAssertionsAndExpectedFailuresAreCounted(t *testing.T) {
	found, err := ReadAssertions(`variables {
  name = "a"
}

run "one" {
  command = plan

  assert {
    condition     = true
    error_message = "run \"x\" {"
  }

  assert {
    condition     = true
    error_message = "b"
  }
}

run "two" {
  expect_failures = [var.a, var.b]
}
`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Assertions{"one": 2, "two": 2}, found); diff != "" {
		t.Error(diff)
	}
	if found.Total() != 4 {
		t.Errorf("the total is %d, want 4", found.Total())
	}
}

func TestARunThatAssertsNothingIsRefused(t *testing.T) {
	s := fake(t, map[string]string{"modules/a/tests/a.tftest.hcl": "run \"idle\" {\n  command = plan\n}\n"}, "")
	if _, err := s.Assertions("modules/a"); err == nil || !strings.Contains(err.Error(), `modules/a/tests/a.tftest.hcl: run "idle" asserts nothing`) {
		t.Errorf("the error is %v", err)
	}
}

func TestTheAssertionsOfAFolderAreThoseOfAllItsFiles(t *testing.T) {
	one := "run \"one\" {\n  assert {\n  }\n}\n"
	s := fake(t, map[string]string{"modules/a/tests/a.tftest.hcl": one, "modules/a/tests/b.tftest.hcl": one, "modules/a/other.tftest.hcl": one}, "")
	if n, err := s.Assertions("modules/a"); err != nil || n != 2 {
		t.Errorf("%d, %v, want 2", n, err)
	}
}
