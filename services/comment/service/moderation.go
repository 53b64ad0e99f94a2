package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/comment/internal/api"
	"blogplatform.io/operator/services/internal/caller"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/page"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
)

const maxReason = 500

// ListModeration implements api.StrictServerInterface.
func (s *service) ListModeration(ctx context.Context, r api.ListModerationRequestObject) (api.ListModerationResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	limit, err := page.Limit(r.Params.Limit)
	if err != nil {
		return nil, err
	}
	after, err := page.After(r.Params.After, page.Oldest)
	if err != nil {
		return nil, err
	}
	state := api.ListModerationParamsStateHeld
	if r.Params.State != nil {
		state = *r.Params.State
	}
	if !state.Valid() {
		return nil, problem.Invalid("state", "must be held, rejected or spam.")
	}
	// The condition of the index, too, so that it is used.
	rows, _ := s.pool.Query(ctx, `SELECT `+columns+` FROM comment.comments c
		WHERE c.state = $2 AND c.state <> 'approved' AND (c.created_at, c.id) > ($3, $4) ORDER BY c.created_at, c.id LIMIT $5`,
		who.Person, string(state), after.At, after.ID, limit+1)
	queue, err := pgx.CollectRows(rows, pgx.RowToStructByPos[record])
	if err != nil {
		return nil, err
	}
	queue, next := page.Cut(queue, limit, record.key)
	parents, err := s.parents(ctx, who, queue)
	if err != nil {
		return nil, err
	}
	list := api.ListModeration200JSONResponse{Comments: make([]api.Moderated, len(queue)), Next: next}
	for i, comment := range queue {
		list.Comments[i] = api.Moderated{Comment: comment.document(who.Person), HeldFor: comment.HeldFor}
		if parent, found := parents[input.Value(comment.ParentID)]; found {
			list.Comments[i].Parent = new(parent.document(who.Person))
		}
	}
	return list, nil
}

// parents returns the comments that others reply to, by id.
func (s *service) parents(ctx context.Context, who token.Claims, replies []record) (map[int64]record, error) {
	ids := []int64{}
	for _, reply := range replies {
		if reply.ParentID != nil {
			ids = append(ids, *reply.ParentID)
		}
	}
	rows, _ := s.pool.Query(ctx, `SELECT `+columns+` FROM comment.comments c WHERE c.id = ANY ($2)`, who.Person, ids)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[record])
	parents := map[int64]record{}
	for _, parent := range found {
		parents[parent.ID] = parent
	}
	return parents, err
}

// Decide implements api.StrictServerInterface.
func (s *service) Decide(ctx context.Context, r api.DecideRequestObject) (api.DecideResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	if !r.Body.State.Valid() {
		return nil, problem.Invalid("body.state", "must be approved, rejected or spam.")
	}
	reason, err := input.Line("body.reason", input.Value(r.Body.Reason), 0, maxReason)
	if err != nil {
		return nil, err
	}
	var found record
	err = s.changes.Make(ctx, who, decisions, func(tx pgx.Tx) error {
		if found, err = find(ctx, tx, who.Person, r.ID, forUpdate); err != nil {
			return err
		}
		became := api.State(r.Body.State)
		switch {
		case found.State == api.StateDeleted:
			return noComment()
		case found.Revision != r.Body.Revision:
			return &problem.Error{Status: http.StatusConflict, Field: "body.revision", Detail: "The comment was edited in the meantime; read it again."}
		case found.State == became:
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE comment.comments SET state = $2, held_for = '' WHERE id = $1`, r.ID, string(became)); err != nil {
			return fmt.Errorf("decide on comment %d: %w", r.ID, err)
		}
		if err := note(ctx, tx, who, found, became, reason); err != nil {
			return err
		}
		found, err = find(ctx, tx, who.Person, r.ID, "")
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.Decide200JSONResponse(found.document(who.Person)), nil
}

// note writes to the moderation log.
func note(ctx context.Context, tx pgx.Tx, who token.Claims, comment record, became api.State, reason string) error {
	_, err := tx.Exec(ctx, `INSERT INTO comment.moderation_log (comment_id, actor_id, actor_name, was, became, reason) VALUES ($1, $2, $3, $4, $5, $6)`,
		comment.ID, who.Person, who.Name, string(comment.State), string(became), reason)
	if err != nil {
		return fmt.Errorf("write the log of comment %d: %w", comment.ID, err)
	}
	return nil
}

// ListDecisions implements api.StrictServerInterface.
func (s *service) ListDecisions(ctx context.Context, r api.ListDecisionsRequestObject) (api.ListDecisionsResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	if _, err := find(ctx, s.pool, who.Person, r.ID, ""); err != nil {
		return nil, err
	}
	rows, _ := s.pool.Query(ctx, `SELECT at, actor_id, actor_name, was, became, reason FROM comment.moderation_log WHERE comment_id = $1 ORDER BY id DESC LIMIT 100`, r.ID)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (api.Decision, error) {
		var d api.Decision
		err := row.Scan(&d.At, &d.Actor.ID, &d.Actor.Name, &d.Was, &d.Became, &d.Reason)
		d.At = d.At.UTC()
		return d, err
	})
	if err != nil {
		return nil, err
	}
	return api.ListDecisions200JSONResponse{Decisions: list}, nil
}

func scanSettings(row pgx.Row) (api.Settings, error) {
	var s api.Settings
	err := row.Scan(&s.Policy, &s.Revision)
	return s, err
}

// GetSettings implements api.StrictServerInterface.
func (s *service) GetSettings(ctx context.Context, _ api.GetSettingsRequestObject) (api.GetSettingsResponseObject, error) {
	settings, err := scanSettings(s.pool.QueryRow(ctx, `SELECT policy, revision FROM comment.settings`))
	if err != nil {
		return nil, err
	}
	return api.GetSettings200JSONResponse{Body: settings, Headers: api.GetSettings200ResponseHeaders{ETag: input.ETag(settings.Revision)}}, nil
}

// UpdateSettings implements api.StrictServerInterface.
func (s *service) UpdateSettings(ctx context.Context, r api.UpdateSettingsRequestObject) (api.UpdateSettingsResponseObject, error) {
	who, err := caller.Require(ctx, token.Admin)
	if err != nil {
		return nil, err
	}
	revision, err := input.Revision(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if !r.Body.Policy.Valid() {
		return nil, problem.Invalid("body.policy", "must be closed, hold_all, hold_new or open.")
	}
	var settings api.Settings
	err = s.changes.Make(ctx, who, decisions, func(tx pgx.Tx) error {
		settings, err = scanSettings(tx.QueryRow(ctx, `UPDATE comment.settings SET policy = $1, revision = revision + 1 WHERE revision = $2 RETURNING policy, revision`,
			string(r.Body.Policy), revision))
		if errors.Is(err, pgx.ErrNoRows) {
			return &problem.Error{Status: http.StatusPreconditionFailed, Field: "If-Match", Detail: "Somebody changed the settings in the meantime; load them again."}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateSettings200JSONResponse{Body: settings, Headers: api.UpdateSettings200ResponseHeaders{ETag: input.ETag(settings.Revision)}}, nil
}
