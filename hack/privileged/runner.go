package privileged

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Executor runs commands of root: a Runner, or the fake of a test.
type Executor interface {
	// Run is that of Runner.
	Run(ctx context.Context, c Command) (Result, error)
}

// Runner runs commands of root.
type Runner struct {
	// connection leads to a process of root; without one the commands run with the rights of this process.
	connection io.ReadWriteCloser
	// end waits for the end of the process of root.
	end    func() error
	closed bool

	mu       sync.Mutex
	requests *json.Encoder
	// replies are where the outcomes are awaited, by the requests' IDs.
	replies map[int]chan reply
	last    int
	// lost is why no outcome will come any more.
	lost error
}

// Direct is a Runner with the rights of this process.
func Direct() *Runner { return &Runner{} }

// connect is a Runner whose commands a server at the other end of connection runs.
func connect(connection io.ReadWriteCloser, end func() error) *Runner {
	r := &Runner{connection: connection, end: end, requests: json.NewEncoder(connection), replies: map[int]chan reply{}}
	go r.receive()
	return r
}

// Run runs a command to its end and says what it did. An error holds the command and the last lines of that. When ctx is canceled
// the command is asked to end, and its end is awaited.
func (r *Runner) Run(ctx context.Context, c Command) (Result, error) {
	result, err := r.run(ctx, c)
	if err != nil {
		err = errors.Join(context.Cause(ctx), err)
		return result, fmt.Errorf("%s: %w: %s", strings.Join(c.Args[:min(len(c.Args), 4)], " "), err, tail(result.Output))
	}
	return result, nil
}

func (r *Runner) run(ctx context.Context, c Command) (Result, error) {
	if r.connection == nil {
		return execute(ctx, c)
	}
	id, answer, err := r.send(c)
	if err != nil {
		return Result{}, err
	}
	select {
	case <-ctx.Done():
		r.cancel(id)
	case done := <-answer:
		return outcome(done)
	}
	return outcome(<-answer)
}

func outcome(done reply) (Result, error) {
	if done.Error != "" {
		return done.Result, errors.New(done.Error)
	}
	return done.Result, nil
}

func (r *Runner) send(c Command) (id int, answer chan reply, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost != nil {
		return 0, nil, r.lost
	}
	r.last++
	answer = make(chan reply, 1)
	r.replies[r.last] = answer
	return r.last, answer, r.requests.Encode(request{ID: r.last, Command: &c})
}

func (r *Runner) cancel(id int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.requests.Encode(request{ID: id, Cancel: true}) // where it fails, receive fails, too
}

// receive passes outcomes on until the process of root is gone. Whoever waits then gets an error that says so.
func (r *Runner) receive() {
	replies := json.NewDecoder(r.connection)
	for {
		var done reply
		err := replies.Decode(&done)
		r.mu.Lock()
		if err != nil {
			r.lost = errors.New("the process that runs commands as root has ended")
			for id, answer := range r.replies {
				answer <- reply{ID: id, Error: r.lost.Error()}
			}
			r.mu.Unlock()
			return
		}
		if answer := r.replies[done.ID]; answer != nil {
			answer <- done
			delete(r.replies, done.ID)
		}
		r.mu.Unlock()
	}
}

// Close ends the process of root. It may be called twice.
func (r *Runner) Close() error {
	if r.connection == nil || r.closed {
		return nil
	}
	r.closed = true
	return errors.Join(r.connection.Close(), r.end())
}

// tail is the end of what a command printed.
func tail(out []byte) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}
