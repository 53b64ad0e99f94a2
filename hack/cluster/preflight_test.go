package cluster

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/node"
)

// machine is a checkout and an empty cache, and ports that are free.
func machine(t *testing.T) (node.Settings, *build.Cache) {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, ".go-version"), []byte("1.26.8\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return node.Settings{Root: root, State: filepath.Join(root, ".cluster"), HTTPSPort: freePort(t), APIPort: freePort(t)}, &build.Cache{Dir: t.TempDir(), Root: root}
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
	w, release, err := wants(s, cache)
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
	w, release, err := wants(s, cache)
	defer release()
	if err != nil || w.Ports[0].Err == "" || w.Ports[1].Err != "" {
		t.Errorf("the ports are %+v, %v", w.Ports, err)
	}
}

func TestWhatIsBuiltAlreadyNeedsNoServer(t *testing.T) {
	s, cache := machine(t)
	cold, release, err := wants(s, cache)
	release()
	if err != nil || len(cold.Downloads) == 0 || cold.BuildCacheNeed == 0 {
		t.Errorf("an empty cache wants %v and %d bytes, %v", cold.Downloads, cold.BuildCacheNeed, err)
	}
	if err := os.Mkdir(filepath.Join(cache.Dir, "image-postgres-0"), 0o755); err != nil {
		t.Fatal(err)
	}
	warm, release, err := wants(s, cache)
	release()
	if err != nil || len(warm.Downloads) != 0 || warm.BuildCacheNeed != 0 {
		t.Errorf("a full cache wants %v and %d bytes, %v", warm.Downloads, warm.BuildCacheNeed, err)
	}
}

func TestTheGoVersionIsTheOneOfTheCheckout(t *testing.T) {
	s, cache := machine(t)
	w, release, err := wants(s, cache)
	release()
	if err != nil || w.GoVersion != "1.26.8" || w.State != s.State {
		t.Errorf("it wants Go %q and state %q, %v", w.GoVersion, w.State, err)
	}
	if err := os.Remove(filepath.Join(s.Root, ".go-version")); err != nil {
		t.Fatal(err)
	}
	if _, release, err = wants(s, cache); err == nil || !strings.Contains(err.Error(), ".go-version") {
		t.Errorf("without the file the error is %v", err)
	}
	release()
}
