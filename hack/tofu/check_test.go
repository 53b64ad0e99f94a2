package tofu

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/internal/naming"
)

// healthy is a program that finds nothing wrong, and whose one test passes as long as main.tf says nat = "gateway".
const healthy = `case $1 in
validate) echo '{"valid": true, "diagnostics": []}' ;;
show) echo '{"root_module": {}}' ;;
test)
  status=fail
  grep -q gateway main.tf && status=pass
  file=tests/a.tftest.hcl
  [ -f tests/one.tftest.hcl ] && file=tests/one.tftest.hcl
  echo "{\"type\": \"test_run\", \"test_run\": {\"path\": \"$file\", \"run\": \"one\", \"status\": \"$status\"}}"
  ;;
esac`

// files of a module with n assertions.
func files(n int) map[string]string {
	return map[string]string{
		"modules/a/versions.tf":        "",
		"modules/a/main.tf":            `nat = "gateway"`,
		"modules/a/README.md":          Readme("# a\n", Module{}),
		"modules/a/tests/a.tftest.hcl": "variables {\n}\n\nrun \"one\" {\n" + strings.Repeat("  assert {\n  }\n", n) + "}\n",
	}
}

var rule = Rule{Says: "there is a gateway", Module: "modules/a", File: "main.tf", Old: "gateway", New: "none", Test: run("a", "one")}

func TestAHealthyCheckCountsWhatItDid(t *testing.T) {
	s := fake(t, files(MinAssertions), healthy)
	var out bytes.Buffer
	counts, err := s.Check(t.Context(), &out, []Rule{rule})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Counts{Folders: 1, Runs: 1, Assertions: MinAssertions, Broken: 1}); counts != want {
		t.Errorf("the counts are %+v, want %+v", counts, want)
	}
	for _, want := range []string{"modules/a: valid, " + strconv.Itoa(MinAssertions) + " assertions in 1 runs passed", "broken and noticed: there is a gateway"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it printed %q, want %q in it", out.String(), want)
		}
	}
}

func TestTooFewAssertionsFail(t *testing.T) {
	s := fake(t, files(MinAssertions-1), healthy)
	if _, err := s.Check(t.Context(), &bytes.Buffer{}, nil); err == nil || !strings.Contains(err.Error(), "want 120 at least") {
		t.Errorf("the error is %v", err)
	}
}

