// Command pause holds a pod's namespaces open. Where a pod shares its process
// namespace this is PID 1, so it must reap what others leave behind: Patroni
// waits for a stopped PostgreSQL until it is gone from the process table.
//
// "pause lookup NAME" looks a name up as the pod is configured to (/etc/resolv.conf)
// and ends, so that a cluster's DNS can be tried with an image that is there already.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "lookup" {
		addresses, err := lookup(context.Background(), &net.Resolver{PreferGo: true}, os.Args[2], time.Sleep)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(addresses)
		return
	}
	hold()
}

// hold waits for a signal to end, and reaps child processes meanwhile.
func hold() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGINT, syscall.SIGTERM)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
