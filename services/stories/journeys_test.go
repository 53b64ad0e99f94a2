package stories

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

// everything is a text with all that Markdown can make of it.
const everything = `An opening paragraph with **strong**, *soft*, ` + "`inline code`" + ` and [a link](https://example.com/).

## The first part
> Somebody said this, and it was worth keeping.

1. One thing
2. Another thing, which takes a long time to say and therefore needs a second line on any screen

### A detail
` + "```go\nfunc main() { fmt.Println(\"a line of code that is too long for a small screen and must scroll inside\") }\n```" + `

## The second part
| Name | What it does | When |
|---|---|---|
| expand | adds what the next release needs | before it |
| contract | removes what the last one needed | after it |

- apples
- pears

## The third part
Averyveryverylongwordwithoutanyspacethatmustnotmakethepagewiderthanitisonasmallscreen.

---

The end.`

func TestAReaderReadsSignsInCommentsAndSignsOut(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	rita := w.somebody(t, window)
	rita.open("/posts/the-quiet-release")
	rita.press(`.tools a[href^="/auth/sign-in"]`)
	rita.sees("Sign in to Marginalia")
	rita.press(`main a.button`)
	rita.write("#username", people["rita"].UserName)
	rita.write("#password", "pw")
	rita.press("button")
	rita.sees("We used to announce our releases.")

	rita.write("#body", "Ours is on Thursday.\n\nNobody minds.")
	rita.press(".say button")
	rita.sees("A moderator will look at your comment")
	rita.sees("Waiting for a moderator; only you see it")
	stranger := w.somebody(t, window)
	stranger.open("/posts/the-quiet-release")
	stranger.sees("We still have the calendar entry.")
	stranger.seesNot("Ours is on Thursday.")
	rita.inspect("post-reader")

	rita.press(`a[href$="/edit"]`)
	rita.sees("Edit your comment")
	rita.inspect("comment-edit")
	rita.write("#body", "Ours is on Friday.")
	rita.press("main form button")
	rita.sees("Ours is on Friday.")
	rita.press(`#comment-1 .acts button`)
	rita.do(chromedp.WaitVisible(chromedp.CSS(`#comment-1 [aria-pressed="true"]`)))
	rita.press(`a[href$="/delete"]`)
	rita.sees("Delete your comment?")
	rita.inspect("comment-delete")
	rita.press("main form button")
	rita.sees("The comment is deleted.")
	rita.seesNot("Ours is on Friday.")

	rita.press(".account summary")
	rita.sees("Rita Fernando")
	if nav := rita.look(`String(document.querySelector(".work"))`); nav != "null" {
		t.Errorf("a Reader is led to work: %s", nav)
	}
	rita.press(`.account form button`)
	rita.sees("You are signed out here")
	rita.inspect("sign-out")
	rita.press(`main a.button`)
	rita.sees("You are signed out.")
	rita.sees("Sign in")
	if live := w.idp.Sessions(people["rita"].ID); live != 0 {
		t.Errorf("%d sessions live on at the provider", live)
	}
	rita.open("/")
	rita.seesNot("You are signed out.")
}

// What htmx makes quicker works without it.
func TestAReaderCommentsWithoutScripts(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	noah := w.somebody(t, window)
	noah.signIn("noah")
	w.is(t, "noah", "Editor")
	noah.refusesScripts()
	// The role is known anew within the seconds that an exchange is reused.
	await.Nil(t, func() error {
		noah.open("/posts/the-quiet-release")
		if nav := noah.look(`String(document.querySelector(".work"))`); nav == "null" {
			return errors.New("noah is not an Editor yet")
		}
		return nil
	})
	noah.write("#body", "Said without a script.")
	noah.press(".say button")
	noah.sees("Your comment is published.")
	noah.sees("Said without a script.")
	noah.press(`#comment-1 .acts button`)
	noah.do(chromedp.WaitVisible(chromedp.CSS(`#comment-1 [aria-pressed="true"]`)))
	noah.press("#comment-1 details.reply summary")
	noah.write("#body-1", "   ")
	noah.press("#comment-1 .reply-form button")
	noah.do(chromedp.WaitVisible(chromedp.CSS(`#body-1[aria-invalid="true"]`)))
	noah.write("#body-1", "A reply, too.")
	noah.press("#comment-1 .reply-form button")
	noah.sees("A reply, too.")
}

