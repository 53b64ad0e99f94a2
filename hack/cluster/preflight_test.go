package cluster

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/cluster/node"
)

// machine is a folder with a Go version, an empty cache of this checkout, and ports that are free.
func machine(t *testing.T) (node.Settings, *build.Cache) {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, ".go-version"), []byte("1.26.8\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	checkout, err := build.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	return node.Settings{Root: root, State: filepath.Join(root, ".cluster"), HTTPSPort: freePort(t), APIPort: freePort(t)}, &build.Cache{Dir: t.TempDir(), Root: checkout}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestNobodyTakesThePortsBetweenTheCheckAndTheNode(t *testing.T) {
	s, cache := machine(t)
	w, release, err := wants(t.Context(), s, cache, "CoreDNS")
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range w.Ports {
		if port.Err != "" {
			t.Fatalf("port %d can't be had: %s", port.Number, port.Err)
		}
		if listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port.Number)); err == nil {
			listener.Close()
			t.Errorf("port %d is free for anybody", port.Number)
		}
	}
	release()
	release() // the end of up calls it once more
	for _, port := range w.Ports {
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port.Number))
		if err != nil {
			t.Fatalf("the node does not get its port: %v", err)
		}
		listener.Close()
	}
}

func TestAnOccupiedPortIsFound(t *testing.T) {
	s, cache := machine(t)
	occupied, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(s.HTTPSPort))
	if err != nil {
		t.Fatal(err)
	}
	defer occupied.Close()
	w, release, err := wants(t.Context(), s, cache, "CoreDNS")
	defer release()
	if err != nil || w.Ports[0].Err == "" || w.Ports[1].Err != "" {
		t.Errorf("the ports are %+v, %v", w.Ports, err)
	}
}

func TestAMachineIsAskedForWhatIsStillToBeMade(t *testing.T) {
	here := func(build.Go) bool { return true }
	for name, test := range map[string]struct {
		missing   []build.Artifact
		fetched   func(build.Go) bool
		packages  []string
		downloads []host.Kind
	}{
		"nothing":                                  {nil, here, nil, nil},
		"programs whose modules are here":          {[]build.Artifact{build.Go{}, build.Go{}}, here, nil, nil},
		"programs":                                 {[]build.Artifact{build.Go{}, build.Go{}}, func(build.Go) bool { return false }, nil, []host.Kind{host.GoModules, host.GoChecksums}},
		"a module that is read":                    {[]build.Artifact{build.Module{}}, here, nil, []host.Kind{host.GoModules, host.GoChecksums}},
		"file systems of Debian packages":          {[]build.Artifact{build.DebianRoot{}, build.DebianRoot{}}, here, []string{"mmdebstrap", "debian-archive-keyring"}, []host.Kind{host.DebianArchive}},
		"a program of Python's index of packages ": {[]build.Artifact{build.Wheel{}}, here, []string{"python3-pip"}, []host.Kind{host.PythonIndex}},
	} {
		t.Run(name, func(t *testing.T) {
			w := demand(test.missing, test.fetched)
			if !slices.Equal(w.Packages, test.packages) || !slices.Equal(w.Downloads, test.downloads) {
				t.Errorf("packages %q, servers %q", w.Packages, w.Downloads)
			}
		})
	}
}

func TestASecondStartNeedsLittleSpace(t *testing.T) {
	everything := slices.Repeat([]build.Artifact{build.Go{}}, 16)
	cold := demand(everything, func(build.Go) bool { return false })
	warm := demand(nil, nil)
	if cold.BuildCacheNeed != 12*host.GB || cold.ModuleCacheNeed != 8*host.GB || warm.BuildCacheNeed+warm.ModuleCacheNeed != 0 || warm.ArtifactNeed > host.GB {
		t.Errorf("cold %+v, warm %+v", cold, warm)
	}
}

func TestTheGoVersionIsTheOneOfTheCheckout(t *testing.T) {
	s, cache := machine(t)
	w, release, err := wants(t.Context(), s, cache, "CoreDNS")
	release()
	if err != nil || w.GoVersion != "1.26.8" || w.State != s.State {
		t.Errorf("it wants Go %q and state %q, %v", w.GoVersion, w.State, err)
	}
	if err := os.Remove(filepath.Join(s.Root, ".go-version")); err != nil {
		t.Fatal(err)
	}
	if _, release, err = wants(t.Context(), s, cache, "CoreDNS"); err == nil || !strings.Contains(err.Error(), ".go-version") {
		t.Errorf("without the file the error is %v", err)
	}
	release()
}
