package upstream

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/build"
)

func program(from string, content []byte) Artifact {
	return Artifact{Name: "etcd", Kind: File, Arch: "amd64", From: from, SHA256: digestOf(content)}
}

func TestAReleasedProgramIsDownloadedOnceAndCanRun(t *testing.T) {
	content := []byte("#!/bin/sh\necho etcd\n")
	server, client := fileServer(t, map[string][]byte{"/v1/etcd": content})
	cache, artifact := testCache(t), program(server.URL+"/v1/etcd", content)
	if isCached(t, cache, artifact) {
		t.Error("the cache holds it before it was downloaded")
	}
	for range 2 {
		path, err := client.Fetch(t.Context(), cache, artifact)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), path).Output()
		if string(out) != "etcd\n" || filepath.Base(path) != "etcd" {
			t.Errorf("%s says %q, %v", path, out, err)
		}
		server.Close() // the second time needs no server
	}
	if !isCached(t, cache, artifact) {
		t.Error("the cache misses it after it was downloaded")
	}
}

func TestAReleasedProgramIsTakenOutOfItsArchive(t *testing.T) {
	content := archive(t, map[string]string{"./etcd-v1/README": "read me", "./etcd-v1/etcd": "program", "etcd": "another one"})
	server, client := fileServer(t, map[string][]byte{"/etcd.tar.gz": content})
	cache, artifact := testCache(t), program(server.URL+"/etcd.tar.gz", content)
	artifact.Member = "etcd-v1/etcd"
	path, err := client.Fetch(t.Context(), cache, artifact)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); string(got) != "program" {
		t.Errorf("it is %q, %v", got, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("besides the program the cache holds %v, %v", entries, err)
	}
}

func TestAProgramThatCannotBeTakenLeavesNothing(t *testing.T) {
	content := []byte("what was released")
	tarball := archive(t, map[string]string{"README": "no program"})
	server, client := fileServer(t, map[string][]byte{"/good": content, "/other": []byte("what somebody put there"), "/other.tar.gz": tarball, "/half.tar.gz": tarball[:30]})
	for name, test := range map[string]struct {
		artifact Artifact
		want     []string
	}{
		"another digest": {
			program(server.URL+"/other", content),
			[]string{server.URL + "/other", digestOf(content), digestOf([]byte("what somebody put there")), "not kept"},
		},
		"another archive, which is not opened": {
			Artifact{Name: "etcd", Kind: File, Arch: "amd64", From: server.URL + "/half.tar.gz", Member: "etcd", SHA256: digestOf(content)},
			[]string{digestOf(tarball[:30]), digestOf(content)},
		},
		"no such file": {program(server.URL+"/missing", content), []string{server.URL + "/missing", "404"}},
		"no such member": {
			Artifact{Name: "etcd", Kind: File, Arch: "amd64", From: server.URL + "/other.tar.gz", Member: "etcd", SHA256: digestOf(tarball)},
			[]string{server.URL + "/other.tar.gz", "holds no file etcd"},
		},
		"no digest": {Artifact{Name: "etcd", Kind: File, Arch: "arm64", From: server.URL + "/good"}, []string{"etcd for arm64", "not in the lock"}},
	} {
		t.Run(name, func(t *testing.T) {
			cache := testCache(t)
			_, err := client.Fetch(t.Context(), cache, test.artifact)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if names := kept(t, cache); len(names) > 0 {
				t.Errorf("the cache holds %v", names)
			}
		})
	}
}

func TestAnInterruptedDownloadLeavesNothingAndIsDoneAgain(t *testing.T) {
	content := []byte(strings.Repeat("program", 1000))
	interrupt := true
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if interrupt {
			w.Header().Set("Content-Length", "7000")
			_, _ = w.Write(content[:3000])
			panic(http.ErrAbortHandler) // the connection breaks
		}
		_, _ = w.Write(content)
	}))
	defer server.Close()
	cache, artifact, client := testCache(t), program(server.URL+"/etcd", content), Client{Transport: server.Client().Transport}
	if _, err := client.Fetch(t.Context(), cache, artifact); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the error is %v", err)
	}
	if names := kept(t, cache); len(names) > 0 {
		t.Errorf("the cache holds %v", names)
	}
	interrupt = false
	if _, err := client.Fetch(t.Context(), cache, artifact); err != nil {
		t.Error(err)
	}
}

func TestADownloadEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		stop()
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // a proper end could still arrive, and be taken for the whole file
	}))
	defer server.Close()
	cache := testCache(t)
	_, err := Client{Transport: server.Client().Transport}.Fetch(ctx, cache, program(server.URL+"/etcd", nil))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if names := kept(t, cache); len(names) > 0 {
		t.Errorf("the cache holds %v", names)
	}
}

// tunnel is a proxy that leads every connection to one server, and tells which host was asked for.
func tunnel(t *testing.T, to string, asked chan<- string) *httptest.Server {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		server, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer server.Close()
		w.WriteHeader(http.StatusOK)
		client, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close()
		go func() { _, _ = io.Copy(server, buffered) }() // ends with the connection
		_, _ = io.Copy(client, server)
	}))
	t.Cleanup(proxy.Close)
	return proxy
}

// variableCache names the cache folder of a process of this test that downloads what its last argument names.
const variableCache = "UPSTREAM_TEST_CACHE"

// A process reads the proxies of its environment once, so the download happens in a process of its own.
func TestDownloadsGoThroughTheProxyOfTheEnvironment(t *testing.T) {
	content := []byte("program")
	if dir := os.Getenv(variableCache); dir != "" {
		cache := &build.Cache{Dir: dir, Log: func(string) {}}
		if _, err := (Client{}).Fetch(t.Context(), cache, program("https://example.com/etcd", content)); err != nil {
			t.Fatal(err)
		}
		return
	}
	server, _ := fileServer(t, map[string][]byte{"/etcd": content})
	asked := make(chan string, 10)
	proxy := tunnel(t, strings.TrimPrefix(server.URL, "https://"), asked)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), variableCache+"="+t.TempDir(), "HTTPS_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=", "SSL_CERT_FILE="+authority)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := <-asked; got != "CONNECT example.com:443" {
		t.Errorf("the proxy was asked for %s", got)
	}
}