func TestEveryPageOfReadersIsFitToBeSeen(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	execute(t, w.content, `INSERT INTO content.posts (slug, title, summary, body, state, published_at, author_name) VALUES
		('everything', 'A post with everything that Markdown can do, and a title that runs over more than one line', '', '`+strings.ReplaceAll(everything, "'", "''")+`', 'published', now() - interval '2 years', 'Noah Perera')`)
	anyone := w.somebody(t, window)
	for name, path := range map[string]string{
		"home": "/", "post": "/posts/the-quiet-release", "post-everything": "/posts/everything", "topics": "/topics", "tag": "/tags/releases",
		"category": "/categories/engineering", "sign-in": "/auth/sign-in?return=/me", "error-404": "/nothing", "error-signin": "/auth/callback?state=1",
	} {
		anyone.open(path)
		anyone.inspect(name)
	}
	amara := w.somebody(t, window)
	amara.signIn("amara")
	amara.open("/me")
	amara.sees("You can also decide about people and settings.")
	amara.inspect("me")
	amara.write("#displayName", " ")
	amara.press("main form button")
	amara.sees("This needs another look")
	amara.inspect("me-problem")
	amara.open("/me/erase")
	amara.inspect("erase")
	amara.press(".check input")
	amara.press("main form button")
	amara.sees("make somebody else one first")
	amara.open("/authors/1")
	amara.inspect("author")
	amara.open("/")
	amara.inspect("home-admin")
	amara.press(".account summary")
	amara.inspect("menu")

	if err := w.processes["user"].Stop(); err != nil {
		t.Fatal(err)
	}
	// For two seconds the last answer of the user service counts.
	await.Nil(t, func() error {
		amara.open("/")
		if text := amara.text(); !strings.Contains(text, "We cannot check who you are right now") {
			return fmt.Errorf("it shows %s", text)
		}
		return nil
	})
	amara.inspect("home-unknown")
	amara.open("/me")
	amara.sees("We cannot show this page right now")
	amara.inspect("error-503")
}

func TestAPersonTakesTheirDataAndLeaves(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	rita := w.somebody(t, window)
	rita.signIn("rita")
	rita.open("/me")
	rita.write("#displayName", "Rita F.")
	rita.press("main form button")
	rita.sees("Saved.")
	rita.open("/posts/the-quiet-release")
	rita.write("#body", "Remember me.")
	rita.press(".say button")
	rita.sees("Waiting for a moderator")
	var export struct {
		Account  struct{ Profile struct{ DisplayName string } }
		Comments []struct{ Body string }
	}
	if err := json.Unmarshal([]byte(rita.fetch("/me/export")), &export); err != nil {
		t.Fatal(err)
	}
	if export.Account.Profile.DisplayName != "Rita F." || len(export.Comments) != 1 || export.Comments[0].Body != "Remember me." {
		t.Errorf("the export: %+v", export)
	}
	rita.open("/me/erase")
	rita.press(".check input")
	rita.press("main form button")
	rita.sees("Your account is erased.")
	rita.sees("Sign in")
	await.Nil(t, func() error {
		if left := count(t, w.comment, `SELECT count(*) FROM comment.comments WHERE body = 'Remember me.'`); left > 0 {
			return fmt.Errorf("%d of the comments are left", left)
		}
		return nil
	})
}

// A lock bites within five seconds, on a replica that has just asked.
func TestALockedPersonIsOutWithinSeconds(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	rita := w.somebody(t, window)
	rita.signIn("rita")
	rita.open("/me")
	rita.sees("Where you are signed in")
	execute(t, w.user, `UPDATE "user".people SET locked_here = true WHERE subject = '`+people["rita"].ID+`'`)
	await.Nil(t, func() error {
		rita.open("/me")
		if text := rita.text(); !strings.Contains(text, "An Admin has locked it") {
			return fmt.Errorf("still in: %s", text)
		}
		return nil
	})
	rita.inspect("error-locked")
	rita.open("/")
	rita.sees("Sign in")
}

func TestTheIdentityProviderEndsASession(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	rita := w.somebody(t, window)
	rita.signIn("rita")
	w.idp.EndSessions(people["rita"].ID)
	rita.isOut()
	rita.press(`main a.button`)
	rita.write("#username", people["rita"].UserName)
	rita.write("#password", "pw")
	rita.press("button")
	rita.sees("Where you are signed in")
}

// fetch reads an address as the page's own script would, and returns the body.
func (p *person) fetch(path string) string {
	p.t.Helper()
	return ask(p, chromedp.Evaluate[string](fmt.Sprintf(`(() => { const r = new XMLHttpRequest(); r.open("GET", %q, false); r.send(); return r.responseText })()`, path)))
}
