package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// listen takes the port of the gateway, and so decides what the addresses are.
func (b *blog) listen(port int) (net.Listener, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is in use, perhaps by another `make dev`: end that, or choose another port with `make dev DEV_PORT=%d`", port, port+1)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for browsers: %w", err)
	}
	b.after(func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	_, chosen, _ := net.SplitHostPort(listener.Addr().String())
	b.publicURL = "https://" + net.JoinHostPort(domain, chosen)
	b.providerURL = "https://" + net.JoinHostPort(providerHost, chosen)
	return listener, nil
}

// serve is what the ingress gateway does in a cluster: it ends TLS and tells the
// hosts apart.
func (b *blog) serve(listener net.Listener, frontend string) error {
	target, err := url.Parse(frontend)
	if err != nil {
		return fmt.Errorf("read the frontend's address: %w", err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			slog.Warn("the frontend does not answer", "error", err)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	mux := http.NewServeMux()
	mux.Handle(domain+"/", proxy)
	mux.Handle(providerHost+"/", b.provider)
	mux.Handle("/", http.RedirectHandler(b.publicURL, http.StatusSeeOther))
	server := &http.Server{
		Handler: mux, TLSConfig: &tls.Config{Certificates: []tls.Certificate{b.certificates.leaf}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 5 * time.Second,
		// Browsers that do not trust the certificate are told so by themselves.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	b.after(server.Close)
	return nil
}

// client asks for the blog as a browser does: it trusts its certificate, and all
// names are this machine's.
func (b *blog) client() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: b.certificates.pool, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, fmt.Errorf("dial %s: %w", address, err)
				}
				return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
			},
		},
	}
}
