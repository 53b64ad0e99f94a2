package node

import (
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/host"
	"blogplatform.io/operator/hack/privileged"
)

var settings = Settings{Root: "/home/me/my blog", State: "/home/me/my blog/.cluster", Cache: "/home/me/.cache/blogplatform", HTTPSPort: 8443, APIPort: 6443}

func TestRootIsAskedToRunThisProgramWithTheSameSettings(t *testing.T) {
	t.Setenv("BLOGPLATFORM_TIME_FACTOR", "")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--root", "/home/me/my blog", "--state", "/home/me/my blog/.cluster", "--cache", "/home/me/.cache/blogplatform", "--https-port", "8443", "--api-port", "6443"}
	for _, test := range []struct{ got, want []string }{
		{settings.startCommand(machine("hybrid", false)), append([]string{program, "node-start"}, flags...)},
		{settings.startCommand(machine("v2", false)), append([]string{program, "node-start"}, flags...)},
		{settings.DiscardCommand(), append([]string{program, "node-discard"}, flags...)},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("the command is %q, want %q", test.got, test.want)
		}
	}
}

func TestWithSystemdTheNodeRunsInAScopeThatOutlivesTheLogin(t *testing.T) {
	command := strings.Join(settings.startCommand(machine("v2", true)), " ")
	for _, part := range []string{"systemd-run --scope ", " --slice=blogplatform.slice ", " --unit=" + settings.id() + ".scope ", " --property=Delegate=yes ", " node-start "} {
		if !strings.Contains(command, part) {
			t.Errorf("%q is not in %s", part, command)
		}
	}
}

func TestAnImageIsLoadedByTheNodesOwnProgram(t *testing.T) {
	s := Settings{State: t.TempDir()}
	if err := s.recordInit(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	command := s.LoadCommand("/cache/image.tar")
	if command[0] != "nsenter" || !slices.Contains(command, "/usr/bin/ctr") || !slices.Contains(command, s.ContainerdSocket()) || command[len(command)-1] != "/cache/image.tar" {
		t.Errorf("the command is %q", command)
	}
}

func TestNoImageIsLoadedIntoAClusterThatIsDown(t *testing.T) {
	err := Settings{State: t.TempDir()}.Load(t.Context(), privileged.Direct(), build.BuiltImage{Tagged: "blogplatform.local/user:dev"})
	if err == nil || !strings.Contains(err.Error(), "blogplatform.local/user:dev") || !strings.Contains(err.Error(), "make up") {
		t.Errorf("the error is %v", err)
	}
}

func TestNoProxyReachesTheNode(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "NO_PROXY", "GOPROXY", "HOME"} {
		t.Setenv(name, "secret.example.com")
	}
	t.Setenv("BLOGPLATFORM_TIME_FACTOR", "3")
	environment := nodeEnvironment()
	if strings.Contains(strings.Join(environment, " "), "secret") {
		t.Errorf("its environment is %q", environment)
	}
	for _, wanted := range []string{nodePath, "BLOGPLATFORM_TIME_FACTOR=3"} {
		if !slices.Contains(environment, wanted) {
			t.Errorf("%s is not in %q", wanted, environment)
		}
	}
}

func TestTheTimeFactorSurvivesTheChangeToRoot(t *testing.T) {
	t.Setenv("BLOGPLATFORM_TIME_FACTOR", "10")
	for _, command := range [][]string{settings.startCommand(machine("v2", true)), settings.DiscardCommand()} {
		if command[0] != "env" || command[1] != "BLOGPLATFORM_TIME_FACTOR=10" {
			t.Errorf("the command is %q", command)
		}
	}
}

func TestAnOccupiedPortIsNamedBeforeAnythingIsUnpacked(t *testing.T) {
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer occupied.Close()
	s := Settings{State: t.TempDir(), HTTPSPort: occupied.Addr().(*net.TCPAddr).Port}
	if err := StartAsRoot(t.Context(), s); err == nil || !strings.Contains(err.Error(), "choose another port") {
		t.Errorf("the error is %v", err)
	}
	if entries, err := os.ReadDir(s.State); err != nil || len(entries) != 0 {
		t.Errorf("it left %v, %v", entries, err)
	}
}

func TestWhatAClusterLeftBehindIsRemoved(t *testing.T) {
	if f := host.ControlGroups(); f.Systemd {
		t.Skip("asks systemd, which only root may")
	}
	s := Settings{State: t.TempDir() + "/cluster"}
	if err := s.MakeState(); err != nil {
		t.Fatal(err)
	}
	write(t, s.Path("init.pid"), "1 1\n") // as a start before the last boot left it
	if err := DiscardAsRoot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.State); err == nil {
		t.Error("the state folder is still there")
	}
	if err := DiscardAsRoot(t.Context(), s); err != nil {
		t.Errorf("without anything left: %v", err)
	}
}

func TestAFolderOfSomethingElseIsNeverRemoved(t *testing.T) {
	s := Settings{State: t.TempDir()}
	write(t, s.Path("thesis.txt"), "years of work")
	for name, use := range map[string]func() error{
		"make up":   s.MakeState,
		"make down": func() error { return DiscardAsRoot(t.Context(), s) },
	} {
		if err := use(); err == nil || !strings.Contains(err.Error(), s.State) || !strings.Contains(err.Error(), "--state") {
			t.Errorf("%s: the error is %v", name, err)
		}
		if got := read(t, s.Path("thesis.txt")); got != "years of work" {
			t.Errorf("%s left %q", name, got)
		}
	}
}
