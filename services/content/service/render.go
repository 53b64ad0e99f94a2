package service

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/content/internal/markdown"
)

const (
	rendererVersion = markdown.Version
	rerenderBatch   = 20
	rerenderRetry   = 10 * time.Second
	rerenderEvery   = time.Minute
)

// renderAnyway renders a text that is kept already. One that today would be
// refused is shown as it was typed.
func renderAnyway(body string) (string, []api.Heading, int) {
	result, err := markdown.Render(body)
	if err != nil {
		return "<pre>" + html.EscapeString(body) + "</pre>\n", []api.Heading{}, len(strings.Fields(body))
	}
	return result.HTML, headings(result), result.Words
}

func headings(result markdown.Result) []api.Heading {
	out := make([]api.Heading, len(result.Headings))
	for i, h := range result.Headings {
		out[i] = api.Heading{Level: h.Level, ID: h.ID, Text: h.Text}
	}
	return out
}

// rerender makes the HTML of posts that have none, or one of an earlier
// renderer, until ctx ends. Until then each is rendered when it is read.
func rerender(ctx context.Context, pool *pgxpool.Pool) {
	for {
		done, err := rerenderSome(ctx, pool)
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

// rerenderSome renders one batch and returns how many posts it had.
func rerenderSome(ctx context.Context, pool *pgxpool.Pool) (int, error) {
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
		html, headings, words := renderAnyway(post.Body)
		encoded, err := json.Marshal(headings)
		if err != nil {
			return 0, fmt.Errorf("encode the headings of post %d: %w", post.ID, err)
		}
		// A save in the meantime rendered a newer text.
		if _, err := pool.Exec(ctx, `UPDATE content.posts SET html = $3, headings = $4, words = $5, renderer = $6 WHERE id = $1 AND revision = $2`,
			post.ID, post.Revision, html, encoded, words, rendererVersion); err != nil {
			return 0, fmt.Errorf("keep the HTML of post %d: %w", post.ID, err)
		}
	}
	return len(stale), nil
}
