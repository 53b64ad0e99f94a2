package postgres

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// TestAServerWhoseProcessWasKilledLeavesNothing: a Ctrl-C right after the start
// can reach that process before it has a process group of its own.
func TestAServerWhoseProcessWasKilledLeavesNothing(t *testing.T) {
	server, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	server.Crash(t) // else PostgreSQL itself would go on
	if err := server.keeper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err == nil {
		t.Error("nobody is told that the process was killed")
	}
	if _, err := os.Stat(server.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its folder is left: %v", err)
	}
}
