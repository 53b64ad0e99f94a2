package main

import (
	"context"
	"fmt"
	"net/http"

	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/testing/asgardeo"
	"blogplatform.io/operator/services/user/client"
)

// person is one of the demo people.
type person struct {
	asgardeo.User
	role client.Role
}

func inRoles(users []asgardeo.User) []person {
	var people []person
	for i, role := range []client.Role{client.Admin, client.Editor, client.Reader} {
		people = append(people, person{users[i], role})
	}
	return people
}

// invite lets the demo people sign in once, as the blog knows nobody before, and
// the first of them, who is the configured Admin, give the others their roles.
func (b *blog) invite(ctx context.Context, users string) error {
	api := client.New(users)
	var admin client.Exchange
	for i, who := range b.people {
		exchange, err := b.signIn(ctx, api, who)
		if err != nil {
			return fmt.Errorf("sign %s in: %w", who.UserName, err)
		}
		if i == 0 {
			admin = exchange
		}
		if exchange.Role == who.role {
			continue
		}
		answer, err := api.SetRoleWithResponse(ctx, exchange.Person.ID, client.RoleChange{Role: who.role, Reason: new("Demo people")}, bearer(admin.Tokens.User))
		if err != nil {
			return fmt.Errorf("give %s a role: %w", who.UserName, err)
		}
		if _, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body); err != nil {
			return fmt.Errorf("give %s a role: %w", who.UserName, err)
		}
	}
	return nil
}

func (b *blog) signIn(ctx context.Context, api *client.Client, who person) (client.Exchange, error) {
	var none client.Exchange
	begun, err := api.BeginSignInWithResponse(ctx, client.SignInBeginning{ReturnTo: "/"})
	if err != nil {
		return none, err
	}
	began, err := rest.Result(begun.JSON201, begun.HTTPResponse, begun.Body)
	if err != nil {
		return none, err
	}
	at, err := b.provider.NewBrowser(b.client().Transport).SignIn(began.AuthorizationURL, who.UserName, who.Password)
	if err != nil {
		return none, err
	}
	completed, err := api.CompleteSignInWithResponse(ctx, client.SignInCompletion{
		Transaction: began.Transaction, State: at.Query().Get("state"), Code: new(at.Query().Get("code")),
	})
	if err != nil {
		return none, err
	}
	session, err := rest.Result(completed.JSON201, completed.HTTPResponse, completed.Body)
	if err != nil {
		return none, err
	}
	exchanged, err := api.ExchangeSessionWithResponse(ctx, client.SessionToken{Token: session.Token})
	if err != nil {
		return none, err
	}
	return rest.Result(exchanged.JSON200, exchanged.HTTPResponse, exchanged.Body)
}

func bearer(raw string) client.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+raw)
		return nil
	}
}
