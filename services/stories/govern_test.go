package stories

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"blogplatform.io/operator/services/internal/testing/asgardeo"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

func TestAnAdminMakesAReaderAnEditor(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	amara, rita := w.somebody(t, window), w.somebody(t, window)
	rita.signIn("rita")
	amara.signIn("amara")
	amara.press(`.work a[href="/admin/people"]`)
	amara.sees("rita@example.com")
	amara.inspect("people")
	amara.write("#search", "nobody at all")
	amara.press(".filter button")
	amara.sees("Nobody is like that.")
	amara.inspect("people-none")
	amara.write("#search", "rita")
	amara.choose("#role", "Reader")
	amara.press(".filter button")
	amara.sees("Rita Fernando")
	amara.seesNot("amara@example.com")
	amara.press(".table a")
	amara.sees("Nothing has been done to this account.")
	amara.choose("#role", "Editor")
	amara.write("#reason", "She writes well")
	amara.press(`section[aria-labelledby="role-title"] button`)
	amara.sees("The role is changed.")
	amara.sees("They can also write, review and moderate.")
	amara.sees("Reader to Editor: She writes well")
	amara.inspect("person")
	await.Nil(t, func() error {
		rita.open("/")
		if nav := rita.look(`String(document.querySelector(".work"))`); nav == "null" {
			return errors.New("rita is not an Editor yet")
		}
		return nil
	})
	rita.open("/moderation")
	rita.sees("Nothing waits.")
	rita.inspect("moderation-empty")
	rita.open("/admin/people")
	rita.sees("This is not open to you")

	amara.press(".panel [href^='/admin/people/audit']")
	amara.sees("Audit log of Rita Fernando")
	amara.press(".toolbar a")
	amara.sees("Made the first Admin by the platform's configuration")
	amara.inspect("audit")

	// Nobody changes their own role, whatever is sent.
	amara.openPerson("amara")
	amara.sees("This is you")
	amara.seesNot("Lock this account")
	amara.inspect("person-self")
	amara.openPerson("rita")
	amara.press(`form[action$="/sessions/end"] button`)
	amara.sees("They are signed out everywhere.")
	amara.sees("Nowhere at the moment.")
	rita.isOut()
	amara.press(`a[href$="/erase"]`)
	amara.sees("Erase the account of Rita Fernando?")
	amara.inspect("person-erase")
	// It is asked for without scripts, too.
	amara.refusesScripts()
	amara.press(`main a[href^="/admin/people/"]`)
	amara.press(`a[href$="/erase"]`)
	amara.sees("Erase the account of Rita Fernando?")
	amara.press("main form button")
	amara.sees("The account is erased.")
	amara.seesNot("rita@example.com")
}

