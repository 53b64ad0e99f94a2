package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/content/internal/markdown"
	"blogplatform.io/operator/services/internal/page"
	"blogplatform.io/operator/services/internal/problem"
)

const (
	noSuchPost = "There is no published post with this slug."
	// wordsPerMinute is how fast an adult reads English prose silently
	// (Brysbaert 2019 found 238).
	wordsPerMinute = 238
	// maxIDs is how many posts may be asked for by their ids.
	maxIDs = 100
)

// readingMinutes rounds up: nothing takes zero minutes to read.
func readingMinutes(words int) int { return max(1, (words+wordsPerMinute-1)/wordsPerMinute) }

// The ways to pick one page of public posts, each by one index. $1 and $2 are
// the key of the last row before the page, $3 is how many rows to take.
const (
	pickAll = `SELECT id FROM content.posts
		WHERE published_at <= now() AND (published_at, id) < ($1, $2)
		ORDER BY published_at DESC, id DESC LIMIT $3`
	pickTag = `SELECT pt.post_id AS id FROM content.post_tags pt
		WHERE pt.tag_id = (SELECT id FROM content.tags WHERE slug = $4)
			AND pt.published_at <= now() AND (pt.published_at, pt.post_id) < ($1, $2)
		ORDER BY pt.published_at DESC, pt.post_id DESC LIMIT $3`
	pickAuthor = `SELECT id FROM content.posts
		WHERE author_id = $4 AND published_at <= now() AND (published_at, id) < ($1, $2)
		ORDER BY published_at DESC, id DESC LIMIT $3`
	pickIDs = `SELECT id FROM content.posts
		WHERE id = ANY ($4) AND published_at <= now() AND (published_at, id) < ($1, $2)
		ORDER BY published_at DESC, id DESC LIMIT $3`
	pickCategory = `SELECT found.id FROM (
			WITH RECURSIVE below AS (
				SELECT id FROM content.categories WHERE slug = $4
				UNION SELECT c.id FROM content.categories c JOIN below ON c.parent_id = below.id)
			SELECT id FROM below) b
		CROSS JOIN LATERAL (
			SELECT p.id, p.published_at FROM content.posts p
			WHERE p.category_id = b.id AND p.published_at <= now() AND (p.published_at, p.id) < ($1, $2)
			ORDER BY p.published_at DESC, p.id DESC LIMIT $3) found
		ORDER BY found.published_at DESC, found.id DESC LIMIT $3`
)

// summaryColumns are those of summaryRow.
const summaryColumns = `p.id, p.title, p.slug, p.summary, p.published_at, p.author_id, p.author_name, c.slug, c.name, p.words,
	(SELECT coalesce(jsonb_agg(jsonb_build_object('slug', t.slug, 'name', t.name) ORDER BY pt.place), '[]')
		FROM content.post_tags pt JOIN content.tags t ON t.id = pt.tag_id WHERE pt.post_id = p.id)`

type summaryRow struct {
	ID                         int64
	Title, Slug, Summary       string
	PublishedAt                time.Time
	AuthorID                   *int64
	AuthorName                 string
	CategorySlug, CategoryName *string
	Words                      int
	Tags                       []api.Tag
}

func (r summaryRow) category() *api.CategoryRef {
	if r.CategorySlug == nil {
		return nil
	}
	return &api.CategoryRef{Slug: *r.CategorySlug, Name: *r.CategoryName}
}

func (r summaryRow) summary() api.PostSummary {
	return api.PostSummary{
		ID: r.ID, Title: r.Title, Slug: r.Slug, Summary: r.Summary, PublishedAt: r.PublishedAt.UTC(),
		Author: api.Author{ID: r.AuthorID, Name: r.AuthorName}, Category: r.category(), Tags: r.Tags, ReadingMinutes: readingMinutes(r.Words),
	}
}

// ListPosts implements api.StrictServerInterface.
func (s *service) ListPosts(ctx context.Context, r api.ListPostsRequestObject) (api.ListPostsResponseObject, error) {
	limit, err := page.Limit(r.Params.Limit)
	if err != nil {
		return nil, err
	}
	after, err := page.After(r.Params.After, page.First)
	if err != nil {
		return nil, err
	}
	selected, err := selection(r.Params)
	if err != nil {
		return nil, err
	}
	args := append([]any{after.At, after.ID, limit + 1}, selected.args...)
	// Query's error comes back from CollectRows.
	rows, _ := s.pool.Query(ctx, `SELECT `+summaryColumns+` FROM (`+selected.pick+`) picked
		JOIN content.posts p ON p.id = picked.id LEFT JOIN content.categories c ON c.id = p.category_id
		ORDER BY p.published_at DESC, p.id DESC`, args...)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[summaryRow])
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && selected.exists != "" {
		var exists bool
		if err := s.pool.QueryRow(ctx, selected.exists, selected.args...).Scan(&exists); err != nil {
			return nil, err
		}
		if !exists {
			return nil, &problem.Error{Status: http.StatusNotFound, Detail: "There is no such tag or category."}
		}
	}
	found, next := page.Cut(found, limit, func(r summaryRow) page.Key { return page.Key{At: r.PublishedAt, ID: r.ID} })
	list := api.ListPosts200JSONResponse{Posts: make([]api.PostSummary, len(found)), Next: next}
	for i, row := range found {
		list.Posts[i] = row.summary()
	}
	return list, nil
}

// selected is which posts a list has.
type selected struct {
	pick string
	// exists asks whether there is what selects, empty where there always is.
	exists string
	args   []any
}

