package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/comment/internal/api"
	"blogplatform.io/operator/services/internal/caller"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/quota"
	"blogplatform.io/operator/services/internal/token"
)

const (
	maxBody = 5000
	// maxDepth is how deep threads are nested.
	maxDepth = 3
	// maxReplies bounds what is read of a thread for one answer.
	maxReplies = 200
	maxName    = 80
	// repeat is how long the same words are taken for a request sent twice.
	repeat = 10 * time.Minute
)

// What one person may do, on all replicas together.
var (
	comments  = quota.Bucket{Name: "comment", Uses: 10, Window: 5 * time.Minute}
	reactions = quota.Bucket{Name: "like", Uses: 60, Window: time.Minute}
	decisions = quota.Bucket{Name: "moderate", Uses: 240, Window: time.Minute}
)

// readBody checks what somebody wants to say.
func readBody(body string) (string, error) {
	body = strings.TrimSpace(strings.ReplaceAll(body, "\r\n", "\n"))
	if err := input.Text("body.body", body, 1, maxBody); err != nil {
		return "", err
	}
	if links(body) > maxLinks {
		return "", problem.Invalid("body.body", fmt.Sprintf("must have at most %d links.", maxLinks))
	}
	return body, nil
}

// name is a person's as comments show it.
func name(who token.Claims) string {
	runes := []rune(strings.TrimSpace(who.Name))
	if len(runes) == 0 {
		return "Somebody"
	}
	return string(runes[:min(len(runes), maxName)])
}

// CreateComment implements api.StrictServerInterface.
func (s *service) CreateComment(ctx context.Context, r api.CreateCommentRequestObject) (api.CreateCommentResponseObject, error) {
	who, err := caller.Require(ctx, token.Reader)
	if err != nil {
		return nil, err
	}
	body, err := readBody(r.Body.Body)
	if err != nil {
		return nil, err
	}
	if r.ID < 1 {
		return nil, &problem.Error{Status: http.StatusNotFound, Detail: "There is no post with this id."}
	}
	var said record
	repeated := false
	err = s.changes.Make(ctx, who, comments, func(tx pgx.Tx) error {
		// One comment of a person at a time: of two equal ones, one is a repetition.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('comment author', $1))`, who.Person); err != nil {
			return err
		}
		parent, err := s.parent(ctx, tx, r.ID, r.Body.ParentID)
		if err != nil {
			return err
		}
		said, err = before(ctx, tx, who, r.ID, parent, body)
		if repeated = err == nil; repeated || !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		said, err = say(ctx, tx, who, r.ID, parent, body)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case repeated:
		return api.CreateComment200JSONResponse(said.document(who.Person)), nil
	}
	return api.CreateComment201JSONResponse(said.document(who.Person)), nil
}

