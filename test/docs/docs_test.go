package docs

import (
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

// programs are those of the repository, with the plugin built of it.
func programs(t *testing.T) Programs {
	t.Helper()
	plugin := filepath.Join(t.TempDir(), "kubectl-blog")
	build := exec.Command("go", "build", "-o", plugin, "./cmd/kubectl-blog")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building kubectl-blog: %v\n%s", err, out)
	}
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