func TestEverythingThatIsWrongIsNamed(t *testing.T) {
	all := files(MinAssertions)
	for name, content := range files(1) {
		all[strings.Replace(name, "modules/a", "modules/b", 1)] = content
	}
	all["modules/a/main.tf"], all["modules/b/README.md"] = "none", "# old\n"
	s := fake(t, all, "[ \"$1\" = fmt ] && { echo '-wrong'; exit 3; }\n"+healthy)
	_, err := s.Check(t.Context(), &bytes.Buffer{}, []Rule{rule})
	for _, want := range []string{"fmt in", "-wrong", `modules/a: tests/a.tftest.hcl: run "one": fail`, "modules/b/README.md is not current"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
}

func TestNoRuleIsBrokenWhereSomethingIsWrongAlready(t *testing.T) {
	broken := files(MinAssertions)
	broken["modules/a/main.tf"] = "none"
	s := fake(t, broken, healthy)
	var out bytes.Buffer
	if _, err := s.Check(t.Context(), &out, []Rule{rule}); err == nil || strings.Contains(out.String(), "noticed") {
		t.Errorf("a rule was broken: %s, %v", out.String(), err)
	}
}

func TestACheckThatIsInterruptedEnds(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := fake(t, files(1), healthy).Check(ctx, &bytes.Buffer{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestABrokenRuleThatATestNoticesIsRestored(t *testing.T) {
	s := fake(t, files(1), healthy)
	if err := s.Break(t.Context(), rule); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(s.Dir, "modules/a/main.tf")); err != nil || string(text) != `nat = "gateway"` {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func TestABrokenRuleThatNobodyNoticesFails(t *testing.T) {
	for want, change := range map[string]func(*Rule){
		"does not notice (pass)":                 func(r *Rule) { r.New = "gateway_per_zone" },
		`there is no run "two"`:                  func(r *Rule) { r.Test.Name = "two" },
		"holds what is to be changed 0 times":    func(r *Rule) { r.Old = "instance" },
		"holds what is to be changed 2 times":    func(r *Rule) { r.Old = "t" },
		`rule "there is a gateway": open`:        func(r *Rule) { r.File = "none.tf" },
		"no such file or directory":              func(r *Rule) { r.File = "none.tf" },
		`rule "there is a gateway" is broken, b`: func(r *Rule) { r.New = "gateways" },
	} {
		broken := rule
		change(&broken)
		if err := fake(t, files(1), healthy).Break(t.Context(), broken); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
}

func TestOneRunIsTakenOutOfAFile(t *testing.T) {
	text := "variables {\n}\n\nrun \"a\" {\n  command = plan\n}\n\nrun \"b\" {\n  assert {\n  }\n}\n"
	got, err := Only(text, "b")
	if err != nil || got != "variables {\n}\n\nrun \"b\" {\n  assert {\n  }\n}\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Only(text, "c"); err == nil || !strings.Contains(err.Error(), `there is no run "c"`) {
		t.Errorf("the error is %v", err)
	}
}

func TestReadmesAreWrittenToTheCheckout(t *testing.T) {
	outdated := files(1)
	outdated["modules/a/README.md"] = "# a\n"
	s, root := fake(t, outdated, healthy), t.TempDir()
	write(t, root, map[string]string{"terraform/modules/a/README.md": "# a\n"})
	if err := s.WriteReadmes(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "terraform/modules/a/README.md"))
	if err != nil || string(text) != Readme("# a\n", Module{}) {
		t.Errorf("it is %q, %v", text, err)
	}
}

// checkout is a copy of this checkout's modules, without programs.
func checkout(t *testing.T) *Scratch {
	t.Helper()
	root, err := build.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	return &Scratch{Dir: filepath.Join(root, "terraform")}
}

func TestEveryRuleStandsInItsFileOnceAndItsTestExists(t *testing.T) {
	s := checkout(t)
	seen := map[string]bool{}
	for _, r := range Rules {
		text, err := os.ReadFile(filepath.Join(s.Dir, r.Module, r.File))
		if err != nil || strings.Count(string(text), r.Old) != 1 {
			t.Errorf("%s: %s/%s does not hold it once (%v)", r.Says, r.Module, r.File, err)
		}
		tests, err := os.ReadFile(filepath.Join(s.Dir, r.Module, r.Test.File))
		if err != nil || !strings.Contains(string(tests), "\nrun \""+r.Test.Name+"\" {\n") {
			t.Errorf("%s: no run %q in %s/%s (%v)", r.Says, r.Test.Name, r.Module, r.Test.File, err)
		}
		if seen[r.Says] {
			t.Errorf("%s: twice", r.Says)
		}
		seen[r.Says] = true
	}
	if len(Rules) < 15 {
		t.Errorf("there are %d rules, want 15 at least", len(Rules))
	}
}

func TestEveryModuleBreaksARule(t *testing.T) {
	folders, err := checkout(t).Folders()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if folder == "environments/bootstrap" { // it calls the module state and nothing else
			continue
		}
		if !slices.ContainsFunc(Rules, func(r Rule) bool { return r.Module == folder }) {
			t.Errorf("no rule of %s is broken", folder)
		}
	}
}

func TestEnoughIsAsserted(t *testing.T) {
	s := checkout(t)
	folders, err := s.Folders()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, folder := range folders {
		n, err := s.Assertions(folder)
		if err != nil {
			t.Error(err)
		}
		total += n
	}
	if total < MinAssertions {
		t.Errorf("%d assertions, want %d at least", total, MinAssertions)
	}
}

// The load balancer sends to the NodePorts that the ingress gateway has wherever this project runs it.
func TestTheLoadBalancerSendsToTheGatewaysNodePorts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(checkout(t).Dir, "modules/ingress/variables.tf"))
	if err != nil {
		t.Fatal(err)
	}
	want := "{ http = " + strconv.Itoa(node.GatewayHTTPPort) + ", https = " + strconv.Itoa(node.GatewayHTTPSPort) + " }"
	if !strings.Contains(string(text), want) {
		t.Errorf("node_ports has another default than %s", want)
	}
}

// AWS gives a role to the ServiceAccounts that the operator and the Crunchy operator make.
func TestRolesAreForTheServiceAccountsOfAPlatform(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(checkout(t).Dir, "modules/identity/pods.tf"))
	if err != nil {
		t.Fatal(err)
	}
	platform := naming.Platform{Namespace: "${p.namespace}", Name: "${p.name}"}
	if want := `"${p.namespace}:` + platform.Workload(naming.Content) + `"`; !strings.Contains(string(text), want) {
		t.Errorf("no role is for %s", want)
	}
	if want := `"${p.namespace}:` + platform.Database() + `-${account}"`; !strings.Contains(string(text), want) {
		t.Errorf("no role is for %s", want)
	}
	for _, account := range []string{platform.DatabaseInstance(), platform.DatabaseRepositoryAccounts()[0]} {
		if short := strings.TrimPrefix(account, platform.Database()+"-"); !strings.Contains(string(text), `"`+short+`"`) {
			t.Errorf("no role of backups is for %s", account)
		}
	}
}