// parent returns the comment that a reply to id hangs on, nil for none. The
// thread stays locked while it grows.
func (s *service) parent(ctx context.Context, tx pgx.Tx, post int64, id *int64) (*record, error) {
	if id == nil {
		return nil, nil
	}
	found, err := find(ctx, tx, 0, *id, "")
	if isProblem(err) || err == nil && (found.PostID != post || found.State != api.StateApproved) {
		return nil, problem.Invalid("body.parentId", "must be a comment on this post that can be read.")
	}
	if err != nil {
		return nil, err
	}
	if found.Depth == maxDepth {
		if found, err = find(ctx, tx, 0, *found.ParentID, ""); err != nil {
			return nil, err
		}
	}
	thread := thread(found)
	if _, err := tx.Exec(ctx, `SELECT FROM comment.comments WHERE id = $1 FOR NO KEY UPDATE`, thread); err != nil {
		return nil, err
	}
	var replies int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM comment.comments WHERE thread_id = $1`, thread).Scan(&replies); err != nil {
		return nil, err
	}
	if replies >= maxReplies {
		return nil, &problem.Error{Status: http.StatusConflict, Field: "body.parentId", Detail: "This thread is full; begin another."}
	}
	return &found, nil
}

func isProblem(err error) bool {
	var known *problem.Error
	return errors.As(err, &known)
}

// thread returns the id of the comment that began the thread.
func thread(r record) int64 {
	if r.ThreadID != nil {
		return *r.ThreadID
	}
	return r.ID
}

// before finds what the person said already in the same place.
func before(ctx context.Context, tx pgx.Tx, who token.Claims, post int64, parent *record, body string) (record, error) {
	rows, _ := tx.Query(ctx, `SELECT `+columns+` FROM comment.comments c
		WHERE c.author_id = $1 AND c.created_at > now() - $2::interval AND c.post_id = $3 AND c.parent_id IS NOT DISTINCT FROM $4
			AND c.body = $5 AND c.state <> 'deleted'
		ORDER BY c.id LIMIT 1`, who.Person, repeat, post, idOf(parent), body)
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[record])
}

func idOf(r *record) *int64 {
	if r == nil {
		return nil
	}
	return &r.ID
}

func say(ctx context.Context, tx pgx.Tx, who token.Claims, post int64, parent *record, body string) (record, error) {
	var (
		policy api.Policy
		past   history
	)
	err := tx.QueryRow(ctx, `SELECT policy,
			EXISTS (SELECT FROM comment.comments WHERE author_id = $1 AND state = 'approved'),
			EXISTS (SELECT FROM comment.comments WHERE author_id = $1 AND state = 'spam')
		FROM comment.settings`, who.Person).Scan(&policy, &past.approved, &past.spam)
	if err != nil {
		return record{}, fmt.Errorf("look at the policy: %w", err)
	}
	if policy == api.Closed {
		return record{}, &problem.Error{Status: http.StatusForbidden, Detail: "Comments are closed."}
	}
	state, heldFor := judge(who, policy, past, body)
	var threadID *int64
	depth := 0
	if parent != nil {
		threadID, depth = new(thread(*parent)), parent.Depth+1
	}
	var id int64
	err = tx.QueryRow(ctx, `
		INSERT INTO comment.comments (post_id, parent_id, thread_id, depth, author_id, author, body, state, held_for)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
		post, idOf(parent), threadID, depth, who.Person, name(who), body, string(state), heldFor).Scan(&id)
	if err != nil {
		return record{}, fmt.Errorf("keep the comment: %w", err)
	}
	return find(ctx, tx, who.Person, id, "")
}

