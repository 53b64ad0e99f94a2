package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/content/internal/markdown"
	"blogplatform.io/operator/services/internal/problem"
)

const (
	rendererVersion = markdown.Version
	rerenderBatch   = 20
	rerenderRetry   = 10 * time.Second
	rerenderEvery   = time.Minute
)

// renderer renders as many texts at once as it has slots: each can use a
// processor and some 100 MB for a moment.
type renderer struct{ slots chan struct{} }

func newRenderer() *renderer { return &renderer{make(chan struct{}, runtime.GOMAXPROCS(0))} }

// render waits for a slot. The error wraps [markdown.ErrTooComplex], or is a
// problem: 503 when ctx ends before the text is rendered.
func (r *renderer) render(ctx context.Context, body string) (markdown.Result, error) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return markdown.Result{}, notRendered(ctx.Err())
	}
	defer func() { <-r.slots }()
	result, err := markdown.Render(ctx, body)
	if err != nil && !errors.Is(err, markdown.ErrTooComplex) {
		err = notRendered(err)
	}
	return result, err
}

func notRendered(cause error) error {
	return &problem.Error{Status: http.StatusServiceUnavailable, Detail: "The text could not be rendered in time.", Cause: cause}
}

// refusedText is the problem of a text that costs too much; other errors stay.
func refusedText(err error) error {
	if errors.Is(err, markdown.ErrTooComplex) {
		return problem.Invalid("body.body", "cannot be shown: "+err.Error()+".")
	}
	return err
}

// stored renders a text that is stored already. One that today would be refused
// is shown as it was typed.
func (r *renderer) stored(ctx context.Context, body string) (markdown.Result, error) {
	result, err := r.render(ctx, body)
	if errors.Is(err, markdown.ErrTooComplex) {
		return markdown.Result{HTML: "<pre>" + html.EscapeString(body) + "</pre>\n", Words: len(strings.Fields(body))}, nil
	}
	return result, err
}

func headings(result markdown.Result) []api.Heading {
	out := make([]api.Heading, len(result.Headings))
	for i, h := range result.Headings {
		out[i] = api.Heading{Level: h.Level, ID: h.ID, Text: h.Text}
	}
	return out
}

// run makes the HTML of posts that have none, or one of an earlier
// renderer, until ctx ends. Until then each is rendered when it is read.
func (r *renderer) run(ctx context.Context, pool *pgxpool.Pool) {
	for {
		done, err := r.runOnce(ctx, pool)
		pause := time.Duration(0)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			slog.WarnContext(ctx, "posts not rendered again", "error", err)
			pause = rerenderRetry
		case done == 0:
			// The previous release may add posts while both run.
			pause = rerenderEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// runOnce renders one batch and returns how many posts it had.
func (r *renderer) runOnce(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	type row struct {
		ID       int64
		Revision int64
		Body     string
	}
	rows, _ := pool.Query(ctx, `SELECT id, revision, body FROM content.posts WHERE renderer < $1 ORDER BY id LIMIT $2`, rendererVersion, rerenderBatch)
	stale, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return 0, fmt.Errorf("look for posts to render: %w", err)
	}
	for _, post := range stale {
		rendered, err := r.stored(ctx, post.Body)
		if err != nil {
			return 0, fmt.Errorf("render post %d: %w", post.ID, err)
		}
		encoded, err := json.Marshal(headings(rendered))
		if err != nil {
			return 0, fmt.Errorf("encode the headings of post %d: %w", post.ID, err)
		}
		// A save in the meantime rendered a newer text.
		if _, err := pool.Exec(ctx, `UPDATE content.posts SET html = $3, headings = $4, words = $5, renderer = $6 WHERE id = $1 AND revision = $2`,
			post.ID, post.Revision, rendered.HTML, encoded, rendered.Words, rendererVersion); err != nil {
			return 0, fmt.Errorf("keep the HTML of post %d: %w", post.ID, err)
		}
	}
	return len(stale), nil
}
