package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/jackc/pgx/v5"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/images"
	"blogplatform.io/operator/test/bench/measure"
)

const (
	// demoPost is the demo post of which there are copies: as many that no page is
	// asked for again while it is kept.
	demoPost = "the-quiet-release"
	copies   = 2_000
	// stride is between the ids of copies, above all ids of demo content.
	stride = 1000
)

// services in the order in which they start.
var services = []string{"user", "content", "comment", "frontend"}

// world is a blog with demo content and many copies of one post, as it runs in a
// cluster behind the mesh: plain HTTP on loopback.
type world struct {
	root, dir string
	// programs are the services' and postgres'; images are MiB of compressed layers.
	programs  map[string]string
	images    map[string]float64
	database  *database
	env       map[string]map[string]string
	app       map[string]string
	admin     map[string]string
	processes map[string]*process
}

// newWorld builds everything and starts PostgreSQL with its content, but no
// service. Whatever it returns, close has to be called.
func newWorld(ctx context.Context, w *world) error {
	var err error
	if w.dir, err = os.MkdirTemp("", "bench-blog-"); err != nil {
		return err
	}
	if w.root, err = build.RepositoryRoot(); err != nil {
		return err
	}
	if err := w.build(ctx); err != nil {
		return err
	}
	if w.database, err = startDatabase(w.programs["postgres"], "user", "content", "comment"); err != nil {
		return err
	}
	if err := w.settings(); err != nil {
		return err
	}
	return w.fill(ctx)
}

func (w *world) close() {
	for _, p := range w.processes {
		p.stop()
	}
	if w.database != nil {
		w.database.stop()
	}
	_ = os.RemoveAll(w.dir)
}

// build makes the images of the services, and takes the programs out of them that
// are measured.
func (w *world) build(ctx context.Context) error {
	cache, err := build.NewCache(w.root, func(line string) { measure.Progress("%s", line) })
	if err != nil {
		return err
	}
	w.programs, w.images = map[string]string{"postgres": filepath.Join(w.dir, "postgres")}, map[string]float64{}
	for _, service := range services {
		program := images.Program(service, runtime.GOARCH, nil)
		dir, err := program.Build(ctx, cache)
		if err != nil {
			return err
		}
		image := images.Image("bench", service, program, dir)
		w.programs[service] = image.Files["/"+service]
		if w.images[service], err = compressed(filepath.Join(w.dir, "image-"+service), image); err != nil {
			return err
		}
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", w.programs["postgres"], "blogplatform.io/operator/services/internal/testing/postgres/cmd").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build postgres: %w: %s", err, out)
	}
	return nil
}

// compressed writes an image to dir and returns what is pulled of it, in MiB.
func compressed(dir string, image build.Image) (float64, error) {
	if _, err := build.WriteLayout(dir, image); err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return 0, err
	}
	// The layout holds an index of the images for each processor; here it is one.
	for range 2 {
		manifest, err := index.IndexManifest()
		if err != nil {
			return 0, err
		}
		digest := manifest.Manifests[0].Digest
		if manifest.Manifests[0].MediaType.IsIndex() {
			if index, err = index.ImageIndex(digest); err != nil {
				return 0, err
			}
			continue
		}
		image, err := index.Image(digest)
		if err != nil {
			return 0, err
		}
		pulled, err := image.Manifest()
		if err != nil {
			return 0, err
		}
		size := pulled.Config.Size
		for _, layer := range pulled.Layers {
			size += layer.Size
		}
		return float64(size) / (1 << 20), nil
	}
	return 0, errors.New("the layout holds no image")
}

// settings are those of a platform, with addresses of loopback.
func (w *world) settings() error {
	w.app, w.admin, w.env, w.processes = map[string]string{}, map[string]string{}, map[string]map[string]string{}, map[string]*process{}
	for _, service := range services {
		var errApp, errAdmin error
		w.app[service], errApp = measure.FreeAddress()
		w.admin[service], errAdmin = measure.FreeAddress()
		if err := errors.Join(errApp, errAdmin); err != nil {
			return err
		}
	}
	key := filepath.Join(w.dir, "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		return err
	}
	for _, service := range services {
		env := map[string]string{
			"APP_ADDRESS": w.app[service], "ADMIN_ADDRESS": w.admin[service], "DRAIN_DELAY": "0s",
			"RELEASE_VERSION": "v1", "BLOG_ENVIRONMENT": "Production", "PUBLIC_URL": "https://blog.example.com", "COOKIE_KEY_FILE": key,
			"USER_URL": "http://" + w.app["user"], "CONTENT_URL": "http://" + w.app["content"], "COMMENT_URL": "http://" + w.app["comment"],
		}
		maps.Copy(env, w.database.settings[service])
		w.env[service] = env
	}
	return nil
}

