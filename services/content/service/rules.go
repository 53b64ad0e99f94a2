package service

import (
	"fmt"
	"net/http"
	"slices"

	"blogplatform.io/operator/services/content/internal/api"
	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/token"
)

// rule says when an action is possible, and for whom.
type rule struct {
	from []api.State
	// to is empty for an action that does not change the state.
	to api.State
	// author and reviewer say which Editors may act: the one who wrote the
	// post, and the others. An Admin may in any case.
	author, reviewer bool
}

// rules are the state machine of a post.
var rules = map[api.Action]rule{
	api.ActionEdit:           {from: []api.State{api.StateDraft, api.StateChangesRequested, api.StatePublished}, author: true},
	api.ActionSubmit:         {from: []api.State{api.StateDraft, api.StateChangesRequested}, to: api.StateInReview, author: true},
	api.ActionWithdraw:       {from: []api.State{api.StateInReview}, to: api.StateDraft, author: true},
	api.ActionPublish:        {from: []api.State{api.StateInReview}, to: api.StatePublished, reviewer: true},
	api.ActionRequestChanges: {from: []api.State{api.StateInReview}, to: api.StateChangesRequested, reviewer: true},
	api.ActionArchive:        {from: []api.State{api.StatePublished}, to: api.StateArchived, author: true},
	api.ActionRestore:        {from: []api.State{api.StateArchived}, to: api.StateDraft, author: true},
	api.ActionDelete:         {from: []api.State{api.StateDraft, api.StateChangesRequested}, author: true},
}

// actions are those of rules, in the order in which answers list them.
var actions = []api.Action{
	api.ActionEdit, api.ActionSubmit, api.ActionWithdraw, api.ActionPublish, api.ActionRequestChanges,
	api.ActionArchive, api.ActionRestore, api.ActionDelete,
}

// post is what the rules look at.
type post struct {
	author    *int64
	state     api.State
	published bool // ever
}

// readable reports whether a person with the role of an Editor may see a post
// that is not public.
func (p post) readable(who token.Claims) bool {
	return p.writtenBy(who) || who.Role.Includes(token.Admin) || p.state == api.StateInReview
}

func (p post) writtenBy(who token.Claims) bool { return p.author != nil && *p.author == who.Person }

// judge returns nil if the person may act on the post now. The error is a
// problem: 404 for what the person may not see, 403 for what is somebody else's
// to do, 409 for what the post's state does not allow.
func (p post) judge(who token.Claims, action api.Action) error {
	rule := rules[action]
	switch {
	case !p.readable(who):
		return noManuscript()
	case !who.Role.Includes(token.Admin) && (p.writtenBy(who) && !rule.author || !p.writtenBy(who) && !rule.reviewer):
		return &problem.Error{Status: http.StatusForbidden, Detail: fmt.Sprintf("You may not %s this post: that is up to %s.", action, rule.whose())}
	case !slices.Contains(rule.from, p.state):
		return &problem.Error{Status: http.StatusConflict, Detail: fmt.Sprintf("A post that is %s cannot be changed this way (%s).", p.state, action)}
	case action == api.ActionDelete && p.published:
		return &problem.Error{Status: http.StatusConflict, Detail: "A post that was published is archived, not deleted."}
	}
	return nil
}

func (r rule) whose() string {
	if r.author {
		return "its author and Admins"
	}
	return "another Editor and Admins"
}

// may lists what the person may do with the post now.
func (p post) may(who token.Claims) []api.Action {
	may := []api.Action{}
	for _, action := range actions {
		if p.judge(who, action) == nil {
			may = append(may, action)
		}
	}
	return may
}

func noManuscript() error {
	return &problem.Error{Status: http.StatusNotFound, Detail: "There is no manuscript with this id, or it is not yours to see."}
}
