package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"time"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/server"
	user "blogplatform.io/operator/services/user/client"
)

// Main runs the subcommand that the process's arguments name and returns its exit code.
func Main() int {
	return command.Main("frontend",
		command.Command{Name: "serve", Help: "serve the blog until asked to stop", Run: serve},
		command.Command{Name: "verify", Help: "ask every service and the gateway whether readers are served", Run: verify},
		command.Command{Name: "load", Help: "send an even load to the pods of one template and judge the answers", Run: load},
	)
}

// What one client address may ask of one replica: more than an office full of
// readers behind the same address does. A kept page costs next to nothing.
const (
	requestsAtOnce = 6000
	requestsWithin = time.Minute
	// hooksAtOnce is what the identity provider may ask: an evening on which
	// everybody signs out.
	hooksAtOnce = 1200
)

// backends are the services that pages are composed from.
type backends struct {
	user    *user.Client
	content *content.Client
	comment *comment.Client
}

func backendsFromEnv() (backends, error) {
	userURL, errUser := command.RequireEnv("USER_URL")
	contentURL, errContent := command.RequireEnv("CONTENT_URL")
	commentURL, errComment := command.RequireEnv("COMMENT_URL")
	return backends{
		user:    user.New(userURL),
		content: content.New(contentURL),
		comment: comment.New(commentURL),
	}, errors.Join(errUser, errContent, errComment)
}

// publicURL returns the canonical address of the blog, without a trailing slash.
func publicURL() (*url.URL, error) {
	text, err := command.RequireEnv("PUBLIC_URL")
	if err != nil {
		return nil, err
	}
	public, err := url.Parse(text)
	if err != nil || public.Scheme != "https" || public.Host == "" || (public.Path != "" && public.Path != "/") {
		return nil, fmt.Errorf("environment variable PUBLIC_URL=%q: write an address such as https://blog.example.com", text)
	}
	public.Path = ""
	return public, nil
}

// serve starts whatever the state of the data services: readiness speaks of
// this process, and a page says honestly what is missing.
func serve(ctx context.Context, identity command.Identity, args []string) error {
	if err := command.ParseFlags(flag.NewFlagSet("serve", flag.ContinueOnError), args); err != nil {
		return err
	}
	options, err := server.OptionsFromEnv(identity)
	if err != nil {
		return err
	}
	services, err := backendsFromEnv()
	if err != nil {
		return err
	}
	public, err := publicURL()
	if err != nil {
		return err
	}
	signer, err := signerFromEnv()
	if err != nil {
		return err
	}
	// Who the provider is, is the user service's business; here it counts that there is one.
	signIn := os.Getenv("OIDC_ISSUER") != ""
	site, err := newSite(identity, public, services, signer, signIn)
	if err != nil {
		return err
	}
	hops, err := command.IntEnv("TRUSTED_HOPS", 1)
	if err != nil {
		return err
	}
	options.Handler = site.limitAddresses(
		server.NewAddressLimit(requestsAtOnce, requestsWithin, hops),
		server.NewAddressLimit(hooksAtOnce, requestsWithin, hops), site.handler())
	return server.Run(ctx, options)
}
