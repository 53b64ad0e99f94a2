package host

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// helperVariable makes this test program listen on a free port until its input ends.
const helperVariable = "HOST_TEST_LISTEN"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) == "" {
		os.Exit(m.Run())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // its end is the sign to end
}

func TestAPortThatAnotherProcessHoldsIsNamedWithIt(t *testing.T) {
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), helperVariable+"=1")
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close(); _ = other.Wait() }()
	var taken int
	if _, err := fmt.Fscan(stdout, &taken); err != nil {
		t.Fatal(err)
	}
	listeners, ports := Bind("", []Port{{Name: "the blog", Number: taken, Variable: "HTTPS_PORT"}, {Name: "kubectl"}})
	if listeners[0] != nil || listeners[1] == nil {
		t.Fatalf("listeners are %v", listeners)
	}
	defer listeners[1].Close()
	if want := fmt.Sprintf("host.test (process %d)", other.Process.Pid); ports[0].Err != "in use" || ports[0].Holder != want {
		t.Errorf("%+v, want holder %q", ports[0], want)
	}
	if ports[1].Err != "" {
		t.Errorf("%+v, want it free", ports[1])
	}
	check := judgePorts(Facts{Ports: ports})[0]
	if check.Verdict != Block || !strings.Contains(check.Fix, fmt.Sprintf("HTTPS_PORT=%d make up", taken+1000)) {
		t.Errorf("%+v", check)
	}
}

func TestABoundPortIsHeld(t *testing.T) {
	listeners, ports := Bind("", []Port{{Name: "the blog"}})
	if listeners[0] == nil {
		t.Fatal(ports)
	}
	defer listeners[0].Close()
	number := listeners[0].Addr().(*net.TCPAddr).Port
	_, again := Bind("", []Port{{Name: "the blog", Number: number}})
	if again[0].Err == "" {
		t.Error("it was bound twice")
	}
	if _, ports := Bind("", []Port{{Number: 70000}}); ports[0].Err == "" {
		t.Error("there is no port 70000")
	}
}
