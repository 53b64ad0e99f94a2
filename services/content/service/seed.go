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

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/postgres"
)

// seedTimeout bounds the whole command.
const seedTimeout = time.Minute

//go:embed seed.json
var demo []byte

// demoPost is an entry of seed.json. DaysAgo is counted from the day of seeding,
// so that the posts are public whatever year it is.
type demoPost struct {
	Slug, Title, Summary string
	DaysAgo              int
	Paragraphs           []string
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

// seed writes the demo posts in one transaction. A slug that is taken is left
// alone, whoever wrote it.
func seed(ctx context.Context) error {
	var posts []demoPost
	if err := json.Unmarshal(demo, &posts); err != nil {
		return fmt.Errorf("read the demo posts: %w", err)
	}
	pool, err := postgres.Open(ctx, "content seed")
	if err != nil {
		return err
	}
	defer pool.Close()
	written := int64(0)
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, post := range posts {
			tag, err := tx.Exec(ctx, `
				INSERT INTO content.posts (slug, title, summary, body, published_at)
				VALUES ($1, $2, $3, $4, date_trunc('day', now()) - make_interval(days => $5)) ON CONFLICT (slug) DO NOTHING`,
				post.Slug, post.Title, post.Summary, strings.Join(post.Paragraphs, "\n\n"), post.DaysAgo)
			if err != nil {
				return fmt.Errorf("post %s: %w", post.Slug, err)
			}
			written += tag.RowsAffected()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write demo posts (has migrate --phase=expand run?): %w", err)
	}
	slog.Info("seeded", "written", written, "kept", int64(len(posts))-written)
	command.Terminate(fmt.Sprintf(`{"written":%d,"kept":%d}`, written, int64(len(posts))-written))
	return nil
}
