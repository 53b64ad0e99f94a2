package cis

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

var update = flag.Bool("update", false, "write the table in docs/cis.md")

// now is a day on which the waivers of these tests hold.
var now = time.Date(2027, 1, 15, 12, 0, 0, 0, time.UTC)

func claims(t *testing.T) []Check {
	t.Helper()
	checks, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	return checks
}

func TestEveryCheckOfTheBenchmarkHasOneClaimThatHoldsToday(t *testing.T) {
	checks := claims(t)
	if err := Complete(checks); err != nil {
		t.Error(err)
	}
	for _, c := range checks {
		if err := c.Verify(root, time.Now()); err != nil {
			t.Error(err)
		}
	}
}

func TestTheBenchmarkHas131Checks(t *testing.T) {
	if n := len(IDs()); n != 131 {
		t.Errorf("there are %d", n)
	}
}

func TestThePageShowsTheClaims(t *testing.T) {
	path := filepath.Join(root, Page)
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Rewrite(string(page), claims(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if difference := cmp.Diff(want, string(page)); difference != "" {
		t.Errorf("%s is not current: run go test ./hack/cis -update\n%s", Page, difference)
	}
}

func TestAPageWithoutMarksIsNotOverwritten(t *testing.T) {
	if _, err := Rewrite("# Page\n", nil); err == nil || !strings.Contains(err.Error(), "lacks the marks") {
		t.Errorf("the error is %v", err)
	}
}

func TestChecksThatAreMissingForeignOrTwiceAreNamed(t *testing.T) {
	checks := claims(t)
	checks[0].ID, checks[1].ID = "9.9.9", checks[2].ID
	err := Complete(checks)
	for _, want := range []string{"check 1.1.1 has no claim", "check 1.1.2 has no claim", "no check 9.9.9", "check 1.1.3 comes twice"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
	}
}

// template is what a node begins with.
const template = `kind: First
address: ${address}
%{ if three ~}
list: [${a}, b]
%{ endif ~}
---
kind: Second
server:
  arguments:
  - {name: profiling, value: "false"}
  nested: {deep: 3}
`

func TestAClaimThatDoesNotHoldIsNamed(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "t.yaml"), []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	setting := func(path, value, part string) Check {
		return Check{ID: "1", Title: "t", Setting: &Setting{File: "t.yaml", Path: path, Value: value, Contains: part}}
	}
	text := func(has, lacks []string) Check {
		return Check{ID: "1", Title: "t", Text: &Text{File: "t.yaml", Has: has, Lacks: lacks}}
	}
	waiver := func(why, until string) Check {
		return Check{ID: "1", Title: "t", Waived: &Waiver{Why: why, Until: until}}
	}
	for name, test := range map[string]struct {
		check Check
		want  string
	}{
		"a value":                         {setting("server.arguments.profiling", "false", ""), ""},
		"a value that is deep":            {setting("server.nested.deep", "3", ""), ""},
		"a part of a value":               {setting("kind", "", "Fir"), ""},
		"a value that changed":            {setting("server.arguments.profiling", "true", ""), "server.arguments.profiling in t.yaml is false"},
		"a part that is gone":             {setting("kind", "", "Third"), "kind in t.yaml is First"},
		"a value that is gone":            {setting("server.arguments.tls", "x", ""), "t.yaml has no server.arguments.tls"},
		"a setting without a value":       {setting("kind", "", ""), "says nothing about kind"},
		"a text":                          {text([]string{"kind: Second"}, []string{"kind: Third"}), ""},
		"a text that is gone":             {text([]string{"kind: Third"}, nil), `t.yaml does not have "kind: Third"`},
		"a text that came":                {text(nil, []string{"profiling"}), `t.yaml has "profiling"`},
		"a text about nothing":            {text(nil, nil), "says nothing about t.yaml"},
		"a file that is gone":             {Check{ID: "1", Title: "t", Text: &Text{File: "u.yaml", Has: []string{"x"}}}, "no such file"},
		"a template that is gone":         {Check{ID: "1", Title: "t", Setting: &Setting{File: "u.yaml", Path: "x", Value: "x"}}, "no such file"},
		"a waiver":                        {waiver("because", "2027-06-30"), ""},
		"a waiver on its last day":        {waiver("because", "2027-01-15"), ""},
		"a waiver that ended":             {waiver("because", "2027-01-14"), "its waiver ended on 2027-01-14"},
		"a waiver for ever":               {waiver("because", "2037-01-14"), "a year at most"},
		"a waiver without a day":          {waiver("because", "soon"), "until must be a day"},
		"a waiver without a reason":       {waiver("", "2027-06-30"), "no reason"},
		"a reason why there is nothing":   {Check{ID: "1", Title: "t", NotApplicable: "because"}, ""},
		"no title":                        {Check{ID: "1", NotApplicable: "because"}, "no title"},
		"no claim":                        {Check{ID: "1", Title: "t"}, "must have one claim"},
		"two claims, of which one is new": {Check{ID: "1", Title: "t", NotApplicable: "because", Tests: []string{"a TestB"}}, "tested, not applicable"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.check.Verify(folder, now)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("a claim that holds is refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("the error is %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestATemplateThatIsNoYAMLIsAnError(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "t.yaml"), []byte("a: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := Check{ID: "1", Title: "t", Setting: &Setting{File: "t.yaml", Path: "a", Value: "x"}}
	if err := check.Verify(folder, now); err == nil {
		t.Error("it was taken for YAML")
	}
}

func TestWhatKubeadmWritesIsComparedWithTheClaims(t *testing.T) {
	folder := t.TempDir()
	for name, mode := range map[string]os.FileMode{"etcd.yaml": 0o600, "ca.key": 0o600, "sa.key": 0o644} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("- --client-cert-auth=true\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		claim Kubeadm
		want  string
	}{
		"an argument":              {Kubeadm{File: "etcd.yaml", Has: []string{"--client-cert-auth=true"}, Lacks: []string{"--auto-tls"}}, ""},
		"an argument that is gone": {Kubeadm{File: "etcd.yaml", Has: []string{"--cert-file="}}, `etcd.yaml does not have "--cert-file="`},
		"an argument that came":    {Kubeadm{File: "etcd.yaml", Lacks: []string{"--client-cert-auth"}}, `etcd.yaml has "--client-cert-auth"`},
		"rights":                   {Kubeadm{File: "ca.key", Mode: "0600"}, ""},
		"more rights":              {Kubeadm{File: "*.key", Mode: "0600"}, "sa.key has mode 0644, more than 0600"},
		"rights that are none":     {Kubeadm{File: "ca.key", Mode: "rw"}, `mode "rw"`},
		"a file that is not there": {Kubeadm{File: "admin.conf", Mode: "0600"}, "kubeadm writes no admin.conf"},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckKubeadm(folder, []Check{{ID: "2.2", Title: "Clients", Kubeadm: &test.claim}, {ID: "5.1.1", NotApplicable: "because"}})
			switch {
			case test.want == "" && err != nil:
				t.Errorf("a claim that holds is refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), "check 2.2 (Clients): ") || !strings.Contains(err.Error(), test.want)):
				t.Errorf("the error is %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestATableNamesEachProof(t *testing.T) {
	page, err := Rewrite(begin+end, []Check{
		{ID: "1", Title: "A", Tests: []string{"internal/plan TestOne", "test/cel TestTwo"}},
		{ID: "2", Title: "B", Kubeadm: &Kubeadm{File: "etcd.yaml", Has: []string{"--a"}, Lacks: []string{"--b"}}},
		{ID: "3", Title: "C", Kubeadm: &Kubeadm{File: "pki/*.key", Mode: "0600"}, Note: "Here"},
		{ID: "4", Title: "D", Setting: &Setting{File: "a/b.yaml", Path: "c.d", Contains: "e|f"}},
		{ID: "5", Title: "E", Text: &Text{File: "a/b.yaml", Has: []string{"x"}}},
		{ID: "6", Title: "F", NotApplicable: "because"},
		{ID: "7", Title: "G", Waived: &Waiver{Why: "not yet", Until: "2027-06-30"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"7 checks: 1 tested, 4 configured, 1 not applicable, 1 waived.",
		"| 1 | A | tested | `internal/plan` TestOne; `test/cel` TestTwo |",
		"| 2 | B | configured | kubeadm writes `etcd.yaml`: `--a`, no `--b` |",
		"| 3 | C | configured | kubeadm writes `pki/*.key` with mode 0600. Here |",
		`| 4 | D | configured | [b.yaml](../a/b.yaml): ` + "`c.d` is `…e\\|f…` |",
		"| 5 | E | configured | [b.yaml](../a/b.yaml): `x` |",
		"| 6 | F | not applicable | because |",
		"| 7 | G | waived | until 2027-06-30: not yet |",
	} {
		if !strings.Contains(page, want+"\n") {
			t.Errorf("the page has no line %q:\n%s", want, page)
		}
	}
}

func TestClaimsAreReadStrictly(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"a claim":               {"- id: \"1.1.1\"\n  title: A\n  notApplicable: because\n", ""},
		"a field that is wrong": {"- id: \"1.1.1\"\n  titel: A\n", "titel"},
		"no list":               {"id: 1\n", "cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.MkdirAll(filepath.Join(folder, filepath.Dir(File)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, File), []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			checks, err := Read(folder)
			switch {
			case test.want == "" && (err != nil || len(checks) != 1 || checks[0].NotApplicable != "because"):
				t.Errorf("got %+v, %v", checks, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("the error is %v, want %q in it", err, test.want)
			}
		})
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a repository without claims has some")
	}
}

func TestChecksAreNumberedAsInTheBenchmark(t *testing.T) {
	ids := IDs()
	for at, want := range map[int]string{0: "1.1.1", 20: "1.1.21", 21: "1.2.1", 60: "2.1", 66: "2.7", 67: "3.1.1", 72: "4.1.1", 97: "5.1.1", 130: "5.6.4"} {
		if ids[at] != want {
			t.Errorf("check %d is %s, want %s", at+1, ids[at], want)
		}
	}
}

func TestOnlyWhatStandsBetweenTheMarksIsReplaced(t *testing.T) {
	page := "# Page\n\nWords.\n\n" + begin + "| an old table |\n" + end + "\nMore words.\n"
	got, err := Rewrite(page, []Check{{ID: "6", Title: "F", NotApplicable: "because"}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got, "# Page\n\nWords.\n\n"+begin) || !strings.HasSuffix(got, end+"\nMore words.\n") {
		t.Errorf("the words around the table changed:\n%s", got)
	}
	if strings.Contains(got, "old table") || !strings.Contains(got, "| 6 | F |") {
		t.Errorf("the table was not replaced:\n%s", got)
	}
	again, err := Rewrite(got, []Check{{ID: "6", Title: "F", NotApplicable: "because"}})
	if err != nil || again != got {
		t.Errorf("written again it is another page: %v\n%s", err, cmp.Diff(got, again))
	}
}

// TestClaimsSayEnough, those too that only `make verify-cloud` compares with something.
func TestClaimsSayEnough(t *testing.T) {
	for _, c := range claims(t) {
		if k := c.Kubeadm; k != nil && len(k.Has)+len(k.Lacks) == 0 && k.Mode == "" {
			t.Errorf("check %s says nothing about %s", c.ID, k.File)
		}
		if k := c.Kubeadm; k != nil && len(k.Has)+len(k.Lacks) > 0 && k.Mode != "" {
			t.Errorf("check %s says two things about %s, of which only the mode is looked at", c.ID, k.File)
		}
		for _, test := range c.Tests {
			folder, name, _ := strings.Cut(test, " ")
			if _, err := os.Stat(filepath.Join(root, folder)); err != nil || !strings.HasPrefix(name, "Test") {
				t.Errorf("check %s names %q, want the folder of a package and one of its tests", c.ID, test)
			}
		}
	}
}

// TestASettingThatIsLoosenedIsNoticed takes each setting and each text out of its
// file, and looks whether its claim still holds.
func TestASettingThatIsLoosenedIsNoticed(t *testing.T) {
	loosened := 0
	for _, c := range claims(t) {
		file, removed := "", ""
		switch {
		case c.Setting != nil:
			file, removed = c.Setting.File, or(c.Setting.Value, c.Setting.Contains)
		case c.Text != nil && len(c.Text.Has) > 0:
			file, removed = c.Text.File, c.Text.Has[0]
		default:
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		folder := t.TempDir()
		if err := os.MkdirAll(filepath.Join(folder, filepath.Dir(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), []byte(strings.ReplaceAll(string(content), removed, "loose")), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.Verify(folder, now); err == nil {
			t.Errorf("check %s holds without %q in %s", c.ID, removed, file)
		}
		loosened++
	}
	if loosened < 40 {
		t.Errorf("only %d claims were tried", loosened)
	}
}
