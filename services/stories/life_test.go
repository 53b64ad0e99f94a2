package stories

import (
	"fmt"
	"strings"
	"testing"

	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

func TestTheLifeOfABlog(t *testing.T) {
	window := chromium(t)
	newTown(t, postgres.Shared(t)).life(t, window)
}

// life is what happens on a new blog, by what people do in their browsers alone:
// an Admin makes an Editor, they write, review and publish, a Reader comments, the
// comment is moderated, and somebody is locked out and let in again.
func (w *town) life(t *testing.T, window *browser) {
	amara, noah, rita := w.somebody(t, window), w.somebody(t, window), w.somebody(t, window)
	for name, who := range map[string]*person{"amara": amara, "noah": noah, "rita": rita} {
		who.signIn(name)
	}

	amara.openPerson("noah")
	amara.choose("#role", "Editor")
	amara.write("#reason", "Writes well")
	amara.press(`section[aria-labelledby="role-title"] button`)
	amara.sees("The role is changed.")

	amara.open("/write/new")
	amara.write("#title", "A letter to everybody")
	amara.write("#body", "Written *here*, and read everywhere.")
	amara.press(`button[value="submit"]`)
	amara.sees("Another Editor will read it.")
	noah.until("/review", "A letter to everybody")
	noah.follow("A letter to everybody")
	noah.press(`button[value="publish"]`)
	noah.sees("The post is published.")

	rita.until("/", "A letter to everybody")
	rita.open("/posts/a-letter-to-everybody")
	rita.write("#body", "I have read it.")
	rita.press(".say button")
	rita.sees("A moderator will look at your comment")
	noah.until("/moderation", "I have read it.")
	noah.press(`#queue > li:first-child button[value="approved"]`)
	noah.sees("The comment is approved.")
	w.somebody(t, window).until("/posts/a-letter-to-everybody", "I have read it.")

	amara.openPerson("rita")
	amara.press(`#lock a[href$="/lock"]`)
	amara.write("#reason", "To see that it works")
	amara.press("main form button")
	amara.sees("The account is locked here.")
	rita.isOut()
	amara.sees("Confirmed")
	amara.press(`#lock a[href$="/unlock"]`)
	amara.press("main form button")
	amara.sees("The account is unlocked here.")
	amara.sees("Confirmed")
	rita.signIn("rita")
}

// isOut waits until the person's session is over.
func (p *person) isOut() {
	p.t.Helper()
	await.Nil(p.t, func() error {
		p.open("/me")
		if at := p.at(); !strings.Contains(at, "/auth/sign-in?return=") {
			return fmt.Errorf("still in at %s", at)
		}
		return nil
	})
}
