package service

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"blogplatform.io/operator/services/internal/page"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

// BenchmarkComments measures the comments of one post and the moderators'
// queue, with few comments on the blog and with many: each must cost the same,
// up to a factor of two. One post has a hundredth of all threads.
func BenchmarkComments(b *testing.B) {
	for _, comments := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("comments=%d", comments), func(b *testing.B) {
			w := newWorld(b, postgres.Shared(b))
			w.fill(b, comments)
			deep := page.Key{At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(comments/4) * time.Second), ID: int64(comments / 4)}
			for name, path := range map[string]string{
				"post":       "/v1/posts/7/comments",
				"busy":       "/v1/posts/1/comments",
				"busy, deep": "/v1/posts/1/comments?after=" + deep.String(),
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						w.anybody.Ask(b, "GET", path, nil).Into(http.StatusOK, nil)
					}
				})
			}
			b.Run("queue", func(b *testing.B) {
				for b.Loop() {
					w.editor.Ask(b, "GET", "/v1/moderation/comments", nil).Into(http.StatusOK, nil)
				}
			})
		})
	}
}

// fill writes that many comments: half begin threads, each has one reply, and
// one of a hundred is held. There are ten comments a post, but for the busy one.
func (w *world) fill(b *testing.B, comments int) {
	b.Helper()
	tx, err := w.Pool.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, statement := range []string{
		`SET LOCAL statement_timeout = 0`,
		fmt.Sprintf(`INSERT INTO comment.comments (post_id, author_id, author, body, state, created_at)
			SELECT CASE WHEN i %% 100 = 0 THEN 1 ELSE i / 5 + 1 END, i %% 1000 + 1, 'Author', repeat(md5(i::text) || ' ', 6),
				CASE WHEN i %% 100 = 7 THEN 'held' ELSE 'approved' END, timestamptz '2026-01-01Z' + i * interval '1 second'
			FROM generate_series(1, %d) i`, comments/2),
		`INSERT INTO comment.comments (post_id, author_id, author, body, parent_id, thread_id, depth, created_at)
			SELECT post_id, author_id, author, body, id, id, 1, created_at + interval '1 minute' FROM comment.comments`,
		`ANALYZE comment.comments`,
	} {
		if _, err := tx.Exec(b.Context(), statement); err != nil {
			b.Fatalf("%.60s: %v", statement, err)
		}
	}
	if err := tx.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
}
