package service

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/content/internal/markdown"
	"blogplatform.io/operator/services/internal/caller"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/page"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
)

// slugTries is how many numbers are tried behind a slug that is taken.
const slugTries = 9

// errSlugTaken says that another post has the slug, or had it while it was public.
var errSlugTaken = errors.New("the slug is taken")

// record is a post as its writers see it.
type record struct {
	ID                         int64
	Title, Slug, Summary, Body string
	HTML                       string
	Words                      int
	Stale                      bool
	CategoryID                 *int64
	State                      api.State
	Revision                   int64
	AuthorID                   *int64
	AuthorName                 string
	UpdatedAt                  time.Time
	PublishedAt, FirstAt       *time.Time
	Tags                       []api.Tag
}

func (r record) post() post {
	return post{author: r.AuthorID, state: r.State, published: r.FirstAt != nil}
}

func (r record) author() api.Author { return api.Author{ID: r.AuthorID, Name: r.AuthorName} }

// document is a record as one person gets it.
func (s *service) document(ctx context.Context, r record, who token.Claims) (api.Manuscript, error) {
	html, words := r.HTML, r.Words
	if r.Stale {
		rendered, err := s.renderer.stored(ctx, r.Body)
		if err != nil {
			return api.Manuscript{}, err
		}
		html, words = rendered.HTML, rendered.Words
	}
	m := api.Manuscript{
		ID: r.ID, Title: r.Title, Slug: r.Slug, Summary: r.Summary, Body: r.Body, HTML: html, Words: words, ReadingMinutes: readingMinutes(words),
		CategoryID: r.CategoryID, State: r.State, Revision: r.Revision, Author: r.author(),
		UpdatedAt: r.UpdatedAt.UTC(), PublishedAt: utc(r.PublishedAt), May: r.post().may(who), Tags: make([]string, len(r.Tags)),
	}
	for i, tag := range r.Tags {
		m.Tags[i] = tag.Name
	}
	return m, nil
}

// says reports whether the record is what a save asks for already.
func (r record) says(m manuscript) bool {
	return r.Title == m.title && r.Summary == m.summary && r.Body == m.body && (m.slug == "" || m.slug == r.Slug) &&
		(r.CategoryID == nil) == (m.category == nil) && input.Value(r.CategoryID) == input.Value(m.category) && slices.Equal(slugs(r.Tags), slugs(m.tags))
}

func slugs(tags []api.Tag) []string {
	out := make([]string, len(tags))
	for i, tag := range tags {
		out[i] = tag.Slug
	}
	return out
}

// database is a pool or a transaction.
type database interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const selectRecord = `SELECT p.id, p.title, p.slug, p.summary, p.body, p.html, p.words, p.renderer < $2, p.category_id, p.state, p.revision,
		p.author_id, p.author_name, p.updated_at, p.published_at, p.first_published_at,
		(SELECT coalesce(jsonb_agg(jsonb_build_object('slug', t.slug, 'name', t.name) ORDER BY pt.place), '[]')
			FROM content.post_tags pt JOIN content.tags t ON t.id = pt.tag_id WHERE pt.post_id = p.id)
	FROM content.posts p WHERE p.id = $1`

// find returns the post with that id, whatever its state. lock is empty or FOR UPDATE.
func find(ctx context.Context, db database, id int64, lock string) (record, error) {
	rows, _ := db.Query(ctx, selectRecord+lock, id, rendererVersion)
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[record])
	if errors.Is(err, pgx.ErrNoRows) {
		return record{}, noManuscript()
	}
	return found, err
}

const forUpdate = ` FOR UPDATE`

// ListManuscripts implements api.StrictServerInterface.
func (s *service) ListManuscripts(ctx context.Context, r api.ListManuscriptsRequestObject) (api.ListManuscriptsResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	limit, err := page.Limit(r.Params.Limit)
	if err != nil {
		return nil, err
	}
	after, err := page.After(r.Params.After, page.First)
	if err != nil {
		return nil, err
	}
	where, args, err := view(who, r.Params)
	if err != nil {
		return nil, err
	}
	type row struct {
		ID          int64
		Title, Slug string
		State       api.State
		Revision    int64
		AuthorID    *int64
		AuthorName  string
		UpdatedAt   time.Time
		PublishedAt *time.Time
		Words       int
		Views       int64
	}
	rows, _ := s.pool.Query(ctx, `SELECT id, title, slug, state, revision, author_id, author_name, updated_at, published_at, words,
			coalesce((SELECT views FROM content.post_views v WHERE v.post_id = posts.id), 0)
		FROM content.posts WHERE (updated_at, id) < ($1, $2)`+where+` ORDER BY updated_at DESC, id DESC LIMIT $3`,
		append([]any{after.At, after.ID, limit + 1}, args...)...)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
	if err != nil {
		return nil, err
	}
	found, next := page.Cut(found, limit, func(r row) page.Key { return page.Key{At: r.UpdatedAt, ID: r.ID} })
	list := api.ListManuscripts200JSONResponse{Manuscripts: make([]api.ManuscriptSummary, len(found)), Next: next}
	for i, f := range found {
		list.Manuscripts[i] = api.ManuscriptSummary{
			ID: f.ID, Title: f.Title, Slug: f.Slug, State: f.State, Revision: f.Revision, Author: api.Author{ID: f.AuthorID, Name: f.AuthorName},
			UpdatedAt: f.UpdatedAt.UTC(), PublishedAt: utc(f.PublishedAt), Words: f.Words, Views: f.Views,
		}
	}
	return list, nil
}

