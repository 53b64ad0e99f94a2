package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"blogplatform.io/operator/services/internal/testing/asgardeo"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/testing/process"
)

// Names that browsers resolve to loopback by themselves (RFC 6761, section 6.3).
const (
	domain       = "dev.blog.localhost"
	providerHost = "id." + domain
)

const (
	tenant      = "/t/dev"
	blogClient  = "blog"
	scimClient  = "blog-scim"
	cookies     = "cookies"
	tokenIssuer = "blogplatform://dev/blog"
	// logoutPath is where the frontend takes back-channel logouts.
	logoutPath = "/hooks/back-channel-logout"
)

// blog is everything that runs.
type blog struct {
	logs         *logs
	publicURL    string
	providerURL  string
	people       []person
	certificates certificates
	provider     *asgardeo.Fake
	// secrets is a folder with the keys, a file each.
	secrets string
	keys    map[string]string
	// lost gets the name of a service that ends.
	lost chan string
	// undo is what stop does, last first.
	undo []func() error
}

// start returns when readers are served and the demo people exist. Whatever it
// returns, stop has to be called.
func (b *blog) start(ctx context.Context, port int) error {
	gateway, err := b.listen(port)
	if err != nil {
		return err
	}
	if b.certificates, err = openCertificates(domain, providerHost); err != nil {
		return err
	}
	if err := b.makeSecrets(); err != nil {
		return err
	}
	if err := b.newProvider(); err != nil {
		return err
	}
	databases, err := b.openDatabases(ctx)
	if err != nil {
		return err
	}
	return b.startServices(ctx, gateway, databases)
}

// stop ends everything that start began, in the opposite order.
func (b *blog) stop() error {
	var errs []error
	for _, undo := range slices.Backward(b.undo) {
		errs = append(errs, undo())
	}
	b.undo = nil
	return errors.Join(errs...)
}

func (b *blog) after(undo func() error) { b.undo = append(b.undo, undo) }

// newProvider is the fake with our applications and the demo people.
func (b *blog) newProvider() error {
	users, err := asgardeo.DemoPeople()
	if err != nil {
		return err
	}
	b.people = inRoles(users)
	b.provider, err = asgardeo.New(asgardeo.Config{
		BaseURL: b.providerURL + tenant,
		Clients: []asgardeo.Client{
			{
				ID: blogClient, Secret: b.keys[blogClient],
				RedirectURIs: []string{b.publicURL + "/auth/callback"}, PostLogoutRedirectURIs: []string{b.publicURL + "/"},
				BackChannelLogoutURI: b.publicURL + logoutPath,
			},
			{ID: scimClient, Secret: b.keys[scimClient], Scopes: []string{"internal_user_mgt_view", "internal_user_mgt_update", "internal_session_delete"}},
		},
		Users: users, HTTPClient: b.client(),
	})
	return err
}

// makeSecrets makes them, and files of them for services to read.
func (b *blog) makeSecrets() error {
	var err error
	if b.secrets, err = os.MkdirTemp("", "blog-dev-"); err != nil {
		return fmt.Errorf("make a folder for secrets: %w", err)
	}
	b.after(func() error { return os.RemoveAll(b.secrets) })
	b.keys = map[string]string{blogClient: rand.Text(), scimClient: rand.Text(), cookies: rand.Text() + rand.Text()}
	for name, value := range b.keys {
		if err := os.WriteFile(b.secret(name), []byte(value), 0o600); err != nil {
			return fmt.Errorf("write the secret %s: %w", name, err)
		}
	}
	return nil
}

// secret is the file of one.
func (b *blog) secret(name string) string { return filepath.Join(b.secrets, name) }

// openDatabases starts PostgreSQL and returns the settings for the database of
// each data service, migrated and with demo content.
func (b *blog) openDatabases(ctx context.Context) (map[string]map[string]string, error) {
	server, err := postgres.Open()
	if err != nil {
		return nil, err
	}
	b.after(server.Close)
	databases := map[string]map[string]string{}
	for _, service := range []string{"user", "content", "comment"} {
		if databases[service], err = server.CreateDatabase(ctx, service); err != nil {
			return nil, err
		}
	}
	var (
		migrations sync.WaitGroup
		failed     = make(chan error, len(databases))
	)
	for service, env := range databases {
		migrations.Go(func() {
			_, err := b.run(ctx, service, env, "migrate", "--phase=expand")
			failed <- err
		})
	}
	migrations.Wait()
	for range databases {
		if err := <-failed; err != nil {
			return nil, err
		}
	}
	return databases, b.seed(ctx, databases)
}

