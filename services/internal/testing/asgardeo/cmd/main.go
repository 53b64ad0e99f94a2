// Command asgardeo serves the fake identity provider: for the local cluster and
// for development, never for anybody's real accounts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"blogplatform.io/operator/services/internal/testing/asgardeo"
)

func main() {
	address := flag.String("address", ":8080", "where to listen, host:port")
	config := flag.String("config", "", "JSON file with baseURL, clients and users")
	certificate := flag.String("tls-cert", "", "PEM file of the certificate, empty to serve HTTP behind a gateway")
	key := flag.String("tls-key", "", "PEM file of its key")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := serve(ctx, *address, *config, *certificate, *key); err != nil {
		slog.Error("the fake identity provider ended", "error", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address, file, certificate, key string) error {
	document, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	var config asgardeo.Config
	if err := json.Unmarshal(document, &config); err != nil {
		return fmt.Errorf("read the configuration %s: %w", file, err)
	}
	fake, err := asgardeo.New(config)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/", fake)
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(shutdown)
	}()
	if certificate != "" {
		err = server.ListenAndServeTLS(certificate, key)
	} else {
		err = server.ListenAndServe()
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
