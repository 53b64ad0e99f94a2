package service

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/content/internal/markdown"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/postgres"
)

// seedTimeout bounds the whole command.
const seedTimeout = time.Minute

//go:embed seed.json
var demo []byte

// demoBlog is what seed.json holds.
type demoBlog struct {
	// Categories are listed parents first.
	Categories []struct{ Slug, Name, Parent string }
	Posts      []demoPost
}

// demoPost is a post whose author is nobody who could sign in. DaysAgo is
// counted from the day of seeding, so that the posts are public whatever year it is.
type demoPost struct {
	Slug, Title, Summary, Author, Category string
	State                                  api.State
	DaysAgo                                int
	Tags, Paragraphs                       []string
}

func seedCommand() command.Command {
	return command.Command{
		Name: "seed",
		Help: "write demo posts; those that exist stay as they are (Production: --force)",
		Run: func(ctx context.Context, identity command.Identity, args []string) error {
			flags := flag.NewFlagSet("seed", flag.ContinueOnError)
			force := flags.Bool("force", false, "seed a Production environment, too")
			if err := command.ParseFlags(flags, args); err != nil {
				return err
			}
			if identity.Environment == command.Production && !*force {
				return errors.New("this environment is Production: demo posts would be public; add --force if that is what you want")
			}
			ctx, cancel := context.WithTimeout(ctx, seedTimeout)
			defer cancel()
			return seed(ctx)
		},
	}
}

// seeded is the command's termination message.
type seeded struct {
	Written int `json:"written"`
	Kept    int `json:"kept"`
	// Posts are the ids by slug, for the comment service's seed.
	Posts map[string]int64 `json:"posts"`
}

// seed writes the demo posts in one transaction. A slug that is taken is left
// alone, whoever wrote it.
func seed(ctx context.Context) error {
	var blog demoBlog
	if err := json.Unmarshal(demo, &blog); err != nil {
		return fmt.Errorf("read the demo posts: %w", err)
	}
	pool, err := postgres.Open(ctx, "content seed")
	if err != nil {
		return err
	}
	defer pool.Close()
	done := seeded{Posts: map[string]int64{}}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, category := range blog.Categories {
			if _, err := tx.Exec(ctx, `INSERT INTO content.categories (slug, name, parent_id)
				VALUES ($1, $2, (SELECT id FROM content.categories WHERE slug = $3)) ON CONFLICT (slug) DO NOTHING`,
				category.Slug, category.Name, category.Parent); err != nil {
				return fmt.Errorf("category %s: %w", category.Slug, err)
			}
		}
		for _, post := range blog.Posts {
			if err := seedPost(ctx, tx, post, &done); err != nil {
				return fmt.Errorf("post %s: %w", post.Slug, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write demo posts (has migrate --phase=expand run?): %w", err)
	}
	message, err := json.Marshal(done)
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	slog.Info("seeded", "written", done.Written, "kept", done.Kept)
	command.Terminate(string(message))
	return nil
}

func seedPost(ctx context.Context, tx pgx.Tx, post demoPost, done *seeded) error {
	body := strings.Join(post.Paragraphs, "\n\n")
	rendered, err := markdown.Render(ctx, body)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(headings(rendered))
	if err != nil {
		return fmt.Errorf("encode the headings: %w", err)
	}
	var (
		id int64
		at *time.Time
	)
	err = tx.QueryRow(ctx, `
		INSERT INTO content.posts (slug, title, summary, body, html, headings, words, renderer, author_name, state, category_id, published_at, first_published_at)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, (SELECT id FROM content.categories WHERE slug = $11), day.at, day.at
		FROM (SELECT CASE WHEN $10 = 'published' THEN date_trunc('day', now()) - make_interval(days => $12) END AS at) day
		ON CONFLICT (slug) DO NOTHING RETURNING id, published_at`,
		post.Slug, post.Title, post.Summary, body, rendered.HTML, encoded, rendered.Words, rendererVersion, post.Author, string(post.State), post.Category, post.DaysAgo).Scan(&id, &at)
	if errors.Is(err, pgx.ErrNoRows) {
		done.Kept++
		if err := tx.QueryRow(ctx, `SELECT id FROM content.posts WHERE slug = $1`, post.Slug).Scan(&id); err != nil {
			return err
		}
		done.Posts[post.Slug] = id
		return nil
	}
	if err != nil {
		return err
	}
	done.Written++
	done.Posts[post.Slug] = id
	tags, err := readTags(&post.Tags)
	if err != nil {
		return err
	}
	return setTags(ctx, tx, id, tags, at)
}
