package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a new pseudo-terminal, see pts(4): what is typed at one end is read at the other.
func terminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	return keyboard, screen
}

func TestAnswersToTheQuestion(t *testing.T) {
	const endOfInput = "\x04" // Ctrl-D on a terminal that reads lines
	for typed, yes := range map[string]bool{"\n": true, "y\n": true, " YES \n": true, "n\n": false, "no\n": false, "what?\n": false, endOfInput: false, "y" + endOfInput + endOfInput: false} {
		t.Run(fmt.Sprintf("%q", typed), func(t *testing.T) {
			keyboard, screen := terminal(t)
			if _, err := keyboard.WriteString(typed); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			err := Confirm(t.Context(), screen, &out)
			if yes && err != nil || !yes && !errors.Is(err, ErrStopped) {
				t.Errorf("the error is %v", err)
			}
			if !strings.HasPrefix(out.String(), "Go on? [Y/n] ") {
				t.Errorf("it asked %q", out.String())
			}
		})
	}
}

// canceler cancels once the question stands there, as Ctrl-C does by signal.NotifyContext.
type canceler context.CancelFunc

func (c canceler) Write(text []byte) (int, error) {
	c()
	return len(text), nil
}

func TestCtrlCAtTheQuestionIsANo(t *testing.T) {
	_, screen := terminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := Confirm(ctx, screen, canceler(cancel)); !errors.Is(err, ErrStopped) {
		t.Errorf("the error is %v", err)
	}
}

func TestWithoutATerminalNobodyIsAsked(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out bytes.Buffer
	if err := errors.Join(Confirm(t.Context(), file, &out), Confirm(t.Context(), strings.NewReader("n\n"), &out)); err != nil || out.Len() > 0 {
		t.Errorf("%v, it wrote %q", err, out.String())
	}
}
