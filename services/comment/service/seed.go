package service

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/services/comment/internal/api"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/postgres"
)

// seedTimeout bounds the whole command.
const seedTimeout = time.Minute

//go:embed seed.json
var demo []byte

// demoComment is an entry of seed.json, said by nobody who could sign in.
// DaysAgo is counted from the day of seeding; the entries of one day follow each other.
type demoComment struct {
	// Post is a slug of the content service's demo posts.
	Post, Author, Body, HeldFor string
	State                       api.State
	DaysAgo                     int
	// ReplyTo is the place of an earlier entry, from 0.
	ReplyTo *int
}

func seedCommand() command.Command {
	return command.Command{
		Name: "seed",
		Help: "write demo comments under the posts that content's seed wrote: --posts=slug=id,… (Production: --force)",
		Run: func(ctx context.Context, identity command.Identity, args []string) error {
			flags := flag.NewFlagSet("seed", flag.ContinueOnError)
			force := flags.Bool("force", false, "seed a Production environment, too")
			list := flags.String("posts", "", "ids of the demo posts, such as the-quiet-release=1")
			if err := command.ParseFlags(flags, args); err != nil {
				return err
			}
			if identity.Environment == command.Production && !*force {
				return errors.New("this environment is Production: demo comments would be public; add --force if that is what you want")
			}
			posts, err := parsePosts(*list)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, seedTimeout)
			defer cancel()
			return seed(ctx, posts)
		},
	}
}

// parsePosts reads slug=id pairs that commas separate.
func parsePosts(list string) (map[string]int64, error) {
	posts := map[string]int64{}
	for pair := range strings.SplitSeq(list, ",") {
		slug, text, _ := strings.Cut(pair, "=")
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id <= 0 || slug == "" {
			return nil, fmt.Errorf("%w: --posts=%s: write what content's seed left, such as the-quiet-release=1,four-small-programs=4", command.ErrUsage, list)
		}
		posts[slug] = id
	}
	return posts, nil
}

// seed writes the demo comments in one transaction. What somebody of that name
// said already is not said again.
func seed(ctx context.Context, posts map[string]int64) error {
	var entries []demoComment
	if err := json.Unmarshal(demo, &entries); err != nil {
		return fmt.Errorf("read the demo comments: %w", err)
	}
	pool, err := postgres.Open(ctx, "comment seed")
	if err != nil {
		return err
	}
	defer pool.Close()
	written, kept := 0, 0
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		ids := make([]int64, len(entries))
		for i, entry := range entries {
			post, known := posts[entry.Post]
			if !known {
				continue
			}
			var isNew bool
			var err error
			if ids[i], isNew, err = seedComment(ctx, tx, post, i, entry, ids); err != nil {
				return fmt.Errorf("comment %d: %w", i, err)
			}
			if isNew {
				written++
			} else {
				kept++
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write demo comments (has migrate --phase=expand run?): %w", err)
	}
	slog.Info("seeded", "written", written, "kept", kept)
	command.Terminate(fmt.Sprintf(`{"written":%d,"kept":%d}`, written, kept))
	return nil
}

// seedComment writes the entry in that place, if it is not there.
func seedComment(ctx context.Context, tx pgx.Tx, post int64, place int, entry demoComment, ids []int64) (id int64, isNew bool, err error) {
	err = tx.QueryRow(ctx, `SELECT id FROM comment.comments WHERE post_id = $1 AND author = $2 AND body = $3 AND author_id IS NULL`, post, entry.Author, entry.Body).Scan(&id)
	if err == nil || !errors.Is(err, pgx.ErrNoRows) {
		return id, false, err
	}
	var parentID, threadID *int64
	depth := 0
	if entry.ReplyTo != nil {
		parent, err := find(ctx, tx, 0, ids[*entry.ReplyTo], "")
		if err != nil {
			return 0, false, err
		}
		parentID, threadID, depth = &parent.ID, new(thread(parent)), parent.Depth+1
	}
	state := entry.State
	if state == "" {
		state = api.StateApproved
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO comment.comments (post_id, parent_id, thread_id, depth, author, body, state, held_for, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, date_trunc('day', now()) - make_interval(days => $9) + make_interval(mins => $10)) RETURNING id`,
		post, parentID, threadID, depth, entry.Author, entry.Body, string(state), entry.HeldFor, entry.DaysAgo, place).Scan(&id)
	return id, true, err
}
