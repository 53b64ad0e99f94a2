package vm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/build"
)

func TestEachStartOfAMachineRunsTheCheck(t *testing.T) {
	tree := t.TempDir()
	if err := install(tree); err != nil {
		t.Fatal(err)
	}
	wanted, err := os.ReadFile(filepath.Join(tree, "etc/systemd/system/multi-user.target.wants/vm-check.service"))
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(wanted), "ExecStart=")
	program, _, _ = strings.Cut(program, "\n")
	info, err := os.Stat(filepath.Join(tree, program))
	if err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("the unit's program %s can't run: %v, %v", program, info, err)
	}
	if target, err := os.Readlink(filepath.Join(tree, "etc/systemd/system/serial-getty@ttyS0.service")); err != nil || target != "/dev/null" {
		t.Errorf("a login prompt shares the serial port with the check: %q, %v", target, err)
	}
}

func TestTwoSuitesHaveTwoRoots(t *testing.T) {
	old, recent := Root("bookworm"), Root("trixie")
	if old.Name == recent.Name || old.Suite != "bookworm" || recent.Suite != "trixie" {
		t.Errorf("roots %q of %s and %q of %s", old.Name, old.Suite, recent.Name, recent.Suite)
	}
	for _, root := range []build.DebianRoot{old, recent} {
		if !slices.Contains(root.Packages, "mmdebstrap") || slices.Contains(root.Packages, "golang-go") {
			t.Errorf("packages of %s: %v; Go comes from /usr/local/go, and nothing can be installed later", root.Name, root.Packages)
		}
	}
}

func TestACarriedFolderKeepsItsModesAndLinks(t *testing.T) {
	from, tree := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "program"), []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("program", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	if err := carry(t.Context(), []Copy{{From: from, To: "/usr/local/go"}}, tree); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(tree, "usr/local/go/program"))
	if err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("program: %v, %v", info, err)
	}
	if target, err := os.Readlink(filepath.Join(tree, "usr/local/go/link")); err != nil || target != "program" {
		t.Errorf("link: %q, %v", target, err)
	}
}

func TestAFolderThatIsNotThereIsNamed(t *testing.T) {
	err := carry(t.Context(), []Copy{{From: "/nonexistent/cache", To: "/home/dev/.cache"}}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/cache") {
		t.Errorf("the error is %v", err)
	}
}