func TestAnAdminLocksAPersonAndSeesTheProviderFollow(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	amara, rita := w.somebody(t, window), w.somebody(t, window)
	rita.signIn("rita")
	rita.open("/me")
	rita.sees("Where you are signed in")
	amara.signIn("amara")
	amara.openPerson("rita")
	amara.press(`#lock a[href$="/lock"]`)
	amara.sees("Lock Rita Fernando?")
	amara.inspect("person-lock")
	// Blanks are no reason, and a browser lets them pass.
	amara.write("#reason", "   ")
	amara.press("main form button")
	amara.sees("Say why: other Admins need to know.")
	amara.inspect("person-lock-problem")

	w.idp.Inject(asgardeo.Fault{Method: http.MethodPatch, Path: "/scim2/", Status: http.StatusForbidden})
	amara.write("#reason", "Sold lamps")
	amara.press("main form button")
	amara.sees("The account is locked here.")
	// How it goes on is shown without loading the page again.
	amara.sees("Failed")
	amara.sees("Lock the account: the provider answered 403")
	amara.inspect("person-failed")
	rita.isOut()
	amara.open("/admin/people?locked=true")
	amara.sees("Failed")
	amara.inspect("people-failed")

	w.idp.Heal()
	amara.press(".table form button")
	amara.sees("The provider is being told again.")
	amara.sees("Confirmed")
	if !w.idp.Locked(people["rita"].ID) {
		t.Error("the provider has not locked her")
	}
	amara.seesNot("Tell the provider again")
	amara.inspect("person-locked")

	// Somebody opens the account at the provider, and the blog has found out.
	execute(t, w.user, `UPDATE "user".people SET locked_there = false WHERE subject = '`+people["rita"].ID+`'`)
	amara.open("/admin/people?search=rita")
	amara.sees("Differs again")
	amara.press(".table a")
	amara.sees("says something else now")
	amara.inspect("person-drift")
	amara.press(`#lock form button`)
	amara.sees("Confirmed")

	amara.press(`#lock a[href$="/unlock"]`)
	amara.sees("Unlock Rita Fernando?")
	amara.inspect("person-unlock")
	amara.press("main form button")
	amara.sees("The account is unlocked here.")
	await.Nil(t, func() error {
		if w.idp.Locked(people["rita"].ID) {
			return errors.New("still locked at the provider")
		}
		return nil
	})
	amara.sees("Confirmed")
	rita.signIn("rita")
}

func TestAModeratorDecidesAboutComments(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	noah, rita := w.somebody(t, window), w.somebody(t, window)
	noah.signIn("noah")
	w.is(t, "noah", "Editor")
	rita.signIn("rita")
	for _, text := range []string{"See <b>www.example.com</b>\n\nfor lamps.", "This one is worth reading.", "And this is not."} {
		rita.open("/posts/the-quiet-release")
		rita.write("#body", text)
		rita.press(".say button")
		rita.sees("A moderator will look at your comment")
	}
	await.Nil(t, func() error {
		noah.open("/moderation")
		if text := noah.text(); !strings.Contains(text, "It is its author's first.") {
			return fmt.Errorf("it shows %s", text)
		}
		return nil
	})
	noah.sees("See <b>www.example.com</b>")
	noah.sees("The quiet release")
	noah.inspect("moderation")
	// Keys decide about the comment that has the focus.
	noah.press("#queue > li:first-child .why summary")
	// Enter after a reason decides nothing.
	noah.write("#queue > li:first-child .why input", "Sells lamps"+kb.Enter)
	ask(noah, chromedp.Evaluate[bool](`document.querySelector("#queue > li:first-child a[href^='/moderation/']").focus(), true`))
	noah.do(chromedp.KeyEvent("s"))
	noah.sees("The comment is marked as spam.")
	noah.seesNot("for lamps.")
	noah.press(`#queue > li:first-child button[value="approved"]`)
	noah.sees("The comment is approved.")
	// The script comes after the text.
	noah.do(chromedp.WaitVisible(chromedp.CSS("#queue > li:focus")), chromedp.KeyEvent("r"))
	noah.sees("The comment is rejected.")
	noah.sees("Nothing waits.")
	stranger := w.somebody(t, window)
	await.Nil(t, func() error {
		stranger.open("/posts/the-quiet-release")
		if text := stranger.text(); !strings.Contains(text, "This one is worth reading.") {
			return fmt.Errorf("it shows %s", text)
		}
		return nil
	})
	stranger.seesNot("for lamps.")
	stranger.seesNot("And this is not.")

	noah.open("/moderation?state=spam")
	noah.sees("for lamps.")
	noah.inspect("moderation-spam")
	noah.press(`a[href^="/moderation/"]`)
	noah.sees("Held to Spam")
	noah.sees("Sells lamps")
	noah.inspect("moderated")
	// The author says it differently while somebody looks at it.
	execute(t, w.comment, `UPDATE comment.comments SET revision = revision + 1, body = 'I am sorry.' WHERE state = 'spam'`)
	noah.write(".field input", "She is sorry")
	noah.press(`button[value="approved"]`)
	noah.sees("The comment was edited in the meantime")
	noah.sees("I am sorry.")
	noah.inspect("moderated-problem")
	noah.press(`button[value="approved"]`)
	noah.sees("Nothing is marked as spam.")
}

