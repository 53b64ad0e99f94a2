package host

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// observeGo finds the user's go in PATH, or else where it is usually unpacked.
func observeGo(ctx context.Context, m machine, home string) Go {
	var g Go
	if path, err := exec.LookPath("go"); err == nil {
		g.Path, g.OnPath = path, true
	} else {
		g.Path = m.searchGo(home)
	}
	if g.Path == "" {
		return g
	}
	// The toolchain that go.mod or GOTOOLCHAIN asks for is not fetched now.
	command := program(ctx, g.Path, "version")
	command.Env = append(command.Env, "GOTOOLCHAIN=local")
	if out, err := command.Output(); err == nil {
		if fields := strings.Fields(string(out)); len(fields) > 2 { // go version go1.26.8 linux/amd64
			g.Version = strings.TrimPrefix(fields[2], "go")
		}
	}
	out, err := program(ctx, g.Path, "env", "-json").Output()
	if err != nil {
		return g
	}
	var env map[string]string
	if json.Unmarshal(out, &env) != nil {
		return g
	}
	g.Toolchain, g.Proxy, g.SumDB, g.BuildCache, g.ModuleCache = env["GOTOOLCHAIN"], env["GOPROXY"], env["GOSUMDB"], env["GOCACHE"], env["GOMODCACHE"]
	return g
}

// FindGo is the path of the go command of the user with that home folder, or empty.
func FindGo(home string) string {
	if path, err := exec.LookPath("go"); err == nil {
		return path
	}
	return machine("").searchGo(home)
}

// searchGo answers the last of what go.dev's archive, golang.org/dl, snap and Debian's packages leave.
func (m machine) searchGo(home string) string {
	for _, pattern := range []string{m.path("usr/local/go/bin/go"), filepath.Join(home, "sdk/go*/bin/go"), filepath.Join(home, "go/bin/go"), m.path("snap/bin/go"), m.path("usr/lib/go-*/bin/go")} {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		if len(found) > 0 {
			return slices.Max(found)
		}
	}
	return ""
}
