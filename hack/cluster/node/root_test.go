package node

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// lookAround asks this test program, started in namespaces of its own, to enter a root and to print what it sees there.
const lookAround = "NODE_TEST_LOOK_AROUND"

// view is what a process inside the node's root sees.
type view struct {
	Error  string
	Top    []string
	Mounts []string
	State  string
	// CacheWritten and KernelSetting are results of writing: whether the cache took it, and what vm/overcommit_memory became.
	CacheWritten  bool
	KernelSetting string
}

func TestMain(m *testing.M) {
	if state := os.Getenv(lookAround); state != "" {
		_ = json.NewEncoder(os.Stdout).Encode(look(state))
		return
	}
	os.Exit(m.Run())
}

func look(state string) (v view) {
	s := Settings{State: state, Cache: filepath.Join(state, "..", "cache")}
	if err := s.enterRoot(machine("v1", false)); err != nil {
		v.Error = err.Error()
		return v
	}
	entries, _ := os.ReadDir("/")
	for _, entry := range entries {
		v.Top = append(v.Top, entry.Name())
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		v.Mounts = append(v.Mounts, strings.Fields(line)[4])
	}
	content, _ := os.ReadFile(s.Path("file"))
	v.State = string(content)
	v.CacheWritten = os.WriteFile(filepath.Join(s.Cache, "new"), nil, 0o644) == nil
	_ = os.WriteFile("/proc/sys/vm/overcommit_memory", []byte("7"), 0o644) // of the host it would be refused: 0, 1 and 2 are values
	content, _ = os.ReadFile("/proc/sys/vm/overcommit_memory")
	v.KernelSetting = string(content)
	return v
}

func TestTheNodeSeesItsOwnRootAndOfTheHostOnlyStateAndCache(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("namespaces and mounts need root")
	}
	home := t.TempDir()
	state, cache := filepath.Join(home, "state"), filepath.Join(home, "cache")
	for _, dir := range []string{filepath.Join(state, "root", "only-here"), cache} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(state, "file"), "of the user")
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	v := lookFrom(t, state)
	if !slices.Contains(v.Top, "only-here") || slices.Contains(v.Top, "home") {
		t.Errorf("at the top are %v", v.Top)
	}
	for _, path := range v.Mounts {
		known := slices.ContainsFunc([]string{"/proc", "/sys", "/dev", "/run", "/tmp"}, func(dir string) bool {
			return path == dir || strings.HasPrefix(path, dir+"/") // state and cache of this test lie below /tmp
		})
		if path != "/" && !known {
			t.Errorf("%s is mounted", path)
		}
	}
	if v.State != "of the user" || v.CacheWritten {
		t.Errorf("the state folder holds %q; the cache can be written to: %v", v.State, v.CacheWritten)
	}
	if v.KernelSetting != "7" {
		t.Errorf("the kubelet's overcommit_memory reached the kernel, which says %q", v.KernelSetting)
	}
	if left, err := os.ReadDir(filepath.Join(state, "root", "run")); err != nil || len(left) != 0 {
		t.Errorf("a mount is visible on the host: %v, %v", left, err)
	}
}

func lookFrom(t *testing.T, state string) (v view) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = []string{lookAround + "=" + state}
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS}
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &v); err != nil || v.Error != "" {
		t.Fatalf("%v, %s", err, v.Error)
	}
	return v
}

func TestAStateFolderBelowTmpIsMountedAfterTmp(t *testing.T) {
	s := Settings{State: "/tmp/e2e/cluster", Cache: "/tmp/cache"}
	var targets []string
	for _, m := range s.rootMounts(machine("v2", true)) {
		targets = append(targets, strings.TrimPrefix(m.target, "/tmp/e2e/cluster/root"))
	}
	if slices.Index(targets, "/tmp") > slices.Index(targets, "/tmp/cache") || slices.Index(targets, "/tmp/cache") > slices.Index(targets, "/tmp/e2e/cluster") {
		t.Errorf("mounted are %v, in this order", targets)
	}
}

func TestControlGroupsOfVersion2AreThoseOfTheNamespace(t *testing.T) {
	for version, kind := range map[string]string{"v1": "", "hybrid": "", "v2": "cgroup2"} {
		for _, m := range (Settings{State: "/state", Cache: "/cache"}).rootMounts(machine(version, true)) {
			if m.target == filepath.Join("/state/root", cgroupFS) && m.kind != kind {
				t.Errorf("with %s a mount of kind %q", version, m.kind)
			}
		}
	}
}

func TestARootThatIsUnpackedAlreadyIsNotUnpackedOver(t *testing.T) {
	s := Settings{State: t.TempDir()}
	if err := os.Mkdir(s.rootDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.unpackRoot(t.Context()); err == nil || !strings.Contains(err.Error(), s.rootDir()) {
		t.Errorf("the error is %v", err)
	}
}
