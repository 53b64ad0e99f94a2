package host

import (
	"os"
	"path/filepath"
	"strings"
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

func TestTheUserBehindSudoIsTheCaller(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be behind sudo")
	}
	t.Setenv("SUDO_USER", "nobody") // on every Debian, with a home folder that does not exist
	u, run := observeUser(t.Context())
	if u.Name != "nobody" || !u.Root || u.Sudo != SudoNotNeeded || u.HomeWritable {
		t.Errorf("%+v", u)
	}
	out, err := run.command(t.Context(), "sh", "-c", "id -un; pwd; echo $HOME").Output()
	if want := "nobody\n/\n" + u.Home + "\n"; err != nil || string(out) != want {
		t.Errorf("its programs run as %q, %v, want %q", out, err, want)
	}
	t.Setenv("SUDO_USER", "no such user")
	if u, run := observeUser(t.Context()); u.UID != 0 || run.credential != nil {
		t.Errorf("without such a user it is %+v", u)
	}
}

func TestAMissingCacheFolderIsJudgedByItsParent(t *testing.T) {
	home := t.TempDir()
	u := User{Name: "ada", UID: os.Getuid(), Home: home}
	folder := Folder{Name: "artifact cache", Path: filepath.Join(home, ".cache", "blogplatform")}
	folder.observe(u)
	if folder.Denied || folder.Existing != home || folder.Free == 0 || folder.Device == 0 || folder.Type == "" {
		t.Errorf("%+v", folder)
	}
}

// As an earlier start by root left them.
func TestAFolderOfRootIsDeniedToTheUserBehindSudo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be behind sudo")
	}
	cache := filepath.Join(t.TempDir(), "home of ada", ".cache")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	folder := Folder{Name: "artifact cache", Path: filepath.Join(cache, "blogplatform")}
	folder.observe(User{Name: "ada", UID: 12345})
	if !folder.Denied || folder.Existing != cache || folder.Owner != "root" {
		t.Fatalf("%+v", folder)
	}
	check := judgeFolders(Facts{User: User{Name: "ada"}, Folders: []Folder{folder}})[0]
	if check.Verdict != Block || check.Fix != "sudo chown -R ada '"+cache+"'" {
		t.Errorf("%+v", check)
	}
	if err := os.Chown(cache, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if folder.observe(User{Name: "ada", UID: 12345}); folder.Denied || !strings.Contains(folder.Owner, "12345") {
		t.Errorf("after the fix %+v", folder)
	}
}
