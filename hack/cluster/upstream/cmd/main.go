// Command cmd writes the lock of released programs and images: make lock-upstream.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/upstream"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lock-upstream:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := build.RepositoryRoot()
	if err != nil {
		return err
	}
	return upstream.Client{}.Relock(ctx, root, func(line string) { fmt.Println(line) })
}
