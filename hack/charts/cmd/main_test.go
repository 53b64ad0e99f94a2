package main

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

func TestChartsAreMadeOfTheImagesThatWereBuilt(t *testing.T) {
	dir := t.TempDir()
	references := filepath.Join(dir, "references")
	text := "ghcr.io/owner/blog/user@sha256:" + strings.Repeat("2", 64) + "\nghcr.io/owner/blog/operator@sha256:" + strings.Repeat("1", 64) + "\n"
	if err := os.WriteFile(references, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run([]string{"package", "--version", "v1.2.3", "--references", references, "--output", dir}, &out); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(dir, "blogplatform-operator-1.2.3.tgz") + "\n" + filepath.Join(dir, "blogplatform-1.2.3.tgz") + "\n"
	if out.String() != want {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
}

// TestWhatWasMadeIsPushed, and its references by digest are printed.
func TestWhatWasMadeIsPushed(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	t.Setenv("HOME", dir) // whoever runs the test may have logged in somewhere
	references := filepath.Join(dir, "references")
	if err := os.WriteFile(references, []byte("ghcr.io/owner/blog/operator@sha256:"+strings.Repeat("1", 64)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var made, pushed bytes.Buffer
	if err := run([]string{"package", "--version", "v1.2.3", "--references", references, "--output", dir}, &made); err != nil {
		t.Fatal(err)
	}
	where := strings.TrimPrefix(server.URL, "http://") + "/blog"
	if err := run(append([]string{"push", "--plain-http", "--registry", where}, strings.Fields(made.String())...), &pushed); err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(pushed.String())
	if len(lines) != 2 || !strings.HasPrefix(lines[0], where+"/charts/blogplatform-operator@sha256:") || !strings.HasPrefix(lines[1], where+"/charts/blogplatform@sha256:") {
		t.Errorf("it says %q", pushed.String())
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "references")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"usage: charts package":      {"package", "--version", "v1.2.3"},
		"ARCHIVE…":                   {"push", "--registry", "registry.example.com"},
		"charts push [--plain-http]": {"unpack"},
		"usage:":                     nil,
		"run make images first":      {"package", "--version", "v1.2.3", "--references", empty + "-", "--output", "x"},
		"names no image of the operator; run make images":   {"package", "--version", "v1.2.3", "--references", empty, "--output", "x"},
		"is no archive of a chart of this project":          {"push", "--registry", "registry.example.com", "other.tgz"},
		"blogplatform-1.2.3.tgz: no such file or directory": {"push", "--registry", "registry.example.com", "blogplatform-1.2.3.tgz"},
	} {
		if err := run(args, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("charts %q: the answer is %v, want %q", args, err, want)
		}
	}
}