// The table of docs/cloud.md has the total that a test of the example asserts.
func TestTheDocumentedCostsAreThoseOfTheExample(t *testing.T) {
	s := checkout(t)
	tests, err := os.ReadFile(filepath.Join(s.Dir, "environments/example/tests/example.tftest.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(tests), `output.monthly_costs.total == "`)
	total, _, found := strings.Cut(rest, `"`)
	document, err := os.ReadFile(filepath.Join(s.Dir, "../docs/cloud.md"))
	if err != nil || !found || !strings.Contains(string(document), "**"+total+"**") {
		t.Errorf("docs/cloud.md has another total than %q (%v)", total, err)
	}
}

// A module's variable refuses what it cannot work with, and says its own name. A bool has nothing to refuse.
func TestEveryVariableOfAModuleIsValidatedByName(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(checkout(t).Dir, "modules/*/variables.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no variables: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split("\n"+string(text), "\nvariable \"")[1:] {
			name, body, _ := strings.Cut(block, `"`)
			if !strings.Contains(body, "type        = bool") && !strings.Contains(body, "validation {") {
				t.Errorf("%s: %s is not validated", file, name)
			}
			for _, message := range strings.Split(body, `error_message = "`)[1:] {
				if !strings.HasPrefix(message, name+" ") {
					t.Errorf("%s: a message of %s does not begin with its name", file, name)
				}
			}
		}
	}
}

// Every validation and precondition is refused by a test.
func TestEveryValidatedVariableIsRefusedByATest(t *testing.T) {
	s := checkout(t)
	folders, err := filepath.Glob(filepath.Join(s.Dir, "modules/*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no modules: %v", err)
	}
	for _, folder := range folders {
		var tests strings.Builder
		files, err := filepath.Glob(filepath.Join(folder, "tests/*.tftest.hcl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
		variables, err := os.ReadFile(filepath.Join(folder, "variables.tf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split("\n"+string(variables), "\nvariable \"")[1:] {
			name, body, _ := strings.Cut(block, `"`)
			validations := strings.Count(body, "validation {")
			if refused := strings.Count(tests.String(), "expect_failures = [var."+name+"]"); refused < validations {
				t.Errorf("%s: %s has %d validations, and %d tests that refuse it", folder, name, validations, refused)
			}
		}
	}
}
