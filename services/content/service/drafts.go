package service

import (
	"context"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/internal/caller"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/quota"
	"blogplatform.io/operator/services/internal/token"
)

const draftColumns = `base_revision, sequence, title, summary, body, saved_at`

func scanDraft(row pgx.Row) (api.Draft, error) {
	var d api.Draft
	err := row.Scan(&d.BaseRevision, &d.Sequence, &d.Title, &d.Summary, &d.Body, &d.SavedAt)
	d.SavedAt = d.SavedAt.UTC()
	return d, err
}

// GetDraft implements api.StrictServerInterface.
func (s *service) GetDraft(ctx context.Context, r api.GetDraftRequestObject) (api.GetDraftResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	draft, err := scanDraft(s.pool.QueryRow(ctx, `SELECT `+draftColumns+` FROM content.drafts WHERE post_id = $1 AND person_id = $2`, r.ID, who.Person))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, &problem.Error{Status: http.StatusNotFound, Detail: "You have nothing unsaved for this post."}
	}
	if err != nil {
		return nil, err
	}
	return api.GetDraft200JSONResponse(draft), nil
}

// PutDraft implements api.StrictServerInterface. What is typed is kept whatever
// revision it began with and whatever state the post has by now: only saving it
// is judged.
func (s *service) PutDraft(ctx context.Context, r api.PutDraftRequestObject) (api.PutDraftResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	in := r.Body
	if in.Sequence < 1 {
		return nil, problem.Invalid("body.sequence", "must be 1 or more, and grow.")
	}
	if in.BaseRevision < 1 {
		return nil, problem.Invalid("body.baseRevision", "must be the revision that the text began with.")
	}
	if err := errors.Join(input.Text("body.title", in.Title, 0, maxTitle), input.Text("body.summary", input.Value(in.Summary), 0, maxSummary), input.Text("body.body", in.Body, 0, maxBody)); err != nil {
		return nil, err
	}
	var kept api.Draft
	err = s.changes.Make(ctx, who, saves, func(tx pgx.Tx) error {
		found, err := find(ctx, tx, r.ID, ` FOR SHARE`)
		if err != nil {
			return err
		}
		if own := found.post(); !own.writtenBy(who) && !who.Role.Includes(token.Admin) {
			return noManuscript()
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO content.drafts AS d (post_id, person_id, base_revision, sequence, title, summary, body) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (post_id, person_id) DO UPDATE SET base_revision = excluded.base_revision, sequence = excluded.sequence,
				title = excluded.title, summary = excluded.summary, body = excluded.body, saved_at = now()
			WHERE d.sequence < excluded.sequence`,
			r.ID, who.Person, in.BaseRevision, in.Sequence, in.Title, input.Value(in.Summary), in.Body); err != nil {
			return err
		}
		kept, err = scanDraft(tx.QueryRow(ctx, `SELECT `+draftColumns+` FROM content.drafts WHERE post_id = $1 AND person_id = $2`, r.ID, who.Person))
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.PutDraft200JSONResponse(kept), nil
}

// DeleteDraft implements api.StrictServerInterface.
func (s *service) DeleteDraft(ctx context.Context, r api.DeleteDraftRequestObject) (api.DeleteDraftResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	if err := s.changes.Make(ctx, who, saves, func(tx pgx.Tx) error { return forget(ctx, tx, r.ID, who.Person) }); err != nil {
		return nil, err
	}
	return api.DeleteDraft204Response{}, nil
}

// forget drops what a person has typed: it is saved, or not wanted.
func forget(ctx context.Context, tx pgx.Tx, post, person int64) error {
	_, err := tx.Exec(ctx, `DELETE FROM content.drafts WHERE post_id = $1 AND person_id = $2`, post, person)
	return err
}

// Preview implements api.StrictServerInterface.
func (s *service) Preview(ctx context.Context, r api.PreviewRequestObject) (api.PreviewResponseObject, error) {
	who, err := caller.Require(ctx, token.Editor)
	if err != nil {
		return nil, err
	}
	if err := input.Text("body.body", r.Body.Body, 0, maxBody); err != nil {
		return nil, err
	}
	if err := quota.Take(ctx, s.pool, schema, who.Person, previews); err != nil {
		return nil, err
	}
	result, err := s.renderer.render(ctx, r.Body.Body)
	if err != nil {
		return nil, refusedText(err)
	}
	preview := api.Preview200JSONResponse{HTML: result.HTML, Words: result.Words, ReadingMinutes: readingMinutes(result.Words)}
	if result.Pictures > 0 {
		preview.Pictures = &result.Pictures
	}
	return preview, nil
}