// view returns the condition of a view for the person; its parameters are $4 and on.
func view(who token.Claims, p api.ListManuscriptsParams) (where string, args []any, err error) {
	chosen := api.Mine
	if p.View != nil {
		chosen = *p.View
	}
	switch chosen {
	case api.Mine:
		where, args = ` AND author_id = $4`, []any{who.Person}
	case api.Review:
		where, args = ` AND state = 'in_review'`, nil
		if !who.Role.Includes(token.Admin) {
			where, args = where+` AND author_id IS DISTINCT FROM $4`, []any{who.Person}
		}
	case api.All:
		if !who.Role.Includes(token.Admin) {
			return "", nil, &problem.Error{Status: http.StatusForbidden, Field: "view", Detail: "Only an Admin sees the manuscripts of all."}
		}
	default:
		return "", nil, problem.Invalid("view", "must be mine, review or all.")
	}
	if p.State != nil {
		if !p.State.Valid() {
			return "", nil, problem.Invalid("state", "must be draft, in_review, changes_requested, published or archived.")
		}
		args = append(args, *p.State)
		where += ` AND state = $` + strconv.Itoa(3+len(args))
	}
	return where, args, nil
}

// GetManuscript implements api.StrictServerInterface.
func (s *service) GetManuscript(ctx context.Context, r api.GetManuscriptRequestObject) (api.GetManuscriptResponseObject, error) {
	who, found, err := s.readable(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	document, err := s.document(ctx, found, who)
	if err != nil {
		return nil, err
	}
	return api.GetManuscript200JSONResponse{Body: document, Headers: api.GetManuscript200ResponseHeaders{ETag: input.ETag(found.Revision)}}, nil
}

// readable returns who asks and a post that they may see.
func (s *service) readable(ctx context.Context, id int64) (token.Claims, record, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return token.Claims{}, record{}, err
	}
	found, err := find(ctx, s.pool, id, "")
	if err == nil && !found.post().readable(who) {
		err = noManuscript()
	}
	return who, found, err
}

// CreateManuscript implements api.StrictServerInterface.
func (s *service) CreateManuscript(ctx context.Context, r api.CreateManuscriptRequestObject) (api.CreateManuscriptResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	in, err := s.readManuscript(ctx, r.Body)
	if err != nil {
		return nil, err
	}
	key := input.Value(r.Params.IdempotencyKey)
	if err := input.Text("Idempotency-Key", key, 0, maxKey); err != nil {
		return nil, err
	}
	var (
		made  record
		again bool
	)
	err = s.changes.Make(ctx, who, creates, func(tx pgx.Tx) error {
		if key != "" {
			if made, again, err = createdBefore(ctx, tx, who.Person, key); err != nil || again {
				return err
			}
		}
		if made, err = createSomewhere(ctx, tx, who, in); err != nil || key == "" {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO content.creations (person_id, key, post_id) VALUES ($1, $2, $3)`, who.Person, key, made.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	document, err := s.document(ctx, made, who)
	if err != nil {
		return nil, err
	}
	if again {
		return api.CreateManuscript200JSONResponse{Body: document, Headers: api.CreateManuscript200ResponseHeaders{ETag: input.ETag(made.Revision)}}, nil
	}
	return api.CreateManuscript201JSONResponse{Body: document, Headers: api.CreateManuscript201ResponseHeaders{ETag: input.ETag(made.Revision)}}, nil
}

// createdBefore returns the post that the person made with the key, and whether
// there is one. Requests with the same key wait here for each other.
func createdBefore(ctx context.Context, tx pgx.Tx, person int64, key string) (record, bool, error) {
	// The lock is taken by a statement of its own: the next one sees what
	// happened while it waited.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, $2))`, "creation "+key, person); err != nil {
		return record{}, false, fmt.Errorf("lock a creation: %w", err)
	}
	var id int64
	err := tx.QueryRow(ctx, `SELECT post_id FROM content.creations WHERE person_id = $1 AND key = $2`, person, key).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, fmt.Errorf("look for a creation: %w", err)
	}
	found, err := find(ctx, tx, id, "")
	return found, err == nil, err
}

// createSomewhere makes a post at the address that was asked for, or at the first
// free one that its title gives.
func createSomewhere(ctx context.Context, tx pgx.Tx, who token.Claims, in manuscript) (made record, err error) {
	candidates := []string{in.slug}
	if in.slug == "" {
		candidates = slugsFor(in.title)
	}
	for _, in.slug = range candidates {
		// A savepoint: a slug that turns out to be taken leaves nothing behind.
		err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
			made, err = create(ctx, tx, who, in)
			return err
		})
		if !errors.Is(err, errSlugTaken) {
			return made, err
		}
	}
	return record{}, slugTaken()
}