// EditComment implements api.StrictServerInterface.
func (s *service) EditComment(ctx context.Context, r api.EditCommentRequestObject) (api.EditCommentResponseObject, error) {
	who, err := caller.Require(ctx, token.Reader)
	if err != nil {
		return nil, err
	}
	body, err := readBody(r.Body.Body)
	if err != nil {
		return nil, err
	}
	var found record
	err = s.changes.Make(ctx, who, comments, func(tx pgx.Tx) error {
		if found, err = s.own(ctx, tx, who, r.ID); err != nil || found.Body == body {
			return err
		}
		if found.State != api.StateApproved && found.State != api.StateHeld {
			return &problem.Error{Status: http.StatusConflict, Detail: "This comment was turned down; it cannot be edited."}
		}
		state, heldFor := api.StateHeld, "It was edited."
		if who.Role.Includes(token.Editor) {
			state, heldFor = api.StateApproved, ""
		}
		if _, err := tx.Exec(ctx, `
			UPDATE comment.comments SET body = $2, author = $3, state = $4, held_for = $5, revision = revision + 1, edited_at = now() WHERE id = $1`,
			r.ID, body, name(who), string(state), heldFor); err != nil {
			return fmt.Errorf("edit comment %d: %w", r.ID, err)
		}
		found, err = find(ctx, tx, who.Person, r.ID, "")
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.EditComment200JSONResponse(found.document(who.Person)), nil
}

// own returns the person's own comment, locked. Somebody else's that can be
// read is forbidden; any other does not exist for this person.
func (s *service) own(ctx context.Context, tx pgx.Tx, who token.Claims, id int64) (record, error) {
	found, err := find(ctx, tx, who.Person, id, forUpdate)
	switch {
	case err != nil:
		return record{}, err
	case found.saidBy(who.Person) && found.State != api.StateDeleted:
		return found, nil
	case found.readable(who.Person) || who.Role.Includes(token.Editor):
		return record{}, &problem.Error{Status: http.StatusForbidden, Detail: "This comment is somebody else's."}
	}
	return record{}, noComment()
}

// DeleteComment implements api.StrictServerInterface.
func (s *service) DeleteComment(ctx context.Context, r api.DeleteCommentRequestObject) (api.DeleteCommentResponseObject, error) {
	who, err := caller.Require(ctx, token.Reader)
	if err != nil {
		return nil, err
	}
	err = s.changes.Make(ctx, who, decisions, func(tx pgx.Tx) error {
		var found record
		if who.Role.Includes(token.Editor) {
			found, err = find(ctx, tx, who.Person, r.ID, forUpdate)
		} else {
			found, err = s.own(ctx, tx, who, r.ID)
		}
		if err != nil {
			return err
		}
		if found.State == api.StateDeleted {
			return noComment()
		}
		if _, err := tx.Exec(ctx, `
			UPDATE comment.comments SET state = 'deleted', body = $2, author = $2, author_id = NULL, held_for = '', likes = 0, revision = revision + 1
			WHERE id = $1`, r.ID, gone); err != nil {
			return fmt.Errorf("delete comment %d: %w", r.ID, err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM comment.likes WHERE comment_id = $1`, r.ID); err != nil {
			return fmt.Errorf("delete the likes of comment %d: %w", r.ID, err)
		}
		return note(ctx, tx, who, found, api.StateDeleted, "")
	})
	if err != nil {
		return nil, err
	}
	return api.DeleteComment204Response{}, nil
}

// LikeComment implements api.StrictServerInterface.
func (s *service) LikeComment(ctx context.Context, r api.LikeCommentRequestObject) (api.LikeCommentResponseObject, error) {
	liked, err := s.react(ctx, r.ID,
		`INSERT INTO comment.likes (comment_id, person_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		`UPDATE comment.comments SET likes = likes + 1 WHERE id = $1`)
	if err != nil {
		return nil, err
	}
	return api.LikeComment200JSONResponse(liked), nil
}

// UnlikeComment implements api.StrictServerInterface.
func (s *service) UnlikeComment(ctx context.Context, r api.UnlikeCommentRequestObject) (api.UnlikeCommentResponseObject, error) {
	unliked, err := s.react(ctx, r.ID,
		`DELETE FROM comment.likes WHERE comment_id = $1 AND person_id = $2`,
		`UPDATE comment.comments SET likes = likes - 1 WHERE id = $1`)
	if err != nil {
		return nil, err
	}
	return api.UnlikeComment200JSONResponse(unliked), nil
}

// react changes the person's like, and counts it if that changed anything.
func (s *service) react(ctx context.Context, id int64, change, count string) (api.Comment, error) {
	who, err := caller.Require(ctx, token.Reader)
	if err != nil {
		return api.Comment{}, err
	}
	var found record
	err = s.changes.Make(ctx, who, reactions, func(tx pgx.Tx) error {
		if found, err = find(ctx, tx, who.Person, id, forUpdate); err != nil {
			return err
		}
		if found.State != api.StateApproved {
			return noComment()
		}
		tag, err := tx.Exec(ctx, change, id, who.Person)
		if err != nil {
			return fmt.Errorf("like comment %d: %w", id, err)
		}
		if tag.RowsAffected() == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, count, id); err != nil {
			return fmt.Errorf("count the likes of comment %d: %w", id, err)
		}
		found, err = find(ctx, tx, who.Person, id, "")
		return err
	})
	return found.document(who.Person), err
}
