package service

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/comment/internal/api"
	"blogplatform.io/operator/services/internal/caller"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/page"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
)

// gone stands in a deleted comment's columns, which may not be empty.
const gone = "-"

// record is a comment as the table has it.
type record struct {
	ID, PostID         int64
	ParentID, ThreadID *int64
	Depth              int
	AuthorID           *int64
	Author, Body       string
	State              api.State
	HeldFor            string
	Revision           int32
	CreatedAt          time.Time
	EditedAt           *time.Time
	Likes              int32
	Liked              bool
}

// columns are those of record; $1 is the person who asks, 0 for nobody.
const columns = `c.id, c.post_id, c.parent_id, c.thread_id, c.depth, c.author_id, c.author, c.body, c.state, c.held_for, c.revision,
	c.created_at, c.edited_at, c.likes, EXISTS (SELECT FROM comment.likes l WHERE l.comment_id = c.id AND l.person_id = $1)`

func (r record) key() page.Key { return page.Key{At: r.CreatedAt, ID: r.ID} }

// saidBy reports whether the person said it; 0 is nobody.
func (r record) saidBy(person int64) bool {
	return person > 0 && r.AuthorID != nil && *r.AuthorID == person
}

// readable reports whether a person without a moderator's role may read it.
func (r record) readable(person int64) bool {
	return r.State == api.StateApproved || r.State == api.StateHeld && r.saidBy(person)
}

// document is the comment as the person gets it.
func (r record) document(person int64) api.Comment {
	if r.State == api.StateDeleted {
		return r.holder()
	}
	c := api.Comment{
		ID: r.ID, PostID: r.PostID, ParentID: r.ParentID, Depth: r.Depth, Author: api.Author{ID: r.AuthorID, Name: r.Author}, Body: r.Body,
		State: r.State, Revision: r.Revision, CreatedAt: r.CreatedAt.UTC(), Likes: r.Likes, Liked: r.Liked, Mine: r.saidBy(person),
	}
	if r.EditedAt != nil {
		c.EditedAt = new(r.EditedAt.UTC())
	}
	return c
}

// holder is what stands for a comment that is not to be read and has replies.
// Why it is not is nobody's business.
func (r record) holder() api.Comment {
	return api.Comment{
		ID: r.ID, PostID: r.PostID, ParentID: r.ParentID, Depth: r.Depth, State: api.StateDeleted, Revision: r.Revision, CreatedAt: r.CreatedAt.UTC(),
	}
}

// asking returns the id of the person who asks, 0 for nobody.
func asking(ctx context.Context) int64 {
	who, _ := caller.From(ctx)
	return who.Person
}

// The first statement finds a page of threads of which something can be read,
// the second the replies in them, which are at most maxReplies a thread. It
// leaves out the bodies, and only says how long they are, where all together are
// longer than $3.
const (
	selectThreads = `SELECT ` + columns + `, octet_length(c.body) FROM comment.comments c
		WHERE c.post_id = $2 AND c.parent_id IS NULL AND (c.created_at, c.id) > ($3, $4)
			AND (c.state = 'approved' OR c.state = 'held' AND c.author_id = $1
				OR EXISTS (SELECT FROM comment.comments r WHERE r.thread_id = c.id AND (r.state = 'approved' OR r.state = 'held' AND r.author_id = $1)))
		ORDER BY c.created_at, c.id LIMIT $5`
	selectReplies = `SELECT c.id, c.post_id, c.parent_id, c.thread_id, c.depth, c.author_id, c.author,
			CASE WHEN sum(octet_length(c.body)) OVER () <= $3 THEN c.body ELSE '' END, c.state, c.held_for, c.revision,
			c.created_at, c.edited_at, c.likes, EXISTS (SELECT FROM comment.likes l WHERE l.comment_id = c.id AND l.person_id = $1), octet_length(c.body)
		FROM comment.comments c WHERE c.thread_id = ANY ($2) ORDER BY c.thread_id, c.id`
)

// A page has at most this many comments, and bytes of what they say. A page may
// end within a thread.
const (
	pageComments = 300
	pageBytes    = 128 << 10
)

// ListComments implements api.StrictServerInterface.
func (s *service) ListComments(ctx context.Context, r api.ListCommentsRequestObject) (api.ListCommentsResponseObject, error) {
	limit, err := page.Limit(r.Params.Limit)
	if err != nil {
		return nil, err
	}
	after, err := placeAfter(r.Params.After)
	if err != nil {
		return nil, err
	}
	person := asking(ctx)
	// Query's error comes back from CollectRows.
	rows, _ := s.pool.Query(ctx, selectThreads, person, r.ID, after.thread.At, after.before(), limit+1)
	threads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sized])
	if err != nil {
		return nil, err
	}
	threads, next := page.Cut(threads, limit, func(t sized) page.Key { return t.key() })
	list := api.ListComments200JSONResponse{Comments: []api.Comment{}, Next: next}
	if len(threads) == 0 {
		return list, nil
	}
	ids := make([]int64, len(threads))
	for i, thread := range threads {
		ids[i] = thread.ID
	}
	rows, _ = s.pool.Query(ctx, selectReplies, person, ids, pageBytes)
	replies, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sized])
	if err != nil {
		return nil, err
	}
	shown, further := cut(arrange(threads, replies, person, after.reply))
	if further != nil {
		list.Next = new(further.String())
	}
	if err := s.fill(ctx, shown); err != nil {
		return nil, err
	}
	for _, e := range shown {
		list.Comments = append(list.Comments, e.document(person))
	}
	return list, nil
}

// sized is a comment and how many bytes its body has. The body is empty where it
// was left out.
type sized struct {
	record
	Size int
}