// slugsFor returns the slugs to try for a title, the last of which nobody can have guessed.
func slugsFor(title string) []string {
	slug := markdown.Slug(title)
	if slug == "" {
		slug = "post"
	}
	const room = len("-") + 8
	slug = strings.TrimRight(slug[:min(len(slug), maxSlug-room)], "-")
	candidates := []string{slug}
	for n := 2; n <= slugTries; n++ {
		candidates = append(candidates, fmt.Sprintf("%s-%d", slug, n))
	}
	return append(candidates, slug+"-"+strings.ToLower(rand.Text()[:8]))
}

func create(ctx context.Context, tx pgx.Tx, who token.Claims, in manuscript) (record, error) {
	encoded, err := json.Marshal(headings(in.rendered))
	if err != nil {
		return record{}, fmt.Errorf("encode the headings: %w", err)
	}
	var id int64
	err = tx.QueryRow(ctx, `
		INSERT INTO content.posts (slug, title, summary, body, html, headings, words, renderer, category_id, state, author_id, author_name)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'draft', $10, $11) ON CONFLICT (slug) DO NOTHING RETURNING id`,
		in.slug, in.title, in.summary, in.body, in.rendered.HTML, encoded, in.rendered.Words, rendererVersion, in.category, who.Person, who.Name).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return record{}, errSlugTaken
	}
	if err != nil {
		return record{}, refusedCategory(err)
	}
	if err := errors.Join(formerlyTaken(ctx, tx, in.slug, id), setTags(ctx, tx, id, in.tags, nil), note(ctx, tx, who, id, 1, "create", "")); err != nil {
		return record{}, err
	}
	return find(ctx, tx, id, "")
}

