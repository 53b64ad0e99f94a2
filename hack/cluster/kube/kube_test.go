package kube_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"blogplatform.io/operator/hack/cluster/kube"
)

func manifest(text string) fstest.MapFS { return fstest.MapFS{"m.yaml": {Data: []byte(text)}} }

func TestEachNameInAManifestIsReplacedByItsValue(t *testing.T) {
	got, err := kube.Fill(manifest("port: $PORT\nhost: $HOST\nregex: $1:$2\n"), "m.yaml", "$PORT", "8443", "$HOST", "a$B")
	if err != nil {
		t.Fatal(err)
	}
	if want := "port: 8443\nhost: a$B\nregex: $1:$2\n"; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
}

func TestANameWithoutAValueIsRefused(t *testing.T) {
	_, err := kube.Fill(manifest("port: $PORT\nhost: $HOST\n"), "m.yaml", "$PORT", "8443")
	if err == nil || !strings.Contains(err.Error(), "m.yaml holds $HOST") {
		t.Errorf("the error is %v, want one that names the file and $HOST", err)
	}
}

func TestAMissingManifestIsRefused(t *testing.T) {
	if _, err := kube.Fill(fstest.MapFS{}, "m.yaml"); err == nil {
		t.Error("there is no error")
	}
}
