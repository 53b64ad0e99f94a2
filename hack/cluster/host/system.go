package host

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// machine is the folder below which system files are read; empty is "/".
type machine string

func (m machine) path(elements ...string) string {
	return filepath.Join(append([]string{cmp.Or(string(m), "/")}, elements...)...)
}

// read answers a file's content, or nothing where it can't be read.
func (m machine) read(path string) []byte {
	content, _ := os.ReadFile(m.path(path)) // what can't be read is unknown
	return content
}

func (m machine) exists(path string) bool {
	_, err := os.Stat(m.path(path))
	return err == nil
}

// glob answers paths below the root that match a well-formed pattern, relative to it.
func (m machine) glob(pattern string) []string {
	found, _ := filepath.Glob(m.path(pattern)) // it is well-formed
	for i, path := range found {
		found[i] = strings.TrimPrefix(path, m.path())
	}
	return found
}

// memory reads MemAvailable and MemTotal, in bytes.
func (m machine) memory() (available, total uint64) {
	for lines := bufio.NewScanner(bytes.NewReader(m.read("proc/meminfo"))); lines.Scan(); {
		var name string
		var kib uint64
		if _, err := fmt.Sscan(lines.Text(), &name, &kib); err != nil {
			continue
		}
		switch name {
		case "MemAvailable:":
			available = kib << 10
		case "MemTotal:":
			total = kib << 10
		}
	}
	return available, total
}

func (m machine) cgroup() Cgroup {
	if m.exists("sys/fs/cgroup/cgroup.controllers") {
		return Cgroup{Version: "v2", Controllers: strings.Fields(string(m.read("sys/fs/cgroup/cgroup.controllers")))}
	}
	var found Cgroup
	for lines := bufio.NewScanner(bytes.NewReader(m.read("proc/cgroups"))); lines.Scan(); {
		fields := strings.Fields(lines.Text()) // name, hierarchy, number of groups, enabled
		if len(fields) == 4 && fields[3] == "1" {
			found.Controllers = append(found.Controllers, strings.Replace(fields[0], "blkio", "io", 1))
		}
	}
	switch {
	case m.exists("sys/fs/cgroup/unified/cgroup.controllers"):
		found.Version = "hybrid"
	case m.exists("sys/fs/cgroup/cpu"):
		found.Version = "v1"
	}
	return found
}

// systemd is true where systemd is PID 1, see sd_booted(3).
func (m machine) systemd() bool { return m.exists("run/systemd/system") }

// virtual tells a container or WSL, with the marks that systemd-detect-virt(1) looks for.
func (m machine) virtual() string {
	switch container := strings.TrimSpace(string(m.read("run/systemd/container"))); {
	case strings.Contains(strings.ToLower(string(m.read("proc/version"))), "microsoft"):
		return "WSL2"
	case container != "":
		return container
	case m.exists(".dockerenv"):
		return "docker"
	case m.exists("run/.containerenv"):
		return "podman"
	}
	return ""
}

// neededModules are the modules behind what the node does, by feature: pods'
// network and file systems, kube-proxy's and istio-cni's rules.
var neededModules = []struct {
	feature string
	modules []string
}{
	{"overlay", []string{"overlay"}},
	{"netfilter", []string{"nf_tables", "nft_compat", "nf_conntrack", "nf_nat", "xt_comment", "xt_conntrack", "xt_mark", "xt_nat", "xt_statistic", "xt_owner"}},
	{"ipset", []string{"ip_set", "xt_set"}},
	{"veth", []string{"veth"}},
}

// kernel compares neededModules with what is built in and what modprobe can load.
func (m machine) kernel() Kernel {
	k := Kernel{Release: strings.TrimSpace(string(m.read("proc/sys/kernel/osrelease")))}
	dir := filepath.Join("lib/modules", k.Release)
	if k.Release == "" || !m.exists(filepath.Join(dir, "modules.dep")) {
		others, _ := filepath.Glob(m.path("lib/modules/*/modules.dep")) // the pattern is well-formed
		k.Replaced = k.Release != "" && len(others) > 0
		return k
	}
	k.Known = true
	have := map[string]bool{}
	for _, file := range []string{"modules.builtin", "modules.dep"} {
		for lines := bufio.NewScanner(bytes.NewReader(m.read(filepath.Join(dir, file)))); lines.Scan(); {
			path, _, _ := strings.Cut(lines.Text(), ":")
			name, _, _ := strings.Cut(filepath.Base(path), ".ko") // .ko, .ko.xz, .ko.zst
			have[strings.ReplaceAll(name, "-", "_")] = true
		}
	}
	for _, file := range strings.Fields(string(m.read("proc/filesystems"))) {
		have[file] = true
	}
	for _, needed := range neededModules {
		missing := slices.DeleteFunc(slices.Clone(needed.modules), func(name string) bool { return have[name] })
		if len(missing) > 0 {
			k.Missing = append(k.Missing, fmt.Sprintf("%s (%s)", needed.feature, strings.Join(missing, " ")))
		}
	}
	return k
}

// clusters are the state folders whose init runs, by the PID and start time in init.pid.
func (m machine) clusters(states []string) []Cluster {
	var running []Cluster
	for _, state := range states {
		content, _ := os.ReadFile(filepath.Join(state, "init.pid")) // without the file none runs
		fields := strings.Fields(string(content))
		if len(fields) != 2 {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		if err == nil && m.startTime(pid) == fields[1] {
			running = append(running, Cluster{State: state, PID: pid})
		}
	}
	return running
}

// startTime is field 22 of /proc/<pid>/stat, see proc(5); empty if the process has ended.
func (m machine) startTime(pid int) string {
	stat := string(m.read(fmt.Sprintf("proc/%d/stat", pid)))
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:]) // a name may hold anything, parentheses too
	const state = 3                                                 // the first field after the name
	if len(fields) <= 22-state || fields[0] == "Z" {
		return ""
	}
	return fields[22-state]
}
