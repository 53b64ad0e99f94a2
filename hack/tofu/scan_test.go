package tofu

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/build"
)

var today = time.Date(2027, 1, 15, 12, 0, 0, 0, time.UTC)

const oneWaiver = `- rules: [CKV_1, AWS-0001]
  resources: [aws_lb.*]
  reason: It is not so.
  expires: "2027-01-15"
`

func TestAWaiverHoldsThroughItsLastDay(t *testing.T) {
	waivers, err := ReadWaivers([]byte(oneWaiver), today)
	if err != nil || len(waivers) != 1 {
		t.Fatalf("%v, %v", waivers, err)
	}
	if _, err := ReadWaivers([]byte(oneWaiver), today.AddDate(0, 0, 1)); err == nil || !strings.Contains(err.Error(), "waiver of CKV_1, AWS-0001: it expired on 2027-01-15") {
		t.Errorf("the error is %v", err)
	}
}

func TestAWaiverThatSaysTooLittleOrTooMuchIsRefused(t *testing.T) {
	for want, change := range map[string][2]string{
		"must be given":         {"reason: It is not so.", "reason: \"\""},
		"must be a day":         {"2027-01-15", "soon"},
		"a year at most":        {"2027-01-15", "2029-01-15"},
		"no pattern":            {"aws_lb.*", `"*"`},
		"[ is no pattern":       {"aws_lb.*", `"["`},
		"unknown field":         {"reason", "because"},
		"reading the waivers":   {"- rules", "rules"},
		`resources and reason `: {"[aws_lb.*]", "[]"},
	} {
		if want == "[ is no pattern" {
			want = `"[" is no pattern`
		}
		text := strings.Replace(oneWaiver, change[0], change[1], 1)
		if _, err := ReadWaivers([]byte(text), today); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
}

func TestAFindingIsWaivedByRuleAndResource(t *testing.T) {
	waivers, err := ReadWaivers([]byte(oneWaiver), today)
	if err != nil {
		t.Fatal(err)
	}
	waived, err := Waive([]Finding{{"checkov", "CKV_1", "aws_lb.this", "x"}, {"trivy", "AWS-0001", "aws_lb.api", "x"}}, waivers, []string{"CKV", "AWS-"})
	if err != nil || waived != 2 {
		t.Errorf("%d, %v, want 2", waived, err)
	}
}

func TestAFindingWithoutAWaiverIsNamed(t *testing.T) {
	waivers, err := ReadWaivers([]byte(oneWaiver), today)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Waive([]Finding{{"checkov", "CKV_1", "aws_s3_bucket.this", "Ensure x"}, {"checkov", "CKV_2", "aws_lb.this", "Ensure y"}}, waivers, []string{"CKV"})
	for _, want := range []string{"checkov: CKV_1: aws_s3_bucket.this: Ensure x", "checkov: CKV_2: aws_lb.this: Ensure y"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
}

func TestAWaiverThatNothingNeedsIsNamedIfItsCheckerRan(t *testing.T) {
	waivers, err := ReadWaivers([]byte(oneWaiver), today)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Waive([]Finding{{"checkov", "CKV_1", "aws_lb.this", "x"}}, waivers, []string{"CKV", "AWS-"})
	if err == nil || !strings.Contains(err.Error(), "nothing is found of AWS-0001 any more") {
		t.Errorf("the error is %v", err)
	}
	if _, err := Waive([]Finding{{"checkov", "CKV_1", "aws_lb.this", "x"}}, waivers, []string{"CKV"}); err != nil {
		t.Error(err)
	}
}

func TestFindingsOfTflintAreRead(t *testing.T) {
	got, err := readTflint([]byte(`{"issues": [{"rule": {"name": "terraform_unused_declarations"}, "message": "local.x is unused", "range": {"filename": "modules/a/main.tf"}}], "errors": []}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Finding{{"tflint", "terraform_unused_declarations", "modules/a/main.tf", "local.x is unused"}}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := readTflint([]byte(`{"issues": [], "errors": [{"message": "syntax"}]}`)); err == nil || err.Error() != "syntax" {
		t.Errorf("the error is %v", err)
	}
}

func TestFindingsOfCheckovAreReadOncePerModule(t *testing.T) {
	got, err := readCheckov([]byte(`{"summary": {"passed": 3, "parsing_errors": 0}, "results": {"failed_checks": [
		{"check_id": "CKV_1", "check_name": "Ensure x", "resource": "module.network.aws_instance.nat[0]"},
		{"check_id": "CKV_1", "check_name": "Ensure x", "resource": "aws_instance.nat"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Finding{{"checkov", "CKV_1", "aws_instance.nat", "Ensure x"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestACheckerThatReadNothingIsNoPass(t *testing.T) {
	for _, text := range []string{`{"passed": 0}`, `{"summary": {"passed": 0}}`, `{"summary": {"passed": 9, "parsing_errors": 1}}`, `x`} {
		if _, err := readCheckov([]byte(text)); err == nil {
			t.Errorf("%s was taken for a pass", text)
		}
	}
	if _, err := readTflint([]byte(`x`)); err == nil {
		t.Error("x was taken for a pass of tflint")
	}
}

func TestAnAddressHasNeitherModulesNorKeys(t *testing.T) {
	for resource, want := range map[string]string{
		"module.a.module.b.aws_lb.this": "aws_lb.this", `aws_s3_object.script["node.sh"]`: "aws_s3_object.script",
		"data.aws_region.current": "data.aws_region.current", "": "",
	} {
		if got := address(resource); got != want {
			t.Errorf("%s became %s, want %s", resource, got, want)
		}
	}
}

// scanners puts checkers in the place of all others for one test.
func scanners(t *testing.T, all ...Scanner) {
	t.Helper()
	before := Scanners
	t.Cleanup(func() { Scanners = before })
	Scanners = all
}

func found(name string, findings []Finding, err error) Scanner {
	return Scanner{
		Name: name, Prefix: "CKV", Install: func(context.Context, *build.Cache) (string, error) { return "", nil },
		Scan: func(context.Context, *build.Cache, string, string) ([]Finding, error) { return findings, err },
	}
}

func TestAScanCountsFindingsAndWaivers(t *testing.T) {
	c := &build.Cache{Dir: t.TempDir(), Root: t.TempDir(), Log: func(string) {}}
	write(t, c.Root, map[string]string{"hack/tofu/waivers.yaml": oneWaiver})
	scanners(t, found("one", []Finding{{"one", "CKV_1", "aws_lb.this", "x"}}, nil), found("two", nil, errors.New("not asked")))
	var out bytes.Buffer
	if err := (&Scratch{}).Scan(t.Context(), c, &out, today, []string{"one"}); err != nil {
		t.Fatal(err)
	}
	if want := "one: 1 findings\n1 findings are waived by 1 waivers\n"; out.String() != want {
		t.Errorf("it printed %q, want %q", out.String(), want)
	}
	if err := (&Scratch{}).Scan(t.Context(), c, &out, today, nil); err == nil || !strings.Contains(err.Error(), "two: not asked") {
		t.Errorf("the error is %v", err)
	}
	if err := (&Scratch{}).Scan(t.Context(), c, &out, today.AddDate(1, 0, 0), []string{"one"}); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("the error is %v", err)
	}
}

func TestACheckerThatFindsSomethingEndsWithAnExitCode(t *testing.T) {
	out, err := answer(t.Context(), []string{"WHO=me"}, script(t, "echo $WHO; exit 2"))
	if err != nil || string(out) != "me\n" {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := answer(t.Context(), nil, script(t, "echo broken >&2; exit 2")); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("the error is %v", err)
	}
	if _, err := answer(t.Context(), nil, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a program that does not exist answered")
	}
}

func TestTflintLooksAtEveryFolderWithOurRules(t *testing.T) {
	c := &build.Cache{Root: t.TempDir()}
	calls := filepath.Join(t.TempDir(), "calls")
	program := script(t, `echo "$@" >>`+calls+"\necho '{}'")
	if _, err := scanTflint(t.Context(), c, program, "terraform"); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--chdir=terraform", "--recursive", "--config=" + filepath.Join(c.Root, "hack/tofu/tflint.hcl")} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing from %s", want, text)
		}
	}
}

func TestTheWaiversOfThisCheckoutAreInForce(t *testing.T) {
	root, err := build.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "hack/tofu/waivers.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// Expired ones fail make scan-cloud; here they are read as on the day before they do.
	waivers, err := ReadWaivers(text, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, w := range waivers {
		rules = append(rules, w.Rules...)
	}
	slices.Sort(rules)
	if compact := slices.Compact(slices.Clone(rules)); len(compact) != len(rules) {
		t.Errorf("a rule is waived twice: %v", rules)
	}
}
