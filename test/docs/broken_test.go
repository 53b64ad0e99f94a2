package docs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// written lays files down in a folder, and reads the documents among them.
func written(t *testing.T, files map[string]string) (folder string, documents []Document) {
	t.Helper()
	folder = t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	documents, err := ReadAll(folder)
	if err != nil {
		t.Fatal(err)
	}
	return folder, documents
}

// says fails the test unless there is one finding, and it says all of this; none
// is expected for no words.
func says(t *testing.T, findings []string, words ...string) {
	t.Helper()
	if len(words) == 0 && len(findings) > 0 {
		t.Errorf("a correct document is refused: %q", findings)
	}
	if len(words) > 0 && len(findings) != 1 {
		t.Fatalf("want one finding that says %q, got %q", words, findings)
	}
	for _, word := range words {
		if !strings.Contains(findings[0], word) {
			t.Errorf("the finding %q does not say %q", findings[0], word)
		}
	}
}

func TestABrokenLinkIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a file that is there":               {"[x](other.md)", nil},
		"a heading that is there":            {"[x](other.md#two-words-its-third)", nil},
		"the second of two headings":         {"[x](other.md#again-1)", nil},
		"a heading of the document itself":   {"# Here\n[x](#here)", nil},
		"a name that is written as HTML":     {"<a id=\"old\"></a>\n\n[x](#old)", nil},
		"a page elsewhere":                   {"[x](https://example.com/no#where)", nil},
		"a file that is not there":           {"[x](gone.md)", []string{"docs/a.md", "gone.md", "no such file"}},
		"a picture that is not there":        {"![x](gone.png)", []string{"gone.png"}},
		"a heading that is not there":        {"[x](other.md#three)", []string{"other.md#three", "docs/other.md has no such heading"}},
		"a heading that was renamed in here": {"# Here\n[x](#there)", []string{"#there"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder, documents := written(t, map[string]string{"docs/a.md": test.text, "docs/other.md": "# Two words, `its` third\n\n## Again\n\n## Again\n"})
			says(t, CheckLinks(folder, documents), test.want...)
		})
	}
}

func TestAPathThatIsGoneIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a file":                      {"`internal/plan/plan.go`", nil},
		"any of some files":           {"`internal/*/plan.go`", nil},
		"what stands for a name":      {"`internal/<name>/plan.go` `internal/…`", nil},
		"a path of something else":    {"`spec/release`", nil},
		"what is built":               {"`bin/manager`", nil},
		"a file that was renamed":     {"`internal/plan/old.go`", []string{"docs/a.md", "internal/plan/old.go"}},
		"files that are gone":         {"`internal/*/old.go`", []string{"internal/*/old.go"}},
		"a folder that is gone":       {"`internal/old`", []string{"internal/old"}},
		"a path in a block is no use": {"```sh\nls internal/old\n```", nil},
	} {
		t.Run(name, func(t *testing.T) {
			folder, documents := written(t, map[string]string{"docs/a.md": test.text, "internal/plan/plan.go": "package plan\n", "bin/x": ""})
			findings, err := CheckPaths(folder, documents)
			if err != nil {
				t.Fatal(err)
			}
			says(t, findings, test.want...)
		})
	}
}

func TestATestThatIsGoneIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"tests of a package":           {"`internal/plan` TestOne, TestTwo", nil},
		"a part of a test":             {"`test/e2e` anImageThatDoesNotExist", nil},
		"words after a package":        {"`internal/plan` says what to apply", nil},
		"a function of somebody else":  {"`rollout/istio.go` shouldDelayUpdate", nil},
		"a test that was renamed":      {"TestThree holds it", []string{"docs/a.md", "TestThree"}},
		"a test of another package":    {"`internal/plan` TestOne, anImageThatDoesNotExist", []string{"internal/plan", "anImageThatDoesNotExist"}},
		"a part of a test that is old": {"`test/e2e` anImageThatNobodyHas", []string{"anImageThatNobodyHas"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder, documents := written(t, map[string]string{
				"docs/a.md":                  test.text,
				"internal/plan/plan_test.go": "package plan\nfunc TestOne() {}\nfunc TestTwo() {}\n",
				"test/e2e/faults_test.go":    "//go:build e2e\n\npackage e2e\nfunc anImageThatDoesNotExist() {}\n",
			})
			functions, err := ReadFunctions(folder)
			if err != nil {
				t.Fatal(err)
			}
			says(t, CheckNames(functions, documents), test.want...)
		})
	}
}

func TestACommandThatDoesNotExistIsFound(t *testing.T) {
	known := programs(t)
	for text, want := range map[string][]string{
		"`make up TO=CoreDNS`":                                        nil,
		"`sudo make e2e`":                                             nil,
		"`kubectl blog status [-w] [-o json]`":                        nil,
		"`kubectl get pods -n g11-prod -o yaml`":                      nil,
		"`helm upgrade`":                                              nil,
		"`tofu -chdir=terraform/environments/example plan -out plan`": nil,
		"`go test ./internal/plan -run TestX`":                        nil,
		"`go run ./test/bench/operator --rounds 1`":                   nil,
		"`bin/cluster up --to CoreDNS`":                               nil,
		"`make`":                                                      nil,
		"```\n$ kubectl blog status\n✔ kubectl nonsense\n```":         nil,
		"```yaml\nkubectl nonsense\n```":                              nil,
		"```sh\nA=1 kubectl get pods \\\n  -A | sort\n```":            nil,
		"`make upp`":                                 {"docs/a.md", "make upp", "no target upp"},
		"`make up TOO=CoreDNS`":                      {"TOO"},
		"`kubectl blog statu`":                       {"unknown command"},
		"`kubectl blog status --wach`":               {"--wach"},
		"`kubectl blog rollback --to`":               {"needs an argument"},
		"`kubectl gett pods`":                        {"gett"},
		"`kubectl get pods --al`":                    {"--al"},
		"`kubectl rollout restar deployment/x`":      {"restar"},
		"`helm inst x`":                              {"inst"},
		"`helm install x --take-owner`":              {"--take-owner"},
		"`tofu aply`":                                {"aply"},
		"`tofu plan -ot plan`":                       {"-ot"},
		"`go run ./test/bench/nothing`":              {"no package"},
		"`go run ./internal/plan`":                   {"no program"},
		"`go run ./test/bench/operator --round 1`":   {"--round"},
		"`go test ./internal/nothing`":               {"./internal/nothing"},
		"`bin/cluster upp`":                          {"upp"},
		"```sh\nsudo env A=1 kubectl gett pods\n```": {"gett"},
		"```sh\nx=$(kubectl gett pods)\n```":         {"gett"},
		"```\n$ kubectl gett pods\n```":              {"gett"},
		"```\n$ kubectl get pods \\\n  --al\n```":    {"--al"},
		"```sh\nkubectl get \"pods\n```":             {"no shell can read"},
	} {
		t.Run(text, func(t *testing.T) {
			document := Parse("docs/a.md", []byte(text))
			says(t, CheckCommands(known, []Document{document}), want...)
		})
	}
}

func TestHiddenFoldersAndWhatIsBuiltAreNoDocuments(t *testing.T) {
	_, documents := written(t, map[string]string{"a.md": "", "docs/b.md": "", ".cluster/c.md": "", "bin/d.md": "", "docs/e.txt": ""})
	var paths []string
	for _, document := range documents {
		paths = append(paths, document.Path)
	}
	if want := []string{"a.md", "docs/b.md"}; !slices.Equal(paths, want) {
		t.Errorf("read %q, want %q", paths, want)
	}
}