func selection(p api.ListPostsParams) (selected, error) {
	var chosen []selected
	if p.Tag != nil {
		chosen = append(chosen, selected{pickTag, `SELECT EXISTS (SELECT FROM content.tags WHERE slug = $1)`, []any{*p.Tag}})
	}
	if p.Category != nil {
		chosen = append(chosen, selected{pickCategory, `SELECT EXISTS (SELECT FROM content.categories WHERE slug = $1)`, []any{*p.Category}})
	}
	for _, bySlug := range chosen {
		if slug, _ := bySlug.args[0].(string); !isSlug(slug) {
			return selected{}, &problem.Error{Status: http.StatusNotFound, Detail: "There is no such tag or category."}
		}
	}
	if p.Author != nil {
		chosen = append(chosen, selected{pick: pickAuthor, args: []any{*p.Author}})
	}
	if p.Ids != nil {
		if len(*p.Ids) > maxIDs {
			return selected{}, problem.Invalid("ids", fmt.Sprintf("must be at most %d.", maxIDs))
		}
		chosen = append(chosen, selected{pick: pickIDs, args: []any{*p.Ids}})
	}
	switch len(chosen) {
	case 0:
		return selected{pick: pickAll}, nil
	case 1:
		return chosen[0], nil
	}
	return selected{}, problem.Invalid("tag", "cannot be combined with category, author or ids, nor they with each other; choose one.")
}

type postRow struct {
	summaryRow
	UpdatedAt             time.Time
	Body                  *string // only where HTML has to be made
	HTML                  string
	Headings              []byte
	NewerTitle, NewerSlug *string
	OlderTitle, OlderSlug *string
}

// getPost finds a public post by its slug, and those beside it.
const getPost = `SELECT ` + summaryColumns + `, p.updated_at,
		CASE WHEN p.renderer < $2 THEN p.body END, p.html, p.headings, newer.title, newer.slug, older.title, older.slug
	FROM content.posts p LEFT JOIN content.categories c ON c.id = p.category_id
	LEFT JOIN LATERAL (
		SELECT n.title, n.slug FROM content.posts n
		WHERE n.published_at <= now() AND (n.published_at, n.id) > (p.published_at, p.id)
		ORDER BY n.published_at, n.id LIMIT 1) newer ON true
	LEFT JOIN LATERAL (
		SELECT o.title, o.slug FROM content.posts o
		WHERE o.published_at <= now() AND (o.published_at, o.id) < (p.published_at, p.id)
		ORDER BY o.published_at DESC, o.id DESC LIMIT 1) older ON true
	WHERE p.slug = $1 AND p.published_at <= now()`

// GetPost implements api.StrictServerInterface.
func (s *service) GetPost(ctx context.Context, r api.GetPostRequestObject) (api.GetPostResponseObject, error) {
	if !isSlug(r.Slug) {
		return nil, &problem.Error{Status: http.StatusNotFound, Detail: noSuchPost}
	}
	readers, err := viewsOf(r.Params.BlogViews)
	if err != nil {
		return nil, err
	}
	rows, _ := s.pool.Query(ctx, getPost, r.Slug, rendererVersion)
	row, err := pgx.CollectExactlyOneRow(rows, scanPost)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.moved(ctx, r.Slug)
	}
	if err != nil {
		return nil, err
	}
	shown, err := s.shown(ctx, row)
	if err != nil {
		return nil, err
	}
	s.views.add(row.ID, readers)
	return api.GetPost200JSONResponse{
		ID: row.ID, Title: row.Title, Slug: row.Slug, Summary: row.Summary, PublishedAt: row.PublishedAt.UTC(), UpdatedAt: row.UpdatedAt.UTC(),
		Author: api.Author{ID: row.AuthorID, Name: row.AuthorName}, Category: row.category(), Tags: row.Tags,
		ReadingMinutes: readingMinutes(shown.Words), HTML: shown.HTML, Headings: headings(shown),
		Newer: link(row.NewerTitle, row.NewerSlug), Older: link(row.OlderTitle, row.OlderSlug),
	}, nil
}

func scanPost(r pgx.CollectableRow) (postRow, error) {
	var p postRow
	err := r.Scan(&p.ID, &p.Title, &p.Slug, &p.Summary, &p.PublishedAt, &p.AuthorID, &p.AuthorName, &p.CategorySlug, &p.CategoryName, &p.Words, &p.Tags,
		&p.UpdatedAt, &p.Body, &p.HTML, &p.Headings, &p.NewerTitle, &p.NewerSlug, &p.OlderTitle, &p.OlderSlug)
	return p, err
}

// shown is what readers see of a post.
func (s *service) shown(ctx context.Context, p postRow) (markdown.Result, error) {
	if p.Body != nil {
		return s.renderer.stored(ctx, *p.Body)
	}
	shown := markdown.Result{HTML: p.HTML, Words: p.Words}
	if err := json.Unmarshal(p.Headings, &shown.Headings); err != nil {
		return shown, fmt.Errorf("read the headings of post %d: %w", p.ID, err)
	}
	return shown, nil
}

// moved answers with the present slug of a public post that had this one.
func (s *service) moved(ctx context.Context, former string) (api.GetPostResponseObject, error) {
	var slug string
	err := s.pool.QueryRow(ctx, `SELECT p.slug FROM content.former_slugs f JOIN content.posts p ON p.id = f.post_id
		WHERE f.slug = $1 AND p.published_at <= now()`, former).Scan(&slug)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, &problem.Error{Status: http.StatusNotFound, Detail: noSuchPost}
	}
	if err != nil {
		return nil, err
	}
	return api.GetPost301JSONResponse{Body: api.Moved{Slug: slug}, Headers: api.GetPost301ResponseHeaders{Location: "/v1/posts/" + slug}}, nil
}

func link(title, slug *string) *api.PostLink {
	if slug == nil {
		return nil
	}
	return &api.PostLink{Title: *title, Slug: *slug}
}
