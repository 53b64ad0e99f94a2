package host

import (
	"context"
	"errors"
	"io"
	"net"
)

// Identify reads which system this is, in no time. Of the facts it fills GOOS, GOARCH and Distribution. An empty root is "/".
func Identify(root string) Facts { return Facts{} }

// Unsupported refuses what can't work in one sentence. It needs what Identify answers.
func Unsupported(f Facts) error { return nil }

// Observe reads everything that Judge wants to know. What can't be read stays empty. It takes 3 seconds at most if servers are asked.
func Observe(ctx context.Context, w Wants) Facts { return Facts{} }

// Judge decides about the facts, in the order in which they are shown.
func Judge(f Facts) []Check { return nil }

// Bind listens on 127.0.0.1 at once, so that nobody takes a port during the build.
// The listeners stand in the order of the ports; one that failed is nil and its port says why.
// An empty root is "/": who holds a port is read from /proc below it.
func Bind(root string, ports []Port) ([]net.Listener, []Port) { return nil, nil }

// ErrStopped is the user's no.
var ErrStopped = errors.New("stopped; nothing was changed")

// Confirm asks on a terminal and goes on without one. No, the end of input and a canceled ctx are ErrStopped.
func Confirm(ctx context.Context, in io.Reader, out io.Writer) error { return nil }

// Install installs the Debian packages that are missing, as root. It answers
// which packages are new, those they depend on too, and appends them to the file record.
// log is told what happens, a line at a time.
func Install(ctx context.Context, names []string, record string, log func(line string)) ([]string, error) { return nil, nil }

// InstalledPackages reads the file that Install appends to; without one there are none.
func InstalledPackages(record string) ([]string, error) { return nil, nil }
