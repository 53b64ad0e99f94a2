package node

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/cluster/host"
)

func machine(version string, systemd bool) host.Facts {
	return host.Facts{Cgroup: host.Cgroup{Version: version}, Systemd: systemd}
}

func TestTwoClustersHaveControlGroupsOfTheirOwn(t *testing.T) {
	one, two := Settings{State: "/home/me/my blog/.cluster"}, Settings{State: "/tmp/e2e/cluster"}
	if one.cgroupName() == two.cgroupName() || one.scope() == two.scope() {
		t.Errorf("both are %s and %s", one.cgroupName(), one.scope())
	}
	if strings.ContainsAny(one.id(), "/ ") {
		t.Errorf("%q can't be the name of a systemd unit", one.id())
	}
}

func TestTheNodesControlGroupsByMachine(t *testing.T) {
	s := Settings{State: "/home/me/blog/.cluster"}
	v1 := t.TempDir()
	for _, hierarchy := range []string{"cpu", "memory"} {
		if err := os.Mkdir(filepath.Join(v1, hierarchy), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// As in version 1: a second name of the hierarchy cpu.
	if err := os.Symlink("cpu", filepath.Join(v1, "cpuacct")); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		facts host.Facts
		fs    string
		want  []string
	}{
		"version 2 with systemd":     {machine("v2", true), "/c", []string{"/c/blogplatform.slice/" + s.id() + ".scope"}},
		"version 2 in a container":   {machine("v2", false), "/c", []string{"/c/" + s.id()}},
		"version 1 has one each":     {machine("v1", true), v1, []string{v1 + "/cpu/" + s.id(), v1 + "/memory/" + s.id()}},
		"and so have both versions ": {machine("hybrid", false), v1, []string{v1 + "/cpu/" + s.id(), v1 + "/memory/" + s.id()}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := s.hostGroups(test.facts, test.fs); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestAGroupOfVersion1TakesProcessorsAndMemoryFromItsParent(t *testing.T) {
	cpuset, cpu := t.TempDir(), t.TempDir()
	write(t, filepath.Join(cpuset, "cpuset.cpus"), "0-1\n")
	write(t, filepath.Join(cpuset, "cpuset.mems"), "0\n")
	if err := makeGroups([]string{filepath.Join(cpuset, "pods"), filepath.Join(cpu, "pods")}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(cpuset, "pods/cpuset.cpus")); got != "0-1" {
		t.Errorf("it has the processors %q", got)
	}
	if files, err := os.ReadDir(filepath.Join(cpu, "pods")); err != nil || len(files) != 0 {
		t.Errorf("in another hierarchy there are %v, %v", files, err)
	}
}

// systemd delegates no hugetlb, and rdma and misc are of no use to pods.
func TestPodsGetTheControllersThatThereAre(t *testing.T) {
	group := t.TempDir()
	write(t, filepath.Join(group, "cgroup.controllers"), "cpuset cpu io memory pids rdma misc\n")
	if err := enableControllers(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(group, "cgroup.subtree_control")); got != "+cpu +cpuset +io +memory +pids" {
		t.Errorf("enabled are %s", got)
	}
}

func TestAFolderThatIsNoControlGroupIsNamed(t *testing.T) {
	if err := enableControllers(t.Context(), "/nonexistent/group"); err == nil || !strings.Contains(err.Error(), "/nonexistent/group") {
		t.Errorf("the error is %v", err)
	}
}

// The process that started the node is seen from within as process 0, and 0 would be the mover itself.
func TestAProcessOfAnotherPIDNamespaceIsNotMoved(t *testing.T) {
	from := t.TempDir()
	write(t, filepath.Join(from, "cgroup.procs"), "7\n0\n")
	to := filepath.Join(from, "init")
	if err := moveProcesses(from, to); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(to, "cgroup.procs")); got != "7" {
		t.Errorf("moved is %q", got)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestControlGroupsAreRemovedDeepestFirst(t *testing.T) {
	top := filepath.Join(t.TempDir(), "pods")
	if err := os.MkdirAll(filepath.Join(top, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if !removeTree(top) {
		t.Error("something is left")
	}
	if !removeTree(top) {
		t.Error("one that is gone is not taken for removed")
	}
}

func TestAGroupInUseIsLeftForTheNextAttempt(t *testing.T) {
	top := filepath.Join(t.TempDir(), "pods")
	if err := os.MkdirAll(filepath.Join(top, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	inUse := filepath.Join(top, "a", "process")
	if err := os.WriteFile(inUse, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if removeTree(top) {
		t.Error("it is called removed")
	}
	if err := os.Remove(inUse); err != nil {
		t.Fatal(err)
	}
	if !removeTree(top) {
		t.Error("the second attempt left something")
	}
}
