package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithoutATerminalNobodyIsAsked(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := confirm(file, os.Stdout); err != nil {
		t.Errorf("a file: %v", err)
	}
	if err := confirm(strings.NewReader("n\n"), os.Stdout); err != nil {
		t.Errorf("a reader: %v", err)
	}
}