// SaveManuscript implements api.StrictServerInterface.
func (s *service) SaveManuscript(ctx context.Context, r api.SaveManuscriptRequestObject) (api.SaveManuscriptResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	revision, err := input.Revision(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	in, err := s.readManuscript(ctx, r.Body)
	if err != nil {
		return nil, err
	}
	var (
		found    record
		conflict bool
	)
	err = s.changes.Make(ctx, who, saves, func(tx pgx.Tx) error {
		if found, err = find(ctx, tx, r.ID, forUpdate); err != nil {
			return err
		}
		refused := found.post().judge(who, api.ActionEdit)
		if refused == nil || found.post().writtenBy(who) || who.Role.Includes(token.Admin) {
			// A replay is answered as the save was, whatever has happened to the post since.
			if found.says(in) {
				return forget(ctx, tx, r.ID, who.Person)
			}
		}
		if refused != nil {
			return refused
		}
		if conflict = found.Revision != revision; conflict {
			return nil
		}
		found, err = save(ctx, tx, who, found, in)
		return err
	})
	switch {
	case errors.Is(err, errSlugTaken):
		return nil, slugTaken()
	case err != nil:
		return nil, err
	}
	document, err := s.document(ctx, found, who)
	if err != nil {
		return nil, err
	}
	if conflict {
		return api.SaveManuscript412ApplicationProblemPlusJSONResponse(conflictOf(r.Body, document)), nil
	}
	return api.SaveManuscript200JSONResponse{Body: document, Headers: api.SaveManuscript200ResponseHeaders{ETag: input.ETag(found.Revision)}}, nil
}

func conflictOf(yours *api.ManuscriptInput, theirs api.Manuscript) api.Conflict {
	return api.Conflict{
		Type: "about:blank", Title: http.StatusText(http.StatusPreconditionFailed), Status: http.StatusPreconditionFailed, Field: new("If-Match"),
		Detail: new(fmt.Sprintf("Somebody saved revision %d in the meantime. Both versions are here: bring them together and save on top of it.", theirs.Revision)),
		Yours:  input.Value(yours), Theirs: theirs,
	}
}

// save writes a new revision of a post that is locked.
func save(ctx context.Context, tx pgx.Tx, who token.Claims, old record, in manuscript) (record, error) {
	encoded, err := json.Marshal(headings(in.rendered))
	if err != nil {
		return record{}, fmt.Errorf("encode the headings: %w", err)
	}
	if in.slug == "" {
		in.slug = old.Slug
	}
	name := old.AuthorName
	if old.post().writtenBy(who) {
		name = who.Name
	}
	if err := rename(ctx, tx, old, in.slug); err != nil {
		return record{}, err
	}
	_, err = tx.Exec(ctx, `
		UPDATE content.posts SET title = $2, summary = $3, body = $4, html = $5, headings = $6, words = $7, renderer = $8,
			category_id = $9, author_name = $10, revision = revision + 1, updated_at = now()
		WHERE id = $1`,
		old.ID, in.title, in.summary, in.body, in.rendered.HTML, encoded, in.rendered.Words, rendererVersion, in.category, name)
	if err != nil {
		return record{}, refusedCategory(err)
	}
	err = errors.Join(setTags(ctx, tx, old.ID, in.tags, old.PublishedAt), forget(ctx, tx, old.ID, who.Person))
	if err == nil && old.State == api.StatePublished {
		err = note(ctx, tx, who, old.ID, old.Revision+1, "edit", "")
	}
	if err != nil {
		return record{}, err
	}
	return find(ctx, tx, old.ID, "")
}

// rename gives a post another slug. The one it had while it was public leads
// readers on.
func rename(ctx context.Context, tx pgx.Tx, old record, slug string) error {
	if slug == old.Slug {
		return nil
	}
	tag, err := tx.Exec(ctx, `UPDATE content.posts SET slug = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM content.posts WHERE slug = $2)`, old.ID, slug)
	if isUnique(err) || err == nil && tag.RowsAffected() == 0 {
		return errSlugTaken
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM content.former_slugs WHERE slug = $1 AND post_id = $2`, slug, old.ID); err != nil {
		return err
	}
	if old.FirstAt != nil {
		if _, err := tx.Exec(ctx, `INSERT INTO content.former_slugs (slug, post_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, old.Slug, old.ID); err != nil {
			return err
		}
	}
	return formerlyTaken(ctx, tx, slug, old.ID)
}

// formerlyTaken refuses a slug that leads readers to another post. It is asked
// after the slug was written: who gave it up before has committed by then.
func formerlyTaken(ctx context.Context, tx pgx.Tx, slug string, id int64) error {
	var taken bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM content.former_slugs WHERE slug = $1 AND post_id <> $2)`, slug, id).Scan(&taken)
	if err == nil && taken {
		return errSlugTaken
	}
	return err
}

func slugTaken() error {
	return &problem.Error{Status: http.StatusConflict, Field: "body.slug", Detail: "body.slug is taken: another post has it, or had it. Choose another."}
}

// setTags gives a post its tags, in this order.
func setTags(ctx context.Context, tx pgx.Tx, id int64, tags []api.Tag, publishedAt *time.Time) error {
	names := make([]string, len(tags))
	for i, tag := range tags {
		names[i] = tag.Name
	}
	for _, statement := range []struct {
		sql  string
		args []any
	}{
		// In order of their slugs, so that two who make the same tags do not wait for each other.
		{`INSERT INTO content.tags (slug, name) SELECT * FROM unnest($1::text[], $2::text[]) AS t (slug, name) ORDER BY slug ON CONFLICT (slug) DO NOTHING`,
			[]any{slugs(tags), names}},
		{`DELETE FROM content.post_tags WHERE post_id = $1`, []any{id}},
		{`INSERT INTO content.post_tags (post_id, tag_id, place, published_at)
			SELECT $1, t.id, s.place, $3 FROM unnest($2::text[]) WITH ORDINALITY AS s (slug, place) JOIN content.tags t ON t.slug = s.slug`,
			[]any{id, slugs(tags), publishedAt}},
	} {
		if _, err := tx.Exec(ctx, statement.sql, statement.args...); err != nil {
			return fmt.Errorf("set the tags of post %d: %w", id, err)
		}
	}
	return nil
}

// note writes to a post's log.
func note(ctx context.Context, tx pgx.Tx, who token.Claims, id, revision int64, action, text string) error {
	_, err := tx.Exec(ctx, `INSERT INTO content.post_log (post_id, revision, actor_id, actor_name, action, note) VALUES ($1, $2, $3, $4, $5, $6)`,
		id, revision, who.Person, who.Name, action, text)
	if err != nil {
		return fmt.Errorf("write the log of post %d: %w", id, err)
	}
	return nil
}

// DeleteManuscript implements api.StrictServerInterface.
func (s *service) DeleteManuscript(ctx context.Context, r api.DeleteManuscriptRequestObject) (api.DeleteManuscriptResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	err = s.changes.Make(ctx, who, saves, func(tx pgx.Tx) error {
		found, err := find(ctx, tx, r.ID, forUpdate)
		if err != nil {
			return err
		}
		if err := found.post().judge(who, api.ActionDelete); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM content.posts WHERE id = $1`, r.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.DeleteManuscript204Response{}, nil
}

