package secret

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const variable = "THE_SECRET_FILE"

// given is a file with a secret, which the variable names.
func given(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secret")
	write(t, path, content)
	t.Setenv(variable, path)
	return path
}

// write replaces a file as the kubelet does, all at once.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// logged is what is written to the log until the test ends.
func logged(t *testing.T) *bytes.Buffer {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

// long refuses what is shorter than eight characters.
func long(secret string) error {
	if len(secret) < 8 {
		return errors.New("it is too short")
	}
	return nil
}

func TestASecretThatIsReplacedIsReadAgain(t *testing.T) {
	path := given(t, "hush-hush\n")
	synctest.Test(t, func(t *testing.T) {
		file, err := FromEnv(variable, long)
		if err != nil {
			t.Fatal(err)
		}
		if got := file.Value(); got != "hush-hush" {
			t.Errorf("got %q", got)
		}
		write(t, path, "another-one")
		if got := file.Value(); got != "hush-hush" {
			t.Errorf("it was read twice at the same time: got %q", got)
		}
		time.Sleep(holds)
		if got := file.Value(); got != "another-one" {
			t.Errorf("got %q", got)
		}
	})
}

func TestWhatCannotBeUsedLeavesTheSecretAsItWas(t *testing.T) {
	path, log := given(t, "hush-hush"), logged(t)
	synctest.Test(t, func(t *testing.T) {
		file, err := FromEnv(variable, long)
		if err != nil {
			t.Fatal(err)
		}
		for _, story := range []struct {
			name, says string
			replace    func()
		}{
			{"one that is refused", "too short", func() { write(t, path, "short") }},
			{"an empty one", "white space", func() { write(t, path, " \n") }},
			{"none", "no such file", func() { _ = os.Remove(path) }},
		} {
			log.Reset()
			story.replace()
			for range 3 {
				time.Sleep(holds)
				if got := file.Value(); got != "hush-hush" {
					t.Errorf("%s: got %q", story.name, got)
				}
			}
			if said := log.String(); !strings.Contains(said, story.says) || strings.Count(said, "\n") != 1 {
				t.Errorf("%s: the log says %q, and should say once why", story.name, said)
			}
		}
		write(t, path, "good-again")
		time.Sleep(holds)
		if got := file.Value(); got != "good-again" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAServiceDoesNotStartWithoutItsSecret(t *testing.T) {
	for name, content := range map[string]string{"empty": " \n", "refused": "short"} {
		t.Run(name, func(t *testing.T) {
			given(t, content)
			if _, err := FromEnv(variable, long); err == nil || !strings.Contains(err.Error(), variable) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		t.Setenv(variable, filepath.Join(t.TempDir(), "nowhere"))
		if _, err := FromEnv(variable, nil); err == nil || !strings.Contains(err.Error(), variable) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no variable", func(t *testing.T) {
		t.Setenv(variable, "")
		if _, err := FromEnv(variable, nil); err == nil || !strings.Contains(err.Error(), variable) {
			t.Errorf("got %v", err)
		}
	})
}
