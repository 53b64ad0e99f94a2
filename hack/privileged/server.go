package privileged

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// request is a line from the caller: a command to run, or the end of one that runs.
type request struct {
	ID      int      `json:"id"`
	Command *Command `json:"command,omitempty"`
	Cancel  bool     `json:"cancel,omitempty"`
}

// reply is a line to the caller: the outcome of a command.
type reply struct {
	ID int `json:"id"`
	Result
	// Error is empty for a command that succeeded.
	Error string `json:"error,omitempty"`
}

// Serve runs the commands that come from connection, several at a time, until the caller closes it. Then the commands that still run are
// asked to end, and it returns after the last of them.
func Serve(ctx context.Context, connection io.ReadWriter) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	s := server{replies: json.NewEncoder(connection), cancels: map[int]context.CancelFunc{}}
	for requests := json.NewDecoder(connection); ; {
		var r request
		err := requests.Decode(&r)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a command to run as root: %w", err)
		}
		if r.Command == nil || len(r.Command.Args) == 0 {
			s.cancel(r.ID)
			continue
		}
		commandCtx := s.begin(ctx, r.ID)
		running.Go(func() { s.run(commandCtx, r) })
	}
}

// server is what the commands of one caller share.
type server struct {
	mu      sync.Mutex
	replies *json.Encoder
	// cancels ask the commands that run to end, by the requests' IDs.
	cancels map[int]context.CancelFunc
}

// begin is done before the next request is read, which may be the cancellation of this one.
func (s *server) begin(ctx context.Context, id int) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, s.cancels[id] = context.WithCancel(ctx)
	return ctx
}

func (s *server) run(ctx context.Context, r request) {
	answer := reply{ID: r.ID}
	result, err := execute(ctx, *r.Command)
	if answer.Result = result; err != nil {
		answer.Error = err.Error()
	}
	s.cancel(r.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.replies.Encode(answer) // a caller that is gone needs none
}

func (s *server) cancel(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.cancels[id]; cancel != nil {
		cancel()
		delete(s.cancels, id)
	}
}
