package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// bareCommand makes this program one of the bare processes.
	bareCommand = "bare"
	// poolSize is that of a service's pool.
	poolSize = 8
	// threadsOnPage and idleConnections are those of the frontend.
	threadsOnPage   = 50
	idleConnections = 64
	// idHeader carries the id of a post between the bare processes, which read
	// nothing out of documents.
	idHeader = "Post-Id"
)

// The bare processes. Each writes bytes that were taken from the real ones before;
// it encodes, renders, checks and counts nothing.
const (
	// barePage writes the page.
	barePage = "page"
	// bareQuery makes one query, the one for the post, and writes the page.
	bareQuery = "query"
	// bareFrontend asks bareContent and bareComment, which ask their databases what
	// the real ones ask, and writes the page.
	bareFrontend = "frontend"
	bareContent  = "content"
	bareComment  = "comment"
)

// document is an answer that was taken from a real process.
type document struct {
	Header http.Header
	Body   []byte
}

func (d document) write(w http.ResponseWriter) {
	for name, values := range d.Header {
		w.Header()[name] = values
	}
	// Who went away cannot be told.
	_, _ = w.Write(d.Body)
}

// bareConfig is what the bare processes know.
type bareConfig struct {
	Statements           statements
	Page, Post, Comments document
	// Addresses, host:port, by the name of the process.
	Addresses map[string]string
}

// serveBare is the bare process of that name, until ctx ends.
func serveBare(ctx context.Context, name, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var config bareConfig
	if err := json.Unmarshal(text, &config); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	handler, err := config.handler(ctx, name)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", config.Addresses[name])
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// failable answers with 500 where it returns an error, which ends the measurement.
type failable func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP implements http.Handler.
func (f failable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f(w, r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (c bareConfig) handler(ctx context.Context, name string) (http.Handler, error) {
	switch name {
	case barePage:
		return failable(func(w http.ResponseWriter, _ *http.Request) error { c.Page.write(w); return nil }), nil
	case bareFrontend:
		return c.frontend(), nil
	}
	pool, err := openPool(ctx)
	if err != nil {
		return nil, err
	}
	switch name {
	case bareQuery:
		return c.content(pool, c.Page), nil
	case bareContent:
		return c.content(pool, c.Post), nil
	case bareComment:
		return c.comment(pool), nil
	}
	return nil, fmt.Errorf("there is no bare process %q", name)
}

// openPool opens the database that PG* variables name.
func openPool(ctx context.Context) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	config.MaxConns = poolSize
	return pgxpool.NewWithConfig(ctx, config)
}

func (c bareConfig) frontend() http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = idleConnections
	client := &http.Client{Transport: transport}
	ask := func(ctx context.Context, process, path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Addresses[process]+path, nil)
		if err != nil {
			return nil, err
		}
		answer, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s answered %s", process, answer.Status)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return answer, err
	}
	return failable(func(w http.ResponseWriter, r *http.Request) error {
		post, err := ask(r.Context(), bareContent, r.URL.Path)
		if err != nil {
			return err
		}
		if _, err := ask(r.Context(), bareComment, "/posts/"+post.Header.Get(idHeader)); err != nil {
			return err
		}
		c.Page.write(w)
		return nil
	})
}

// content asks for a post and answers with the document.
func (c bareConfig) content(pool *pgxpool.Pool, answer document) http.Handler {
	return failable(func(w http.ResponseWriter, r *http.Request) error {
		ids, err := first(r.Context(), pool, c.Statements.Post, strings.TrimPrefix(r.URL.Path, "/posts/"), c.Statements.Renderer)
		if err != nil || len(ids) != 1 {
			return fmt.Errorf("%s: %d posts, %w", r.URL.Path, len(ids), err)
		}
		w.Header().Set(idHeader, strconv.FormatInt(ids[0], 10))
		answer.write(w)
		return nil
	})
}

func (c bareConfig) comment(pool *pgxpool.Pool) http.Handler {
	return failable(func(w http.ResponseWriter, r *http.Request) error {
		post, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/posts/"), 10, 64)
		if err != nil {
			return err
		}
		nobody := int64(0)
		threads, err := first(r.Context(), pool, c.Statements.Threads, nobody, post, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), 0, threadsOnPage+1)
		if err != nil {
			return err
		}
		if _, err := first(r.Context(), pool, c.Statements.Replies, nobody, threads); err != nil {
			return err
		}
		c.Comments.write(w)
		return nil
	})
}

// first reads all rows of a query and returns their first columns.
func first(ctx context.Context, pool *pgxpool.Pool, statement string, args ...any) ([]int64, error) {
	rows, err := pool.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		into := make([]any, len(rows.RawValues()))
		into[0] = &id // what is nil is left out
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
