package host

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// Observe reads everything that Judge wants to know. What can't be read stays empty. It takes up to 6 seconds if servers are asked and do not answer.
func Observe(ctx context.Context, w Wants) Facts {
	m := machine(w.Root)
	f := Identify(w.Root)
	f.Virtual, f.Cores, f.WantGo, f.State = m.virtual(), runtime.NumCPU(), strings.TrimSpace(w.GoVersion), w.State
	f.MemAvailable, f.MemTotal = m.memory()
	f.Cgroup, f.Systemd, f.Kernel = m.cgroup(), m.systemd(), m.kernel()
	f.SELinux = strings.TrimSpace(string(m.read("sys/fs/selinux/enforce"))) == "1"
	f.Ports, f.Clusters = w.Ports, m.clusters(w.States)
	f.User = observeUser(ctx, w.Served)
	f.Go = observeGo(ctx, m, f.User.Home)
	f.Packages = m.observePackages(ctx, w.Packages)
	f.Beside = beside(ctx)
	folders := append([]Folder{}, w.Folders...)
	for _, folder := range []Folder{{Name: "Go's build cache", Path: f.Go.BuildCache, Need: w.BuildCacheNeed}, {Name: "Go's modules", Path: f.Go.ModuleCache, Need: w.ModuleCacheNeed}} {
		if folder.Path != "" {
			folders = append(folders, folder)
		}
	}
	for i := range folders {
		folders[i].observe()
	}
	f.Folders, f.TempType = folders, fileSystem(os.TempDir())
	f.Downloads = askAll(w.Downloads, func(kind Kind) Download { return ask(ctx, kind, m.address(ctx, f, kind)) })
	return f
}

// Parallelism is BuildParallelism of this machine now.
func Parallelism() int {
	available, _ := machine("").memory()
	return Facts{Cores: runtime.NumCPU(), MemAvailable: available}.BuildParallelism()
}

// askAll asks the servers side by side.
func askAll(kinds []Kind, ask func(Kind) Download) []Download {
	downloads := make([]Download, len(kinds))
	var asking sync.WaitGroup
	for i, kind := range kinds {
		asking.Go(func() { downloads[i] = ask(kind) })
	}
	asking.Wait()
	return downloads
}

// besidePackages and besidePrograms are what else runs containers.
var (
	besidePackages = []string{"docker-ce", "docker.io", "containerd.io", "containerd", "podman", "microk8s"}
	besidePrograms = []string{"kind", "minikube", "k3s", "k3d"}
)

func beside(ctx context.Context) []string {
	status := packageStatus(ctx, besidePackages)
	var found []string
	for _, name := range besidePackages {
		if status[name] == installedStatus {
			found = append(found, name)
		}
	}
	for _, name := range besidePrograms {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, filepath.Base(path))
		}
	}
	return found
}
