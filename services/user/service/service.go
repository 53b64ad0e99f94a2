package service

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/data"
	"blogplatform.io/operator/services/internal/postgres"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
	"blogplatform.io/operator/services/internal/token"
	"blogplatform.io/operator/services/user/internal/api"
	"blogplatform.io/operator/services/user/internal/identity"
	"blogplatform.io/operator/services/user/internal/outbox"
	"blogplatform.io/operator/services/user/internal/scim"
	"blogplatform.io/operator/services/user/internal/store"
)

const noSuchPerson = "There is no person with this id."

//go:embed migrations
var migrations embed.FS

// Main runs the subcommand that the process's arguments name and returns its exit code.
func Main() int {
	return command.Main("user", append(data.Commands("user", migrations, setup), move())...)
}

func setup(background context.Context, mux *server.Mux, pool *pgxpool.Pool, measured prometheus.Registerer) error {
	settings, err := settingsFromEnv()
	if err != nil {
		return err
	}
	s, err := newService(pool, settings)
	if err != nil {
		return err
	}
	if s.scim != nil {
		measured.MustRegister(s.store.SyncAge())
	}
	s.start(background)
	s.routes(mux)
	return nil
}

// service answers the operations of openapi.yaml.
type service struct {
	settings settings
	store    *store.Store
	// provider and scim are nil where none is configured.
	provider *identity.Provider
	scim     *scim.Client
	outbox   *outbox.Outbox
	verifier *token.Verifier
}

var _ api.StrictServerInterface = (*service)(nil)

func newService(pool *pgxpool.Pool, settings settings) (*service, error) {
	s := &service{settings: settings}
	if settings.issuer != "" {
		client, err := identity.NewHTTP(settings.authorities)
		if err != nil {
			return nil, err
		}
		s.provider = identity.New(identity.Config{
			Issuer: settings.issuer, ClientID: settings.clientID, ClientSecret: settings.clientSecret,
			RedirectURL: settings.publicURL + "/auth/callback", PostLogoutURL: settings.publicURL + "/", HTTP: client,
		})
		if settings.scimURL != "" {
			s.scim, err = scim.New(scim.Config{
				BaseURL: settings.scimURL, TokenURL: s.provider.TokenURL,
				ClientID: settings.scimClientID, ClientSecret: settings.scimClientSecret, HTTP: client,
			})
			if err != nil {
				return nil, err
			}
		}
	}
	s.store = store.New(pool, store.Options{Sync: s.scim != nil, ErasedElsewhere: []string{token.Content, token.Comment}})
	s.outbox = outbox.New(outbox.Config{
		Store: s.store, SCIM: s.scim, Issuer: settings.issuer, TokenIssuer: settings.tokenIssuer, Erasers: settings.erasers,
	})
	s.verifier = token.NewVerifier(s.keys, settings.tokenIssuer, token.User)
	return s, nil
}

// start begins what is done in the background, until ctx ends.
func (s *service) start(ctx context.Context) {
	go s.verifier.Run(ctx)
	go s.outbox.Run(ctx)
}

func (s *service) routes(mux *server.Mux) {
	strict := api.NewStrictHandlerWithOptions(s, nil, api.StrictHTTPServerOptions{
		RequestErrorHandlerFunc: problem.Malformed, ResponseErrorHandlerFunc: fail,
	})
	api.HandlerWithOptions(strict, api.StdHTTPServerOptions{
		BaseRouter: mux, ErrorHandlerFunc: problem.Malformed, Middlewares: []api.MiddlewareFunc{s.authorize},
	})
}

// fail answers with what an error means to the client.
func fail(w http.ResponseWriter, r *http.Request, err error) { problem.Fail(w, r, told(err)) }

func told(err error) error {
	conflict := func(detail string) error { return &problem.Error{Status: http.StatusConflict, Detail: detail} }
	switch {
	case errors.Is(err, store.ErrLocked):
		return &problem.Error{Status: http.StatusForbidden, Detail: "This account is locked."}
	case errors.Is(err, store.ErrNotAdmin):
		return &problem.Error{Status: http.StatusForbidden, Detail: "Only an Admin may do this."}
	case errors.Is(err, store.ErrSelf):
		return &problem.Error{Status: http.StatusForbidden, Detail: "Nobody may do this to themselves; ask another Admin."}
	case errors.Is(err, store.ErrLastAdmin):
		return conflict("The blog would be without an Admin; make somebody else one first.")
	case errors.Is(err, identity.ErrUnavailable):
		return &problem.Error{Status: http.StatusServiceUnavailable, Detail: "The identity provider does not answer.", Cause: err}
	case errors.Is(err, identity.ErrRefused):
		slog.Warn("an answer of the identity provider is refused", "error", err)
		return &problem.Error{Status: http.StatusBadRequest, Field: "body.code", Detail: "The identity provider's answer is not valid; begin again."}
	}
	return postgres.Classify(err, noSuchPerson)
}

// move is for a person who has changed providers: their subject there is another.
func move() command.Command {
	return command.Command{
		Name: "move",
		Help: "give a person another identity: --person=ID --issuer=URL --subject=SUBJECT",
		Run: func(ctx context.Context, identity command.Identity, args []string) error {
			flags := flag.NewFlagSet("move", flag.ContinueOnError)
			person := flags.Int64("person", 0, "id of the person")
			issuer := flags.String("issuer", "", "issuer of the new identity")
			subject := flags.String("subject", "", "subject there")
			if err := command.ParseFlags(flags, args); err != nil {
				return err
			}
			if *person <= 0 || *issuer == "" || *subject == "" {
				return fmt.Errorf("%w: move takes --person, --issuer and --subject", command.ErrUsage)
			}
			pool, err := postgres.Open(ctx, identity.Service)
			if err != nil {
				return err
			}
			defer pool.Close()
			err = store.New(pool, store.Options{}).Move(ctx, *person, *issuer, *subject)
			if errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("move person %d: there is no such person; the Admin panel shows the ids", *person)
			}
			return err
		},
	}
}
