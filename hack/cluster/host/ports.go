package host

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Bind listens on 127.0.0.1 at once, so that nobody takes a port during the build.
// The listeners stand in the order of the ports; one that failed is nil and its port says why.
// An empty root is "/": who holds a port is read from /proc below it.
func Bind(root string, ports []Port) ([]net.Listener, []Port) {
	ports = slices.Clone(ports)
	listeners := make([]net.Listener, len(ports))
	for i := range ports {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[i].Number)))
		switch {
		case err == nil:
			listeners[i] = listener
		case errors.Is(err, syscall.EADDRINUSE):
			ports[i].Err, ports[i].Holder = "in use", machine(root).holder(ports[i].Number)
		default:
			ports[i].Err = err.Error()
		}
	}
	return listeners, ports
}

// holder names the process that listens on a port, if it may be seen: of
// other users' processes only root may read the file descriptors.
func (m machine) holder(port int) string {
	var inodes []string
	for _, table := range []string{"proc/net/tcp", "proc/net/tcp6"} {
		for lines := bufio.NewScanner(bytes.NewReader(m.read(table))); lines.Scan(); {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
			fields := strings.Fields(lines.Text())
			const listening = "0A"
			if len(fields) > 9 && fields[3] == listening && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				inodes = append(inodes, "socket:["+fields[9]+"]")
			}
		}
	}
	descriptors, _ := filepath.Glob(m.path("proc/[0-9]*/fd/*")) // the pattern is well-formed
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err != nil || !slices.Contains(inodes, target) {
			continue
		}
		process := filepath.Dir(filepath.Dir(descriptor))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err == nil {
			return fmt.Sprintf("%s (process %s)", bytes.TrimSpace(name), filepath.Base(process))
		}
	}
	return ""
}
