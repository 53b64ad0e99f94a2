package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// limit ends a benchmark that hangs.
const limit = 30 * time.Minute

func main() {
	options := options{}
	flag.IntVar(&options.rounds, "rounds", 3, "how often each creation is measured; the median counts")
	flag.IntVar(&options.drifts, "drifts", 200, "how many children are edited or deleted")
	flag.StringVar(&options.profiles, "profiles", "", "folder for profiles of the operator in the last round with 100 platforms")
	flag.Parse()
	ctrllog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := bench(ctx, options)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-operator:", err)
		os.Exit(1)
	}
}
