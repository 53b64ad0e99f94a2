package host

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Confirm asks on a terminal and goes on without one. No, the end of input and a canceled ctx are ErrStopped.
func Confirm(ctx context.Context, in io.Reader, out io.Writer) error {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	fmt.Fprint(out, "Go on? [Y/n] ")
	answers := make(chan string, 1)
	go func() {
		// This outlives a canceled ctx: nothing can end a read of a terminal but its end.
		answer, err := bufio.NewReader(in).ReadString('\n')
		if err != nil {
			answer = "no"
		}
		answers <- answer
	}()
	select {
	case <-ctx.Done():
	case answer := <-answers:
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "", "y", "yes":
			return nil
		}
	}
	fmt.Fprintln(out)
	return ErrStopped
}
