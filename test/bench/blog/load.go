package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// connections send requests side by side.
	connections = 64
	// openConnections do so where requests do not wait for answers: as many that
	// none is missing.
	openConnections = 128
	// readers are the client addresses that a proxy would name, as many that none
	// asks for more than one may.
	readers = 4096
)

// target is what is asked.
type target struct {
	// address is host:port.
	address string
	// path is that of the nth request.
	path func(n int64) string
}

// client sends one request after the other on a connection of its own. It does
// as little as it can: it shares the processors with what is measured.
type client struct {
	target
	net.Conn
	in      *bufio.Reader
	request []byte
}

func dial(t target) (*client, error) {
	conn, err := net.Dial("tcp", t.address)
	if err != nil {
		return nil, err
	}
	return &client{target: t, Conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// ask sends the nth request and returns how many bytes the page has.
func (c *client) ask(n int64) (int64, error) {
	reader := n % readers
	c.request = fmt.Appendf(c.request[:0], "GET %s HTTP/1.1\r\nHost: blog.example.com\r\nUser-Agent: bench\r\nAccept: text/html\r\nX-Forwarded-For: 192.0.%d.%d\r\n\r\n",
		c.path(n), reader/256, reader%256)
	if _, err := c.Write(c.request); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(io.Discard, answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", c.path(n), answer.Status)
	}
	return size, err
}

// crowd runs as many clients as there are connections, each until work says that
// there is nothing more to do.
func crowd(t target, connections int, work func(*client) error) error {
	failed := make(chan error, connections)
	for range connections {
		c, err := dial(t)
		if err != nil {
			return err
		}
		defer c.Close()
		go func() { failed <- work(c) }()
	}
	var first error
	for range connections {
		if err := <-failed; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// served is what came of a load.
type served struct {
	requests, bytes int64
	took            time.Duration
}

func (s served) perSecond() float64 { return float64(s.requests) / s.took.Seconds() }

// closedLoop asks as fast as it is answered. first is the number of the first request.
func closedLoop(ctx context.Context, t target, first int64, during time.Duration) (served, error) {
	var (
		next, bytes atomic.Int64
		began       = time.Now()
	)
	next.Store(first)
	err := crowd(t, connections, func(c *client) error {
		for time.Since(began) < during && ctx.Err() == nil {
			size, err := c.ask(next.Add(1) - 1)
			if err != nil {
				return err
			}
			bytes.Add(size)
		}
		return ctx.Err()
	})
	return served{next.Load() - first, bytes.Load(), time.Since(began)}, err
}

// openLoop sends requests when they are due, at random times (Poisson), however
// long answers take. It returns how long after it was due each was answered: what
// waits for a slow answer before it counts as slow, too. What is due in the
// beginning, while connections are opened, does not count.
func openLoop(ctx context.Context, t target, first int64, rate float64, beginning, during time.Duration) ([]time.Duration, error) {
	var (
		random = rand.New(rand.NewSource(1)) // the same times in every run
		due    []time.Duration
		next   atomic.Int64
		mu     sync.Mutex
		took   []time.Duration
	)
	for at := time.Duration(0); at < beginning+during; at += time.Duration(random.ExpFloat64() / rate * float64(time.Second)) {
		due = append(due, at)
	}
	began := time.Now()
	err := crowd(t, openConnections, func(c *client) error {
		var own []time.Duration
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		}()
		for {
			n := next.Add(1) - 1
			if n >= int64(len(due)) || ctx.Err() != nil {
				return ctx.Err()
			}
			time.Sleep(time.Until(began.Add(due[n])))
			if _, err := c.ask(first + n); err != nil {
				return err
			}
			if due[n] >= beginning {
				own = append(own, time.Since(began)-due[n])
			}
		}
	})
	return took, err
}