// fill migrates the databases and writes demo content and the copies.
func (w *world) fill(ctx context.Context) error {
	for _, service := range []string{"user", "content", "comment"} {
		if _, err := finish(ctx, w.dir, w.programs[service], w.env[service], "migrate", "--phase=expand"); err != nil {
			return err
		}
	}
	message, err := finish(ctx, w.dir, w.programs["content"], w.env["content"], "seed", "--force")
	if err != nil {
		return err
	}
	var seeded struct{ Posts map[string]int64 }
	if err := json.Unmarshal(message, &seeded); err != nil {
		return fmt.Errorf("read what content's seed left: %w", err)
	}
	var posts []string
	for _, slug := range slices.Sorted(maps.Keys(seeded.Posts)) {
		posts = append(posts, fmt.Sprintf("%s=%d", slug, seeded.Posts[slug]))
	}
	if _, err := finish(ctx, w.dir, w.programs["comment"], w.env["comment"], "seed", "--force", "--posts="+strings.Join(posts, ",")); err != nil {
		return err
	}
	id := seeded.Posts[demoPost]
	if err := w.execute(ctx, "content", copyOf("content.posts", "id = $1", "id", "slug", "published_at", "first_published_at"), id); err != nil {
		return err
	}
	if err := w.execute(ctx, "content", copyOf("content.post_tags", "post_id = $1", "post_id", "published_at"), id); err != nil {
		return err
	}
	if err := w.execute(ctx, "comment", copyOf("comment.comments", "post_id = $1", "id", "post_id", "parent_id", "thread_id"), id); err != nil {
		return err
	}
	return errors.Join(w.execute(ctx, "content", "ANALYZE"), w.execute(ctx, "comment", "ANALYZE"))
}

// copyOf is a statement that copies the rows of a table. In copies, ids grow by
// a stride and times by a second each, and the slug ends in their number.
func copyOf(table, rows string, changed ...string) string {
	var changes []string
	for _, column := range changed {
		grown := fmt.Sprintf("original.%s + n * %d", column, stride)
		switch {
		case column == "slug":
			grown = "original.slug || '-' || n"
		case strings.HasSuffix(column, "_at"):
			grown = fmt.Sprintf("original.%s - n * interval '1 second'", column)
		}
		changes = append(changes, fmt.Sprintf("%s = %s", column, grown))
	}
	name := strings.ReplaceAll(table, ".", "_")
	return fmt.Sprintf(`CREATE TEMP TABLE %[1]s AS SELECT original.*, n FROM %[2]s original, generate_series(1, %[3]d) n WHERE original.%[4]s;
		UPDATE %[1]s original SET %[5]s;
		ALTER TABLE %[1]s DROP COLUMN n;
		INSERT INTO %[2]s OVERRIDING SYSTEM VALUE SELECT * FROM %[1]s`, name, table, copies, rows, strings.Join(changes, ", "))
}

// pathOfCopy is that of the page of the nth copy, over and over again.
func pathOfCopy(n int64) string { return fmt.Sprintf("/posts/%s-%d", demoPost, n%copies+1) }

// execute runs statements in the database of a service.
func (w *world) execute(ctx context.Context, service, statements string, id ...any) error {
	var dsn strings.Builder
	for name, keyword := range map[string]string{"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user", "PGPASSWORD": "password", "PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert"} {
		fmt.Fprintf(&dsn, "%s=%s ", keyword, w.env[service][name])
	}
	conn, err := pgx.Connect(ctx, dsn.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statements, append([]any{pgx.QueryExecModeSimpleProtocol}, id...)...)
	if err != nil {
		return fmt.Errorf("%.60s: %w", statements, err)
	}
	return nil
}

// startService starts a service and returns how long it took from exec until it
// said that it is ready.
func (w *world) startService(ctx context.Context, service string) (time.Duration, error) {
	began := time.Now()
	p, err := start(w.dir, service, w.programs[service], w.env[service], "serve")
	if err != nil {
		return 0, err
	}
	w.processes[service] = p
	err = p.answers(ctx, "http://"+w.admin[service]+"/readyz")
	return time.Since(began), err
}

// startBare starts the bare processes with what the real ones answer.
func (w *world) startBare(ctx context.Context) (bareConfig, error) {
	config, err := w.takeAnswers(ctx)
	if err != nil {
		return bareConfig{}, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return bareConfig{}, err
	}
	file := filepath.Join(w.dir, "bare.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return bareConfig{}, err
	}
	program, err := os.Executable()
	if err != nil {
		return bareConfig{}, err
	}
	for name, address := range config.Addresses {
		database := map[string]string{bareComment: "comment"}[name]
		if database == "" {
			database = "content"
		}
		p, err := start(w.dir, "bare-"+name, program, w.database.settings[database], bareCommand, name, file)
		if err != nil {
			return bareConfig{}, err
		}
		w.processes["bare "+name] = p
		if err := p.listens(ctx, address); err != nil {
			return bareConfig{}, err
		}
	}
	return config, nil
}

// takeAnswers takes what the bare processes write from the real ones.
func (w *world) takeAnswers(ctx context.Context) (bareConfig, error) {
	config := bareConfig{Addresses: map[string]string{}}
	var err error
	if config.Statements, err = readStatements(w.root); err != nil {
		return bareConfig{}, err
	}
	for _, name := range []string{barePage, bareQuery, bareFrontend, bareContent, bareComment} {
		if config.Addresses[name], err = measure.FreeAddress(); err != nil {
			return bareConfig{}, err
		}
	}
	const middle = copies / 2
	if config.Page, err = fetch(ctx, "http://"+w.app["frontend"]+pathOfCopy(middle)); err != nil {
		return bareConfig{}, err
	}
	if config.Post, err = fetch(ctx, "http://"+w.app["content"]+"/v1"+pathOfCopy(middle)); err != nil {
		return bareConfig{}, err
	}
	var post struct{ ID int64 }
	if err := json.Unmarshal(config.Post.Body, &post); err != nil {
		return bareConfig{}, fmt.Errorf("read a post: %w", err)
	}
	config.Comments, err = fetch(ctx, fmt.Sprintf("http://%s/v1/posts/%d/comments?limit=%d", w.app["comment"], post.ID, threadsOnPage))
	return config, err
}
