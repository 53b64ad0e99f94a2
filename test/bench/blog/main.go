package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// limit ends a benchmark that hangs.
const limit = 15 * time.Minute

func main() {
	options := options{}
	flag.IntVar(&options.rounds, "rounds", 5, "how often each is measured; the median counts")
	flag.BoolVar(&options.lists, "lists", true, "run make bench-lists, too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := run(ctx, options, flag.Args())
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-blog:", err)
		os.Exit(1)
	}
}

// run measures, or is one of the bare processes that are measured.
func run(ctx context.Context, o options, args []string) error {
	if len(args) == 3 && args[0] == bareCommand {
		return serveBare(ctx, args[1], args[2])
	}
	if len(args) > 0 {
		return fmt.Errorf("unexpected arguments %q", args)
	}
	return bench(ctx, o)
}
