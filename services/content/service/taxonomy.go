package service

import (
	"context"
	"errors"
	"net/http"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/content/internal/markdown"
	"blogplatform.io/operator/services/internal/caller"
	"blogplatform.io/operator/services/internal/input"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
)

const (
	// maxTagList bounds one answer; blogs have tens of tags.
	maxTagList = 500
	// maxCategories and maxCategoryDepth keep the tree something that fits a page.
	maxCategories    = 200
	maxCategoryDepth = 4
	maxCategoryName  = 80

	// PostgreSQL's unique_violation and foreign_key_violation.
	codeUnique     = "23505"
	codeForeignKey = "23503"
)

func hasCode(err error, code string) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == code
}

func isUnique(err error) bool { return hasCode(err, codeUnique) }

// refusedCategory names the field when a category does not exist.
func refusedCategory(err error) error {
	if hasCode(err, codeForeignKey) {
		return problem.Invalid("body.categoryId", "must be a category that exists.")
	}
	return err
}

// ListTags implements api.StrictServerInterface.
func (s *service) ListTags(ctx context.Context, _ api.ListTagsRequestObject) (api.ListTagsResponseObject, error) {
	rows, _ := s.pool.Query(ctx, `SELECT name, slug FROM content.tags t
		WHERE EXISTS (SELECT FROM content.post_tags pt WHERE pt.tag_id = t.id AND pt.published_at <= now())
		ORDER BY lower(name), slug LIMIT $1`, maxTagList)
	tags, err := pgx.CollectRows(rows, pgx.RowToStructByPos[api.Tag])
	if err != nil {
		return nil, err
	}
	return api.ListTags200JSONResponse{Tags: tags}, nil
}

// RenameTag implements api.StrictServerInterface.
func (s *service) RenameTag(ctx context.Context, r api.RenameTagRequestObject) (api.RenameTagResponseObject, error) {
	who, err := caller.Require(ctx, token.Admin)
	if err != nil {
		return nil, err
	}
	name, err := input.Line("body.name", r.Body.Name, 1, maxTag)
	if err != nil {
		return nil, err
	}
	if !isSlug(r.Slug) {
		return nil, noTag()
	}
	err = s.changes.Make(ctx, who, saves, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE content.tags SET name = $2 WHERE slug = $1`, r.Slug, name)
		if err == nil && tag.RowsAffected() == 0 {
			err = noTag()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.RenameTag200JSONResponse{Slug: r.Slug, Name: name}, nil
}

// DeleteTag implements api.StrictServerInterface.
func (s *service) DeleteTag(ctx context.Context, r api.DeleteTagRequestObject) (api.DeleteTagResponseObject, error) {
	who, err := caller.Require(ctx, token.Admin)
	if err != nil {
		return nil, err
	}
	if !isSlug(r.Slug) {
		return nil, noTag()
	}
	err = s.changes.Make(ctx, who, saves, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM content.tags WHERE slug = $1`, r.Slug)
		if err == nil && tag.RowsAffected() == 0 {
			err = noTag()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return api.DeleteTag204Response{}, nil
}

func noTag() error {
	return &problem.Error{Status: http.StatusNotFound, Detail: "There is no such tag."}
}

func noCategory() error {
	return &problem.Error{Status: http.StatusNotFound, Detail: "There is no category with this id."}
}

// tree lists categories with their depth, parents before their children.
const tree = `WITH RECURSIVE tree AS (
		SELECT c.*, 0 AS depth, ARRAY[(c.position, c.name, c.id)] AS path FROM content.categories c WHERE parent_id IS NULL
		UNION ALL
		SELECT c.*, t.depth + 1, t.path || (c.position, c.name, c.id) FROM content.categories c JOIN tree t ON c.parent_id = t.id)
	SELECT id, parent_id, slug, name, depth, position FROM tree`

func scanCategory(row pgx.CollectableRow) (api.Category, error) {
	var c api.Category
	err := row.Scan(&c.ID, &c.ParentID, &c.Slug, &c.Name, &c.Depth, &c.Position)
	return c, err
}

// ListCategories implements api.StrictServerInterface.
func (s *service) ListCategories(ctx context.Context, _ api.ListCategoriesRequestObject) (api.ListCategoriesResponseObject, error) {
	rows, _ := s.pool.Query(ctx, tree+` ORDER BY path LIMIT $1`, maxCategories)
	categories, err := pgx.CollectRows(rows, scanCategory)
	if err != nil {
		return nil, err
	}
	return api.ListCategories200JSONResponse{Categories: categories}, nil
}

// changeTree runs fn while nobody else changes the tree, and returns the
// category that it returns the id of, as long as the tree is one that fits.
func (s *service) changeTree(ctx context.Context, fn func(tx pgx.Tx) (int64, error)) (api.Category, error) {
	who, err := caller.Require(ctx, token.Admin)
	if err != nil {
		return api.Category{}, err
	}
	var changed api.Category
	err = s.changes.Make(ctx, who, saves, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('content categories'))`); err != nil {
			return err
		}
		id, err := fn(tx)
		if isUnique(err) {
			return &problem.Error{Status: http.StatusConflict, Field: "body.name", Detail: "body.name is taken: another category has the same slug."}
		}
		if hasCode(err, codeForeignKey) {
			return problem.Invalid("body.parentId", "must be a category that exists.")
		}
		if err != nil || id == 0 {
			return err
		}
		var count int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM content.categories`).Scan(&count); err != nil {
			return err
		}
		if count > maxCategories {
			return &problem.Error{Status: http.StatusConflict, Detail: "There are too many categories; remove one first."}
		}
		rows, _ := tx.Query(ctx, tree+` WHERE id = $1`, id)
		// What hangs on itself is not in the tree.
		changed, err = pgx.CollectExactlyOneRow(rows, scanCategory)
		if errors.Is(err, pgx.ErrNoRows) {
			return problem.Invalid("body.parentId", "must not be the category itself or one below it.")
		}
		if err != nil {
			return err
		}
		var deepest int
		if err := tx.QueryRow(ctx, `SELECT max(depth) FROM (`+tree+`) t`).Scan(&deepest); err != nil {
			return err
		}
		if deepest >= maxCategoryDepth {
			return problem.Invalid("body.parentId", "must not be that deep: the tree has at most four levels.")
		}
		return nil
	})
	return changed, err
}

