package service

import (
	"regexp"

	"blogplatform.io/operator/services/comment/internal/api"
	"blogplatform.io/operator/services/internal/token"
)

const (
	// maxLinks is how many links a comment may have at all, heldLinks how many
	// make it wait for a moderator.
	maxLinks  = 5
	heldLinks = 2
)

// address is what browsers and readers would take for a link.
var address = regexp.MustCompile(`(?i)([a-z]+://|\bwww\.)\S+`)

// links counts the links of a comment.
func links(body string) int { return len(address.FindAllStringIndex(body, -1)) }

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
