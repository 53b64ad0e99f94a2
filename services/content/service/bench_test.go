package service

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"blogplatform.io/operator/services/internal/page"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

// BenchmarkPublicPosts measures the answers that public pages are made of, with
// few posts and with many: each must cost the same, up to a factor of two.
func BenchmarkPublicPosts(b *testing.B) {
	for _, posts := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("posts=%d", posts), func(b *testing.B) {
			w := newWorld(b, postgres.Shared(b))
			w.fill(b, posts)
			// Far down the list: behind nine of ten posts.
			deep := page.Key{At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(posts/10) * time.Minute), ID: int64(posts / 10)}
			for name, path := range map[string]string{
				"first":    "/v1/posts",
				"deep":     "/v1/posts?after=" + deep.String(),
				"tag":      "/v1/posts?tag=tag-3",
				"category": "/v1/posts?category=all",
				"author":   "/v1/posts?author=3",
				"post":     fmt.Sprintf("/v1/posts/post-%d", posts/2),
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						w.anybody.Ask(b, "GET", path, nil).Into(http.StatusOK, nil)
					}
				})
			}
		})
	}
}

// fill writes that many public posts, of two thousand characters, with two tags
// of twenty each, in a tree of ten categories, by fifty authors.
func (w *world) fill(b *testing.B, posts int) {
	b.Helper()
	for _, statement := range []string{
		`INSERT INTO content.categories (slug, name) VALUES ('all', 'All')`,
		`INSERT INTO content.categories (slug, name, parent_id) SELECT 'c-' || i, 'C' || i, 1 FROM generate_series(2, 10) i`,
		`INSERT INTO content.tags (slug, name) SELECT 'tag-' || i, 'Tag ' || i FROM generate_series(1, 20) i`,
		fmt.Sprintf(`INSERT INTO content.posts (slug, title, summary, body, html, words, renderer, state, author_id, author_name, category_id, published_at, first_published_at)
			SELECT 'post-' || i, 'Post ' || i, repeat('word ', 30), repeat(md5(i::text) || ' ', 60), repeat(md5(i::text) || ' ', 60), 300, %d, 'published', i %% 50 + 1, 'Author', i %% 10 + 1,
				timestamptz '2026-01-01Z' + i * interval '1 minute', timestamptz '2026-01-01Z' + i * interval '1 minute'
			FROM generate_series(1, %d) i`, rendererVersion, posts),
		`INSERT INTO content.post_tags (post_id, tag_id, place, published_at) SELECT id, (id + k * 7) % 20 + 1, k, published_at FROM content.posts, generate_series(1, 2) k`,
		`ANALYZE content.posts`, `ANALYZE content.post_tags`, `ANALYZE content.tags`, `ANALYZE content.categories`,
	} {
		tx, err := w.Pool.Begin(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tx.Exec(b.Context(), `SET LOCAL statement_timeout = 0`); err != nil {
			b.Fatal(err)
		}
		if _, err := tx.Exec(b.Context(), statement); err != nil {
			b.Fatalf("%.60s: %v", statement, err)
		}
		if err := tx.Commit(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