// MoveManuscript implements api.StrictServerInterface.
func (s *service) MoveManuscript(ctx context.Context, r api.MoveManuscriptRequestObject) (api.MoveManuscriptResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	revision, err := input.Revision(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if !r.Body.Action.Valid() {
		return nil, problem.Invalid("body.action", "must be submit, withdraw, publish, request_changes, archive or restore.")
	}
	reason := input.Value(r.Body.Note)
	least := 0
	if r.Body.Action == api.TransitionActionRequestChanges {
		least = 1
	}
	if err := input.Text("body.note", reason, least, maxNote); err != nil {
		return nil, err
	}
	var (
		found    record
		conflict bool
	)
	err = s.changes.Make(ctx, who, saves, func(tx pgx.Tx) error {
		if found, err = find(ctx, tx, r.ID, forUpdate); err != nil {
			return err
		}
		action := api.Action(r.Body.Action)
		if err := found.post().judge(who, action); err != nil {
			return err
		}
		if conflict = found.Revision != revision; conflict {
			return nil
		}
		found, err = move(ctx, tx, who, found, action, reason)
		return err
	})
	if err != nil {
		return nil, err
	}
	document, err := s.document(ctx, found, who)
	if err != nil {
		return nil, err
	}
	if conflict {
		seen := api.ManuscriptInput{Title: found.Title, Summary: &found.Summary, Body: found.Body, Slug: &found.Slug}
		return api.MoveManuscript412ApplicationProblemPlusJSONResponse(conflictOf(&seen, document)), nil
	}
	return api.MoveManuscript200JSONResponse{Body: document, Headers: api.MoveManuscript200ResponseHeaders{ETag: input.ETag(found.Revision)}}, nil
}

// move takes a locked post to the state that follows. A post that was public
// before keeps its date.
func move(ctx context.Context, tx pgx.Tx, who token.Claims, old record, action api.Action, reason string) (record, error) {
	_, err := tx.Exec(ctx, `
		UPDATE content.posts SET state = $2, updated_at = now(), revision = revision + 1,
			published_at = CASE WHEN $2 = 'published' THEN coalesce(first_published_at, now()) END,
			first_published_at = CASE WHEN $2 = 'published' THEN coalesce(first_published_at, now()) ELSE first_published_at END
		WHERE id = $1`, old.ID, string(rules[action].to))
	if err != nil {
		return record{}, fmt.Errorf("move post %d: %w", old.ID, err)
	}
	_, err = tx.Exec(ctx, `UPDATE content.post_tags SET published_at = p.published_at FROM content.posts p WHERE post_id = $1 AND p.id = $1`, old.ID)
	if err != nil {
		return record{}, fmt.Errorf("move the tags of post %d: %w", old.ID, err)
	}
	if err := note(ctx, tx, who, old.ID, old.Revision+1, string(action), reason); err != nil {
		return record{}, err
	}
	return find(ctx, tx, old.ID, "")
}

// GetManuscriptLog implements api.StrictServerInterface.
func (s *service) GetManuscriptLog(ctx context.Context, r api.GetManuscriptLogRequestObject) (api.GetManuscriptLogResponseObject, error) {
	if _, _, err := s.readable(ctx, r.ID); err != nil {
		return nil, err
	}
	rows, _ := s.pool.Query(ctx, `SELECT at, actor_id, actor_name, action, revision, note FROM content.post_log WHERE post_id = $1 ORDER BY id DESC LIMIT 100`, r.ID)
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (api.LogEntry, error) {
		var e api.LogEntry
		err := row.Scan(&e.At, &e.Actor.ID, &e.Actor.Name, &e.Action, &e.Revision, &e.Note)
		e.At = e.At.UTC()
		return e, err
	})
	if err != nil {
		return nil, err
	}
	return api.GetManuscriptLog200JSONResponse{Entries: entries}, nil
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC())
}