// entry is a comment in its place.
type entry struct {
	sized
	// thread is the key of the thread's beginning.
	thread page.Key
	// readable says that the person may read it, holds that there are replies that
	// they may read.
	readable, holds bool
}

func (e entry) document(person int64) api.Comment {
	if !e.readable {
		return e.holder()
	}
	return e.record.document(person)
}

// arrange puts each comment before its replies, and returns those after the one
// with the id last, 0 for all. What is not to be read is left out, or stands
// empty where replies to it can be read.
func arrange(threads, replies []sized, person, last int64) []entry {
	children := map[int64][]sized{}
	for _, reply := range replies {
		children[*reply.ParentID] = append(children[*reply.ParentID], reply)
	}
	var all []entry
	var visit func(c sized, thread page.Key) bool
	visit = func(c sized, thread page.Key) bool {
		at := len(all)
		all = append(all, entry{sized: c, thread: thread, readable: c.readable(person)})
		for _, child := range children[c.ID] {
			if visit(child, thread) {
				all[at].holds = true
			}
		}
		return all[at].readable || all[at].holds
	}
	for _, thread := range threads {
		visit(thread, thread.key())
	}
	all = all[1+slices.IndexFunc(all, func(e entry) bool { return e.ID == last }):]
	return slices.DeleteFunc(all, func(e entry) bool { return !e.readable && !e.holds })
}

// cut returns what one page has of entries, and where the next begins, nil if
// that is not within them.
func cut(entries []entry) ([]entry, *place) {
	bytes := 0
	for i, e := range entries {
		if e.readable {
			bytes += e.Size
		}
		if i == 0 || i < pageComments && bytes <= pageBytes {
			continue
		}
		next := place{thread: entries[i-1].thread}
		if e.ParentID != nil {
			next.reply = entries[i-1].ID
		}
		return entries[:i], &next
	}
	return entries, nil
}

// fill gets the bodies that were left out.
func (s *service) fill(ctx context.Context, entries []entry) error {
	lacking := map[int64]*entry{}
	for i, e := range entries {
		if e.readable && e.Body == "" {
			lacking[e.ID] = &entries[i]
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	rows, _ := s.pool.Query(ctx, `SELECT id, body FROM comment.comments WHERE id = ANY ($1)`, slices.Collect(maps.Keys(lacking)))
	var (
		id   int64
		body string
	)
	_, err := pgx.ForEachRow(rows, []any{&id, &body}, func() error {
		lacking[id].Body = body
		return nil
	})
	return err
}

// place is where a page ends: behind a thread, or within it behind the comment
// with the id reply.
type place struct {
	thread page.Key
	reply  int64
}

// String returns the place as clients send it back.
func (p place) String() string {
	if p.reply == 0 {
		return p.thread.String()
	}
	return p.thread.String() + "." + strconv.FormatInt(p.reply, 10)
}

// before is the id before that of the first thread of the next page.
func (p place) before() int64 {
	if p.reply == 0 {
		return p.thread.ID
	}
	return p.thread.ID - 1
}

// placeAfter reads the place that a client sent. The error is a problem.
func placeAfter(sent *string) (place, error) {
	key, reply, within := strings.Cut(input.Value(sent), ".")
	thread, err := page.After(&key, page.Oldest)
	if err != nil || !within {
		return place{thread: thread}, err
	}
	id, err := strconv.ParseInt(reply, 10, 64)
	if err != nil || id < 1 || key == "" {
		return place{}, page.WrongKey()
	}
	return place{thread, id}, nil
}

// ListOwnComments implements api.StrictServerInterface.
func (s *service) ListOwnComments(ctx context.Context, r api.ListOwnCommentsRequestObject) (api.ListOwnCommentsResponseObject, error) {
	who, err := caller.Require(ctx, token.Reader)
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
	rows, _ := s.pool.Query(ctx, `SELECT `+columns+` FROM comment.comments c
		WHERE c.author_id = $1 AND c.state <> 'deleted' AND (c.created_at, c.id) < ($2, $3) ORDER BY c.created_at DESC, c.id DESC LIMIT $4`,
		who.Person, after.At, after.ID, limit+1)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[record])
	if err != nil {
		return nil, err
	}
	found, next := page.Cut(found, limit, record.key)
	list := api.ListOwnComments200JSONResponse{Comments: make([]api.Comment, len(found)), Next: next}
	for i, comment := range found {
		list.Comments[i] = comment.document(who.Person)
	}
	return list, nil
}

// GetComment implements api.StrictServerInterface.
func (s *service) GetComment(ctx context.Context, r api.GetCommentRequestObject) (api.GetCommentResponseObject, error) {
	who, _ := caller.From(ctx)
	found, err := find(ctx, s.pool, who.Person, r.ID, "")
	if err != nil {
		return nil, err
	}
	own := found.saidBy(who.Person) && found.State != api.StateDeleted
	if !found.readable(who.Person) && !own && !who.Role.Includes(token.Editor) {
		return nil, noComment()
	}
	return api.GetComment200JSONResponse(found.document(who.Person)), nil
}

// database is a pool or a transaction.
type database interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const forUpdate = ` FOR UPDATE OF c`

// find returns the comment with that id, whatever its state. lock is empty or forUpdate.
func find(ctx context.Context, db database, person, id int64, lock string) (record, error) {
	rows, _ := db.Query(ctx, `SELECT `+columns+` FROM comment.comments c WHERE c.id = $2`+lock, person, id)
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[record])
	if errors.Is(err, pgx.ErrNoRows) {
		return record{}, noComment()
	}
	return found, err
}

func noComment() error {
	return &problem.Error{Status: http.StatusNotFound, Detail: "There is no comment with this id, or it is not yours to see."}
}
