// Command postgres runs a PostgreSQL server for programs that may not import the
// package: with an empty database for each service that its arguments name. It
// prints their PG* variables as one JSON object, by the service's name, and ends
// when its standard input does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"blogplatform.io/operator/services/internal/testing/postgres"
)

func main() {
	postgres.Become()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		os.Exit(1)
	}
}

func run(services []string) error {
	server, err := postgres.Open()
	if err != nil {
		return err
	}
	return errors.Join(serve(server, services), server.Close())
}

func serve(server *postgres.Server, services []string) error {
	databases := map[string]map[string]string{}
	for _, service := range services {
		var err error
		if databases[service], err = server.CreateDatabase(context.Background(), service); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(databases); err != nil {
		return fmt.Errorf("print the databases: %w", err)
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
