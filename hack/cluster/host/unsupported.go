package host

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

const elsewhere = "`make dev` runs the blog without a cluster, `make test` its tests"

// Identify reads which system this is, in no time. Of the facts it fills GOOS, GOARCH and Distribution. An empty root is "/".
func Identify(root string) Facts {
	return Facts{GOOS: runtime.GOOS, GOARCH: runtime.GOARCH, Distribution: machine(root).distribution()}
}

// ControlGroups reads the facts Cgroup and Systemd of this machine, in no time.
func ControlGroups() Facts {
	m := machine("")
	return Facts{Cgroup: m.cgroup(), Systemd: m.systemd()}
}

// Unsupported refuses what can't work in one sentence. It needs what Identify answers.
func Unsupported(f Facts) error {
	name := cmp.Or(f.Distribution.Pretty, "an unknown Linux distribution")
	switch {
	case f.GOOS != "linux":
		return fmt.Errorf("the local cluster needs Linux; this is %s. %s", f.GOOS, elsewhere)
	case f.GOARCH != "amd64":
		return fmt.Errorf("the local cluster needs a processor of type amd64; this is %s. %s", f.GOARCH, elsewhere)
	case !f.Distribution.Apt:
		return fmt.Errorf("the local cluster needs Debian 12, 13 or Ubuntu 24.04; this is %s. %s", name, elsewhere)
	}
	return nil
}

// distribution reads os-release where os-release(5) says that it lies.
func (m machine) distribution() Distribution {
	fields := osRelease(m.read("etc/os-release"))
	if len(fields) == 0 {
		fields = osRelease(m.read("usr/lib/os-release"))
	}
	return Distribution{
		ID: fields["ID"], Version: fields["VERSION_ID"], Pretty: cmp.Or(fields["PRETTY_NAME"], fields["NAME"], fields["ID"]),
		Apt: m.exists("usr/bin/apt-get") && m.exists("usr/bin/dpkg-query"),
	}
}

// osRelease reads assignments of a shell without its expansions. Lines that are none are passed over.
func osRelease(content []byte) map[string]string {
	fields := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(content)); lines.Scan(); {
		name, value, found := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		fields[name] = strings.NewReplacer(`\"`, `"`, `\$`, `$`, `\\`, `\`, "\\`", "`").Replace(value)
	}
	return fields
}

// supported are the distributions that `make up` is made for. Ubuntu was not run.
var supported = []string{"debian 12", "debian 13", "ubuntu 24.04"}

func judgeSystem(f Facts) []Check {
	d := f.Distribution
	check := Check{Name: "distribution", Found: cmp.Or(d.Pretty, "unknown") + ", " + f.GOARCH}
	if err := Unsupported(f); err != nil {
		check.Verdict, check.Fix = Block, err.Error()
		return []Check{check}
	}
	switch {
	case !slices.Contains(supported, d.ID+" "+d.Version):
		check.Verdict, check.Fix = Warn, "not tried; made for Debian 12, 13 and Ubuntu 24.04"
	case d.ID == "ubuntu":
		check.Verdict, check.Fix = Warn, "made for it, but not tried there yet"
	}
	checks := []Check{check}
	if f.Virtual != "" {
		checks = append(checks, Check{Name: "virtualization", Found: f.Virtual, Verdict: Warn, Fix: "not tried; the node needs the rights to mount and to make namespaces and control groups"})
	}
	if f.SELinux {
		checks = append(checks, Check{Name: "SELinux", Found: "enforcing", Verdict: Warn, Fix: "not tried; if the node does not start: sudo setenforce 0"})
	}
	return checks
}

func judgeUser(f Facts) []Check {
	u := f.User
	check := Check{Name: "user", Found: u.Name}
	switch u.Sudo {
	case SudoNotNeeded:
		check.Found += ", with the rights of root"
	case SudoFree, SudoAsks:
		check.Found += fmt.Sprintf(", sudo %s", u.Sudo)
	default:
		check.Found += fmt.Sprintf(", sudo: %s", u.Sudo)
		check.Verdict, check.Fix = Block, "the node needs root: call `make up` as root, or let root put you into the group sudo (usermod -aG sudo "+u.Name+") and log in again"
	}
	if !u.HomeWritable {
		return []Check{check, {Name: "home folder", Found: cmp.Or(u.Home, "none") + " can't be written to", Verdict: Block, Fix: "builds need it for Go's caches: set HOME to a folder that belongs to " + u.Name}}
	}
	return []Check{check}
}

// ErrStopped is the user's no.
var ErrStopped = errors.New("stopped; nothing was changed")
