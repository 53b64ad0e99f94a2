// Command kubectl-blog is a plugin of kubectl for people who run blogs with the
// BlogPlatform operator: `kubectl blog`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // windows of promotions have time zones, and not every machine has a database of them

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"blogplatform.io/operator/cmd/kubectl-blog/internal/command"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return command.Main(ctx, genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, os.Args[1:]...)
}