// CreateCategory implements api.StrictServerInterface.
func (s *service) CreateCategory(ctx context.Context, r api.CreateCategoryRequestObject) (api.CreateCategoryResponseObject, error) {
	made, err := s.changeTree(ctx, func(tx pgx.Tx) (int64, error) {
		name, err := input.Line("body.name", r.Body.Name, 1, maxCategoryName)
		if err != nil {
			return 0, err
		}
		var id int64
		err = tx.QueryRow(ctx, `INSERT INTO content.categories (slug, name, parent_id, position) VALUES ($1, $2, $3, $4) RETURNING id`,
			markdown.TagSlug(name), name, r.Body.ParentID, input.Value(r.Body.Position)).Scan(&id)
		return id, err
	})
	if err != nil {
		return nil, err
	}
	return api.CreateCategory201JSONResponse(made), nil
}

// UpdateCategory implements api.StrictServerInterface.
func (s *service) UpdateCategory(ctx context.Context, r api.UpdateCategoryRequestObject) (api.UpdateCategoryResponseObject, error) {
	changed, err := s.changeTree(ctx, func(tx pgx.Tx) (int64, error) {
		name, err := input.Line("body.name", r.Body.Name, 1, maxCategoryName)
		if err != nil {
			return 0, err
		}
		if input.Value(r.Body.ParentID) == r.ID {
			return 0, problem.Invalid("body.parentId", "must not be the category itself or one below it.")
		}
		tag, err := tx.Exec(ctx, `UPDATE content.categories SET name = $2, parent_id = $3, position = $4 WHERE id = $1`,
			r.ID, name, r.Body.ParentID, input.Value(r.Body.Position))
		if err == nil && tag.RowsAffected() == 0 {
			err = noCategory()
		}
		return r.ID, err
	})
	if err != nil {
		return nil, err
	}
	return api.UpdateCategory200JSONResponse(changed), nil
}

// DeleteCategory implements api.StrictServerInterface.
func (s *service) DeleteCategory(ctx context.Context, r api.DeleteCategoryRequestObject) (api.DeleteCategoryResponseObject, error) {
	_, err := s.changeTree(ctx, func(tx pgx.Tx) (int64, error) {
		if _, err := tx.Exec(ctx, `UPDATE content.posts SET category_id = NULL, revision = revision + 1
			WHERE category_id = $1 AND NOT EXISTS (SELECT FROM content.categories WHERE parent_id = $1)`, r.ID); err != nil {
			return 0, err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM content.categories WHERE id = $1`, r.ID)
		if hasCode(err, codeForeignKey) {
			return 0, &problem.Error{Status: http.StatusConflict, Detail: "This category has others below it; move or remove them first."}
		}
		if err == nil && tag.RowsAffected() == 0 {
			err = noCategory()
		}
		return 0, err
	})
	if err != nil {
		return nil, err
	}
	return api.DeleteCategory204Response{}, nil
}

var languageForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

const settingsColumns = `name, description, language, posts_per_page, revision`

func scanSettings(row pgx.Row) (api.Settings, error) {
	var s api.Settings
	err := row.Scan(&s.Name, &s.Description, &s.Language, &s.PostsPerPage, &s.Revision)
	return s, err
}

// GetSettings implements api.StrictServerInterface.
func (s *service) GetSettings(ctx context.Context, _ api.GetSettingsRequestObject) (api.GetSettingsResponseObject, error) {
	settings, err := scanSettings(s.pool.QueryRow(ctx, `SELECT `+settingsColumns+` FROM content.settings`))
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
	in, err := readSettings(r.Body)
	if err != nil {
		return nil, err
	}
	var settings api.Settings
	err = s.changes.Make(ctx, who, saves, func(tx pgx.Tx) error {
		settings, err = scanSettings(tx.QueryRow(ctx, `
			UPDATE content.settings SET name = $1, description = $2, language = $3, posts_per_page = $4, revision = revision + 1
			WHERE revision = $5 RETURNING `+settingsColumns, in.Name, in.Description, in.Language, in.PostsPerPage, revision))
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

func readSettings(in *api.SettingsInput) (api.SettingsInput, error) {
	out := *in
	var err error
	if out.Name, err = input.Line("body.name", in.Name, 1, 100); err != nil {
		return out, err
	}
	if out.Description, err = input.Line("body.description", in.Description, 0, 300); err != nil {
		return out, err
	}
	if len(in.Language) > 35 || !languageForm.MatchString(in.Language) {
		return out, problem.Invalid("body.language", "must be a language tag such as en or si-LK.")
	}
	if in.PostsPerPage < 5 || in.PostsPerPage > 50 {
		return out, problem.Invalid("body.postsPerPage", "must be a number from 5 to 50.")
	}
	return out, nil
}
