package stories

import (
	"testing"

	"blogplatform.io/operator/services/internal/testing/postgres"
)

func TestAReaderSignsInAndOut(t *testing.T) {
	browser := chromium(t)
	w := newTown(t, postgres.Shared(t))
	rita := w.somebody(t, browser)
	rita.open("/posts/the-quiet-release")
	rita.inspect("post-anonymous")
	rita.press(`.tools a[href^="/auth/sign-in"]`)
	rita.sees("Sign in to Marginalia")
	rita.inspect("sign-in")
	rita.press(`main a.button`)
	rita.write("#username", people["rita"].UserName)
	rita.write("#password", "pw")
	rita.press("button")
	rita.sees("We used to announce our releases.")
	rita.press(".account summary")
	rita.sees("Rita Fernando")
	rita.seesNot("Moderation")
	rita.press(`.account form button`)
	rita.sees("You are signed out here")
	rita.press(`main a.button`)
	rita.sees("You are signed out.")
	rita.sees("Sign in")
	if live := w.idp.Sessions(people["rita"].ID); live != 0 {
		t.Errorf("%d sessions live on at the provider", live)
	}
	rita.open("/")
	rita.seesNot("You are signed out.")
	rita.inspect("home")
}
