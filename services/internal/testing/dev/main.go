package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/testing/process"
)

// startTimeout leaves room to fetch PostgreSQL, the first time.
const startTimeout = 3 * time.Minute

func main() {
	process.Become()
	postgres.Become()
	port := flag.Int("port", 9443, "where the blog is to be found, 0 for a free port")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *port, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until ctx ends, which is no error, or a part of the blog does.
func run(ctx context.Context, port int, stdout, stderr io.Writer) (err error) {
	logs := newLogs(stderr)
	slog.SetDefault(command.NewLogger(logs.of("asgardeo"), command.IdentityFromEnv("asgardeo")))
	began := time.Now()
	b := &blog{logs: logs, lost: make(chan string, 4)}
	defer func() {
		if failed := b.stop(); err == nil {
			err = failed
		}
	}()
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := b.start(starting, port); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop meanwhile
		}
		return err
	}
	fmt.Fprintf(stdout, "\nThe blog is ready after %.1f s: %s\n\n", time.Since(began).Seconds(), b.publicURL)
	fmt.Fprintln(stdout, "Sign in at the fake Asgardeo as")
	for _, who := range b.people {
		fmt.Fprintf(stdout, "  %-20s password %-8s %s %s, %s\n", who.UserName, who.Password, who.Given, who.Family, who.role)
	}
	fmt.Fprintf(stdout, "\nBrowsers warn of its certificate unless they trust %s.\nCtrl-C ends everything; what was written is lost.\n\n", b.certificates.authority)
	select {
	case <-ctx.Done():
		return nil
	case service := <-b.lost:
		return fmt.Errorf("%s has ended by itself; its log says why", service)
	}
}
