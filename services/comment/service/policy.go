package service

import (
	"strings"

	"blogplatform.io/operator/services/comment/internal/api"
	"blogplatform.io/operator/services/internal/token"
)

const (
	// maxLinks is how many links a comment may have at all, heldLinks how many
	// make it wait for a moderator.
	maxLinks  = 5
	heldLinks = 2
)

// links counts what browsers and readers would take for a link.
func links(body string) int {
	body = strings.ToLower(body)
	return strings.Count(body, "://") + strings.Count(body, "www.")
}

// history is what is known of a person's comments.
type history struct{ approved, spam bool }

// judge returns whether a comment is shown at once, and if not, what for.
func judge(who token.Claims, policy api.Policy, past history, body string) (state api.State, heldFor string) {
	switch {
	case who.Role.Includes(token.Editor):
		return api.StateApproved, ""
	case past.spam:
		return api.StateHeld, "Its author has sent spam."
	case links(body) >= heldLinks:
		return api.StateHeld, "It has several links."
	case policy == api.HoldAll:
		return api.StateHeld, "All comments are read first."
	case policy == api.HoldNew && !past.approved:
		return api.StateHeld, "It is its author's first."
	}
	return api.StateApproved, ""
}
