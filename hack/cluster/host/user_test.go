package host

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

func TestHowRootsRightsAreHad(t *testing.T) {
	for name, test := range map[string]struct {
		sudo string
		root bool
		want Sudo
	}{
		"root":                 {"exit 1", true, SudoNotNeeded},
		"without a password":   {`[ "$1 $2" = "-n true" ]`, false, SudoFree},
		"with a password":      {"echo 'sudo: a password is required' >&2; exit 1", false, SudoAsks},
		"not a sudoer":         {"echo 'ada is not in the sudoers file.' >&2; exit 1", false, SudoRefuses},
		"in a sealed sandbox":  {`echo 'sudo: The "no new privileges" flag is set' >&2; exit 1`, false, SudoRefuses},
		"sudo is not there":    {"", false, SudoMissing},
		"root needs none":      {"", true, SudoNotNeeded},
		"not allowed that way": {"echo 'Sorry, user ada is not allowed to execute that' >&2; exit 1", false, SudoRefuses},
	} {
		t.Run(name, func(t *testing.T) {
			scripts := map[string]string{}
			if test.sudo != "" {
				scripts["sudo"] = test.sudo
			}
			programs(t, scripts)
			if got := observeSudo(t.Context(), test.root); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestWhoeverIsServedByRootNeedsNoSudo(t *testing.T) {
	programs(t, map[string]string{"sudo": "exit 1"})
	t.Setenv("HOME", t.TempDir())
	if u := observeUser(t.Context(), true); u.Sudo != SudoNotNeeded || !u.HomeWritable || u.UID != os.Getuid() || u.Name == "" {
		t.Errorf("%+v", u)
	}
	t.Setenv("HOME", "relative")
	if u := observeUser(t.Context(), true); u.HomeWritable {
		t.Errorf("%+v", u)
	}
}

func TestAMissingCacheFolderIsJudgedByItsParent(t *testing.T) {
	home := t.TempDir()
	folder := Folder{Name: "artifact cache", Path: filepath.Join(home, ".cache", "blogplatform")}
	folder.observe()
	if folder.Denied || folder.Existing != home || folder.Free == 0 || folder.Device == 0 || folder.Type == "" {
		t.Errorf("%+v", folder)
	}
}

// As an earlier start by root left it.
func TestAFolderThatIsNotTheUsersIsDenied(t *testing.T) {
	temp := t.TempDir()
	cache := filepath.Join(temp, "home of ada", ".cache")
	// Everybody may enter the folders of the test.
	if err := errors.Join(os.Chmod(filepath.Dir(temp), 0o755), os.MkdirAll(cache, 0o755), os.Chmod(cache, 0o555)); err != nil {
		t.Fatal(err)
	}
	folder := Folder{Name: "artifact cache", Path: filepath.Join(cache, "blogplatform")}
	asNobody(t, folder.observe)
	if !folder.Denied || folder.Existing != cache || folder.Owner == "" {
		t.Fatalf("%+v", folder)
	}
	check := judgeFolders(Facts{User: User{Name: "ada"}, Folders: []Folder{folder}})[0]
	if check.Verdict != Block || check.Fix != "sudo chown -R ada '"+cache+"'" {
		t.Errorf("%+v", check)
	}
}

// asNobody does something on a thread without the rights of root, if this test has them.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	done := make(chan syscall.Errno)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		const nobody = 65534
		var errno syscall.Errno
		if os.Getuid() == 0 {
			_, _, errno = syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody) // of this thread only
		}
		do()
		done <- errno
	}()
	if errno := <-done; errno != 0 {
		t.Fatal(errno)
	}
}