// seed writes the demo posts, and then the comments under them.
func (b *blog) seed(ctx context.Context, databases map[string]map[string]string) error {
	message, err := b.run(ctx, "content", databases["content"], "seed")
	if err != nil {
		return err
	}
	var seeded struct{ Posts map[string]int64 }
	if err := json.Unmarshal([]byte(message), &seeded); err != nil {
		return fmt.Errorf("read what content's seed left: %w", err)
	}
	var posts []string
	for _, slug := range slices.Sorted(maps.Keys(seeded.Posts)) {
		posts = append(posts, fmt.Sprintf("%s=%d", slug, seeded.Posts[slug]))
	}
	_, err = b.run(ctx, "comment", databases["comment"], "seed", "--posts="+strings.Join(posts, ","))
	return err
}

// run runs a subcommand of a service and returns its termination message.
func (b *blog) run(ctx context.Context, service string, env map[string]string, args ...string) (string, error) {
	outcome, err := process.Run(ctx, service, env, args...)
	if err != nil {
		return "", err
	}
	for line := range bytes.Lines([]byte(outcome.Stderr)) {
		if _, err := b.logs.of(service).Write(line); err != nil {
			return "", err
		}
	}
	if outcome.Code != 0 {
		return "", fmt.Errorf("%s %s ended with %d: %s", service, args[0], outcome.Code, outcome.Termination)
	}
	return outcome.Termination, nil
}

// startServices starts all four and returns when they are ready. The demo people
// sign in before anybody needs the keys that this makes.
func (b *blog) startServices(ctx context.Context, gateway net.Listener, databases map[string]map[string]string) error {
	at, err := freeAddresses("user", "content", "comment", "frontend")
	if err != nil {
		return err
	}
	urls := map[string]string{"USER_URL": "http://" + at["user"], "CONTENT_URL": "http://" + at["content"], "COMMENT_URL": "http://" + at["comment"]}
	common := merge(urls, map[string]string{"TOKEN_ISSUER": tokenIssuer, "PUBLIC_URL": b.publicURL})
	start := func(service string, more map[string]string) error {
		env := merge(common, databases[service], more, map[string]string{"APP_ADDRESS": at[service]})
		return b.startService(ctx, service, env)
	}
	if err := start("user", b.identity()); err != nil {
		return err
	}
	if err := b.serve(gateway, "http://"+at["frontend"]); err != nil {
		return err
	}
	if err := b.invite(ctx, urls["USER_URL"]); err != nil {
		return err
	}
	return errors.Join(start("content", nil), start("comment", nil), start("frontend", map[string]string{"COOKIE_KEY_FILE": b.secret(cookies), "OIDC_ISSUER": b.provider.Issuer()}))
}

// startService returns when the service is ready.
func (b *blog) startService(ctx context.Context, service string, env map[string]string) error {
	p, err := process.Start(service, env, b.logs.of(service))
	if err != nil {
		return err
	}
	b.after(p.Stop)
	go func() {
		<-p.Ended()
		b.lost <- service
	}()
	return p.Ready(ctx)
}

// identity is what the user service knows of the provider.
func (b *blog) identity() map[string]string {
	return map[string]string{
		"OIDC_ISSUER": b.provider.Issuer(), "OIDC_CLIENT_ID": blogClient, "OIDC_CLIENT_SECRET_FILE": b.secret(blogClient),
		"OIDC_CA_FILE": b.certificates.authority,
		"SCIM_URL":     b.providerURL + tenant + "/scim2", "SCIM_CLIENT_ID": scimClient, "SCIM_CLIENT_SECRET_FILE": b.secret(scimClient),
		"BOOTSTRAP_ADMIN_SUBJECT": b.people[0].ID,
	}
}

// freeAddresses returns an address of loopback for each name: the services name
// each other, so all must be known before the first starts.
func freeAddresses(names ...string) (map[string]string, error) {
	addresses := map[string]string{}
	for _, name := range names {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close() // not before all are different
		addresses[name] = listener.Addr().String()
	}
	return addresses, nil
}

func merge(parts ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}
