package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const root = "../.."

// all are the documents of the repository.
func all(t *testing.T) []Document {
	t.Helper()
	documents, err := ReadAll(root)
	if err != nil {
		t.Fatal(err)
	}
	return documents
}

// plugin is the path of kubectl-blog, built of the repository.
var plugin string

func TestMain(m *testing.M) {
	code, err := runWithPlugin(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runWithPlugin(m *testing.M) (code int, err error) {
	folder, err := os.MkdirTemp("", "docs")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	plugin = filepath.Join(folder, "kubectl-blog")
	build := exec.Command("go", "build", "-o", plugin, "./cmd/kubectl-blog")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building kubectl-blog: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// programs are those that documents call.
func programs(t *testing.T) Programs {
	t.Helper()
	known, err := NewPrograms(root, plugin)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// report fails the test with the findings.
func report(t *testing.T, findings []string) {
	t.Helper()
	for _, finding := range findings {
		t.Error(finding)
	}
}

func TestAReaderWhoFollowsALinkArrives(t *testing.T) {
	report(t, CheckLinks(root, all(t)))
}

func TestAReaderFindsThePathsThatDocumentsName(t *testing.T) {
	findings, err := CheckPaths(root, all(t))
	if err != nil {
		t.Fatal(err)
	}
	report(t, findings)
}

func TestTheTestsThatDocumentsNameExist(t *testing.T) {
	functions, err := ReadFunctions(root)
	if err != nil {
		t.Fatal(err)
	}
	report(t, CheckNames(functions, all(t)))
}

func TestTheCommandsThatDocumentsShowExist(t *testing.T) {
	report(t, CheckCommands(programs(t), all(t)))
}
