// Command asgardeo serves the fake identity provider: for the local cluster and
// for development, never for anybody's real accounts.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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
	authority := flag.String("ca", "", "PEM file of the CA of applications that are told of sessions that end, empty for the system's")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := serve(ctx, *address, *config, *authority, *certificate, *key); err != nil {
		slog.Error("the fake identity provider ended", "error", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address, file, authority, certificate, key string) error {
	document, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	var config asgardeo.Config
	if err := json.Unmarshal(document, &config); err != nil {
		return fmt.Errorf("read the configuration %s: %w", file, err)
	}
	if config.HTTPClient, err = clientFor(authority); err != nil {
		return err
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

// clientFor trusts the CA in a file, none for the system's.
func clientFor(authority string) (*http.Client, error) {
	if authority == "" {
		return nil, nil
	}
	certificates, err := os.ReadFile(authority)
	if err != nil {
		return nil, fmt.Errorf("read the CA of applications: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificates) {
		return nil, fmt.Errorf("%s holds no PEM certificate", authority)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, nil
}
