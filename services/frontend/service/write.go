package service

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/token"
)

// states are those of a post, in the order in which writers care.
var states = []content.State{
	content.StateChangesRequested, content.StateDraft, content.StateInReview, content.StatePublished, content.StateArchived,
}

const (
	// postsPerState is how many posts of a state stand among those of others.
	postsPerState = 5
	// postsAtOnce is how many rows the lists to work on have.
	postsAtOnce = 20
)

type writePage struct {
	Groups []manuscripts
	// Tabs lead Admins to everybody's posts, and all back from those of one state.
	Tabs tabs
	// All says that the posts are everybody's.
	All bool
}

// manuscripts are some of those in a state, and where there are more.
type manuscripts struct {
	State content.State
	// Base is the path below which each is found by its id.
	Base string
	// Authors says that they are those of several people.
	Authors bool
	Posts   []content.ManuscriptSummary
	More    string
}

// write serves GET /write: posts by their state, or those of one.
func (s *site) write(w http.ResponseWriter, r *http.Request) error {
	state := content.State(r.URL.Query().Get("state"))
	if state != "" && !state.Valid() {
		return &problem.Error{Status: http.StatusNotFound}
	}
	page := writePage{All: r.URL.Query().Get("view") == "all" && visitorOf(r.Context()).May(token.Admin)}
	page.Tabs = s.writeTabs(r, state, page.All)
	wanted := states
	if state != "" {
		wanted = []content.State{state}
	}
	page.Groups = make([]manuscripts, len(wanted))
	asks, ctx := errgroup.WithContext(r.Context())
	for i, one := range wanted {
		asks.Go(func() (err error) {
			page.Groups[i], err = s.group(ctx, r, one, page.All, state != "")
			return err
		})
	}
	if err := asks.Wait(); err != nil {
		return err
	}
	page.Groups = slices.DeleteFunc(page.Groups, func(g manuscripts) bool { return len(g.Posts) == 0 })
	s.render(w, r, http.StatusOK, document{Template: "write", Title: s.messages.text("write.title"), Wide: true, Page: page})
	return nil
}

// group returns posts of a state: a page of them if they are alone.
func (s *site) group(ctx context.Context, r *http.Request, state content.State, all, alone bool) (manuscripts, error) {
	params := content.ListManuscriptsParams{State: &state, View: new(content.Mine), Limit: new(postsPerState)}
	if all {
		params.View = new(content.All)
	}
	if alone {
		params.Limit, params.After = new(postsAtOnce), queryOf(r, "after")
	}
	list, err := s.manuscripts(ctx, params)
	group := manuscripts{State: state, Base: "/write", Authors: all, Posts: list.Manuscripts}
	switch {
	case err != nil || list.Next == nil:
	case alone:
		group.More = further(r, "after", *list.Next)
	default:
		group.More = further(r, "state", string(state))
	}
	return group, err
}

func (s *site) writeTabs(r *http.Request, state content.State, all bool) tabs {
	list := tabs{Label: s.messages.text("write.which"), Items: []tab{{"/write", s.messages.text("write.mine"), !all && state == ""}}}
	if visitorOf(r.Context()).May(token.Admin) {
		list.Items = append(list.Items, tab{"/write?view=all", s.messages.text("write.all"), all && state == ""})
	}
	if state != "" {
		list.Items = append(list.Items, tab{r.URL.RequestURI(), s.messages.text("state." + string(state)), true})
	}
	return list
}

func (s *site) manuscripts(ctx context.Context, params content.ListManuscriptsParams) (content.ManuscriptList, error) {
	answer, err := s.backends.content.ListManuscriptsWithResponse(ctx, &params, visitorOf(ctx).asContent)
	if err != nil {
		return content.ManuscriptList{}, fmt.Errorf("list manuscripts: %w", err)
	}
	list, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body)
	if err != nil {
		return content.ManuscriptList{}, fmt.Errorf("list manuscripts: %w", unlisted(err))
	}
	return list, nil
}

// review serves GET /review: the posts of others that wait to be read.
func (s *site) review(w http.ResponseWriter, r *http.Request) error {
	list, err := s.manuscripts(r.Context(), content.ListManuscriptsParams{View: new(content.Review), Limit: new(postsAtOnce), After: queryOf(r, "after")})
	if err != nil {
		return err
	}
	page := manuscripts{State: content.StateInReview, Base: "/review", Authors: true, Posts: list.Manuscripts}
	if list.Next != nil {
		page.More = further(r, "after", *list.Next)
	}
	s.render(w, r, http.StatusOK, document{Template: "review", Title: s.messages.text("review.title"), Wide: true, Page: page})
	return nil
}