func TestAnAdminSetsTheBlogUp(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	amara, again := w.somebody(t, window), w.somebody(t, window)
	amara.signIn("amara")
	again.signIn("amara")
	again.open("/admin/settings")
	amara.press(`.work a[href="/admin/settings"]`)
	amara.inspect("settings")
	amara.write("#name", "Night notes")
	amara.write("#postsPerPage", "99")
	amara.press(`form[action="/admin/settings"] button`)
	amara.sees("This needs another look")
	amara.inspect("settings-problem")
	amara.write("#postsPerPage", "5")
	amara.press(`form[action="/admin/settings"] button`)
	amara.sees("The settings are saved.")
	stranger := w.somebody(t, window)
	await.Nil(t, func() error {
		stranger.open("/")
		if text := stranger.text(); !strings.Contains(text, "Night notes") {
			return fmt.Errorf("it shows %s", text)
		}
		return nil
	})
	// What somebody else saved is not overwritten unseen.
	again.write("#name", "Day notes")
	again.press(`form[action="/admin/settings"] button`)
	again.sees("Somebody else saved these settings")
	if typed := again.look(`document.querySelector("#name").value`); typed != "Day notes" {
		t.Errorf("what was typed became %q", typed)
	}
	again.press(`form[action="/admin/settings"] button`)
	again.sees("The settings are saved.")

	amara.press(`input[value="closed"]`)
	amara.press(`form[action="/admin/settings/comments"] button`)
	amara.do(chromedp.WaitVisible(chromedp.CSS(`input[value="closed"][checked]`)))
	amara.open("/posts/the-quiet-release")
	amara.sees("Comments are closed.")

	amara.open("/admin/settings")
	amara.press(`.tabs a[href$="/topics"]`)
	amara.sees("Those of published posts.")
	amara.write("#name", "Night")
	amara.press(".add button")
	amara.sees("The category is added.")
	amara.write("#name", "Night")
	amara.press(".add button")
	amara.sees("Is taken: another category has the same slug.")
	amara.inspect("taxonomy")
	amara.press(`a[aria-label="Change Night"]`)
	amara.write("#name", "Evening")
	amara.write("#position", "first")
	amara.press("main form button")
	amara.sees("Write a whole number.")
	amara.inspect("topic-category")
	amara.write("#position", "-1")
	amara.press("main form button")
	amara.sees("Saved.")
	if first := amara.look(`document.querySelector(".rows.tree a").innerText`); first != "Evening" {
		t.Errorf("%s is first", first)
	}
	amara.press(`a[aria-label="Change Evening"]`)
	amara.press(`a[href$="/delete"]`)
	amara.sees("Remove “Evening”?")
	amara.inspect("topic-delete")
	amara.press("main form button")
	amara.sees("It is removed.")
	amara.seesNot("Evening")

	amara.press(`.tags a[href$="/releases"]`)
	amara.write("#name", "Letting go")
	amara.inspect("topic-tag")
	amara.press("main form button")
	amara.sees("Letting go")
	amara.press(`.tags a[href$="/releases"]`)
	amara.press(`a[href$="/delete"]`)
	amara.press("main form button")
	amara.sees("It is removed.")
	amara.seesNot("Letting go")
}

// choose picks an option of a select by its value.
func (p *person) choose(selector, value string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	ask(p, chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector(%q).value = %q, true`, selector, value)))
}

// openPerson goes to the page of somebody, as an Admin.
func (p *person) openPerson(name string) {
	p.t.Helper()
	p.open("/admin/people?search=" + p.town.people[name].UserName)
	p.press(".table a")
}
