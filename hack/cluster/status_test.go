package cluster

import (
	"bytes"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"blogplatform.io/operator/hack/cluster/node"
	"blogplatform.io/operator/hack/timefactor"
)

func TestTheStatusOfNoClusterIsThatItIsDown(t *testing.T) {
	var out bytes.Buffer
	if err := Status(t.Context(), node.Settings{State: t.TempDir()}, &out); err != nil || !strings.Contains(out.String(), "make up") {
		t.Errorf("it says %q, %v", out.String(), err)
	}
}

func TestAnAPIServerThatDoesNotAnswerIsToldSoWithinSeconds(t *testing.T) {
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // it accepts connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	kubeconfig := t.TempDir() + "/kubeconfig"
	if err := os.WriteFile(kubeconfig, []byte(strings.Replace(nobody, "127.0.0.1:1", deaf.Addr().String(), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := answers(t.Context(), kubeconfig); err == nil {
		t.Error("it answers")
	}
	if took := time.Since(begun); took > timefactor.Scale(2*answersWithin) {
		t.Errorf("that took %v", took)
	}
}
