package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes of every service.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
)

// ErrUsage marks an error that better arguments would have prevented.
var ErrUsage = errors.New("wrong usage")

// Command is one subcommand of a service.
type Command struct {
	// Name is the first argument that selects the command, such as serve.
	Name string
	// Help says in one line what it does.
	Help string
	// Run does it. ctx ends when the process is asked to stop (SIGTERM, SIGINT);
	// args are the arguments after the name. An error is logged and becomes the
	// termination message.
	Run func(ctx context.Context, identity Identity, args []string) error
}

// Main runs the command that the process's arguments name and returns the exit
// code. Standard output belongs to the command, logs go to standard error.
func Main(service string, commands ...Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return run(ctx, os.Stderr, IdentityFromEnv(service), os.Args[1:], commands)
}

func run(ctx context.Context, stderr io.Writer, identity Identity, args []string, commands []Command) int {
	slog.SetDefault(NewLogger(stderr, identity))
	chosen, err := find(commands, args)
	if err != nil {
		fmt.Fprintf(stderr, "%v\n\n%s", err, usage(identity.Service, commands))
		return ExitUsage
	}
	err = chosen.Run(ctx, identity, args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return ExitOK
	case errors.Is(err, ErrUsage):
		fmt.Fprintln(stderr, err)
		return ExitUsage
	}
	slog.Error(chosen.Name+" failed", "error", err)
	Terminate(err.Error())
	return ExitFailed
}

func find(commands []Command, args []string) (Command, error) {
	if len(args) == 0 {
		return Command{}, fmt.Errorf("%w: name a command", ErrUsage)
	}
	for _, c := range commands {
		if c.Name == args[0] {
			return c, nil
		}
	}
	return Command{}, fmt.Errorf("%w: there is no command %q", ErrUsage, args[0])
}

func usage(service string, commands []Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s COMMAND\n\n", service)
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-8s %s\n", c.Name, c.Help)
	}
	return b.String()
}

// ParseFlags parses the arguments of a subcommand into flags that the caller
// has defined. Arguments that are not flags are refused. Errors wrap [ErrUsage].
func ParseFlags(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w of %s: %w", ErrUsage, flags.Name(), err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%w of %s: unexpected argument %q", ErrUsage, flags.Name(), flags.Arg(0))
	}
	return nil
}
