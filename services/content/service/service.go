package service

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/data"
	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
)

const (
	noSuchPost   = "There is no published post with this slug."
	defaultLimit = 20
	maxLimit     = 100
	// wordsPerMinute is how fast an adult reads English prose silently
	// (Brysbaert 2019 found 238).
	wordsPerMinute = 238
)

//go:embed migrations
var migrations embed.FS

// Main runs the subcommand that the process's arguments name and returns its exit code.
func Main() int {
	return command.Main("content", append(data.Commands("content", migrations, setup), seedCommand())...)
}

func setup(_ context.Context, mux *server.Mux, pool *pgxpool.Pool) error {
	store := store{pool}
	mux.Handle("GET /v1/posts", problem.Handler(store.list))
	mux.Handle("GET /v1/posts/{slug}", problem.Handler(store.get))
	return nil
}

type store struct{ pool *pgxpool.Pool }

// row is a post as the table has it.
type row struct {
	client.PostSummary
	body string
}

// public selects what readers may see.
const public = `
	SELECT id, title, slug, summary, published_at, body FROM content.posts
	WHERE published_at <= now()`

func (s store) list(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	// Query's error comes back from CollectRows.
	rows, _ := s.pool.Query(r.Context(), public+` ORDER BY published_at DESC, id DESC LIMIT $1`, limit)
	posts, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return postgres.Classify(err, noSuchPost)
	}
	list := client.PostList{Posts: make([]client.PostSummary, len(posts))}
	for i, post := range posts {
		list.Posts[i] = post.PostSummary
	}
	return problem.JSON(w, list)
}

func (s store) get(w http.ResponseWriter, r *http.Request) error {
	rows, _ := s.pool.Query(r.Context(), public+` AND slug = $1`, r.PathValue("slug"))
	post, err := pgx.CollectExactlyOneRow(rows, scan)
	if err != nil {
		return postgres.Classify(err, noSuchPost)
	}
	return problem.JSON(w, client.Post{PostSummary: post.PostSummary, Body: post.body})
}

func scan(r pgx.CollectableRow) (row, error) {
	var post row
	err := r.Scan(&post.ID, &post.Title, &post.Slug, &post.Summary, &post.PublishedAt, &post.body)
	post.PublishedAt = post.PublishedAt.UTC()
	post.ReadingMinutes = readingMinutes(post.body)
	return post, err
}

// readingMinutes rounds up: nothing takes zero minutes to read.
func readingMinutes(body string) int {
	return max(1, (len(strings.Fields(body))+wordsPerMinute-1)/wordsPerMinute)
}

func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, &problem.Error{Status: http.StatusBadRequest, Detail: fmt.Sprintf("limit must be a number from 1 to %d.", maxLimit)}
	}
	return limit, nil
}
