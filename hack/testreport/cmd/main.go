// Command cmd prints a report of files that `go test -json` wrote; see package testreport.
package main

import (
	"fmt"
	"os"

	"blogplatform.io/operator/hack/testreport"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(files []string) error {
	var events []testreport.Event
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		read, err := testreport.Read(file)
		if err := file.Close(); err != nil {
			return err
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		events = append(events, read...)
	}
	testreport.Of(events).Write(os.Stdout, 10)
	return nil
}
