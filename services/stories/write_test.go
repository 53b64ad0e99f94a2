package stories

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
)

// editors are two people who write, before their browser windows.
func (w *town) editors(t *testing.T, window *browser) (amara, noah *person) {
	t.Helper()
	amara, noah = w.somebody(t, window), w.somebody(t, window)
	noah.signIn("noah")
	w.is(t, "noah", "Editor")
	amara.signIn("amara")
	noah.until("/review", "Posts to review")
	return amara, noah
}

// until opens a page until it shows a text.
func (p *person) until(path, text string) {
	p.t.Helper()
	await.Nil(p.t, func() error {
		p.open(path)
		if shown := p.text(); !strings.Contains(shown, text) {
			return fmt.Errorf("%s does not show %q: %s", path, text, shown)
		}
		return nil
	})
}

// follow goes to the post of a list that has a title.
func (p *person) follow(title string) {
	p.t.Helper()
	p.sees(title)
	ask(p, chromedp.Evaluate[bool](fmt.Sprintf(`[...document.querySelectorAll("h3 a")].find(a => a.textContent.trim() === %q).click(), true`, title)))
}

// holds waits until a field holds a text.
func (p *person) holds(selector, text string) {
	p.t.Helper()
	await.Nil(p.t, func() error {
		if held := p.look(fmt.Sprintf(`(document.querySelector(%q) || {}).value || ""`, selector)); !strings.Contains(held, text) {
			return fmt.Errorf("%s at %s holds %q, want %q", selector, p.at(), held, text)
		}
		return nil
	})
}

func TestAnEditorWritesAnotherReviewsAndReadersRead(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	amara, noah := w.editors(t, window)
	noah.seesNot("First light")
	amara.press(`.work a[href="/write"]`)
	amara.sees("There is nothing here yet.")
	amara.inspect("write-empty")
	amara.press(`a[href="/write/new"]`)
	amara.write("#body", "Hello, *dear* readers.\n\n## Who we are\n\nPeople who like the morning.")
	amara.do(chromedp.WaitVisible(chromedp.CSS("#preview em")))
	amara.sees("kept in this browser until you save")
	amara.inspect("editor-new")
	amara.write("#title", "   ")
	amara.press(`button[value="save"]`)
	amara.sees("This needs another look")
	amara.inspect("editor-problem")
	amara.write("#title", "First light")
	amara.write("#tags", "Light, Dark")
	amara.press(`button[value="save"]`)
	amara.sees("Saved.")

	// What is typed is kept by itself, and found again in whatever window.
	amara.write("#body", "Hello, *dearest* readers.")
	amara.sees("Kept ")
	amara.until(path(amara.at()), "Only you see it.")
	amara.holds("#body", "Hello, *dearest* readers.")
	amara.inspect("editor-unsaved")
	noah.open("/review")
	noah.sees("Posts to review")
	noah.seesNot("First light")
	amara.press(`button[value="submit"]`)
	amara.sees("Another Editor will read it.")
	amara.sees("Take back from review")
	amara.inspect("manuscript-author")

	noah.open("/review")
	noah.sees("Amara Silva")
	noah.inspect("review")
	noah.follow("First light")
	noah.sees("Hello, dearest readers.")
	noah.press(".steps details summary")
	noah.write("#note", "Say who you are.")
	noah.inspect("manuscript-reviewer")
	noah.press(`button[value="request_changes"]`)
	noah.sees("The author sees what you asked for.")

	amara.open("/write")
	amara.sees("Changes requested")
	amara.inspect("write")
	amara.follow("First light")
	amara.sees("Noah Perera asks for changes")
	amara.sees("Say who you are.")
	amara.inspect("manuscript-changes")
	amara.press(`a[href$="/edit"]`)
	amara.write("#body", "We are people who like the morning.")
	amara.press(`button[value="submit"]`)
	amara.sees("Another Editor will read it.")
	noah.open("/review")
	noah.follow("First light")
	noah.press(`button[value="publish"]`)
	noah.sees("The post is published.")

	stranger := w.somebody(t, window)
	stranger.until("/", "First light")
	stranger.open("/posts/first-light")
	stranger.sees("We are people who like the morning.")
	stranger.sees("Amara Silva")
	stranger.seesNot("Edit this post")
	amara.open("/posts/first-light")
	amara.press(`a[href^="/write/"].edit, .acts a[href^="/write/"]`)
	amara.sees("published it")
	amara.press(".steps details summary")
	amara.inspect("manuscript-published")
	amara.press(`button[value="archive"]`)
	amara.sees("readers no longer find it")
	stranger.until("/posts/first-light", "There is no such page")
	amara.press(`button[value="restore"]`)
	amara.sees("The post is a draft again.")
}

func TestTwoWindowsOfOneEditorLoseNothing(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	here, there := w.somebody(t, window), w.somebody(t, window)
	here.signIn("amara")
	there.signIn("amara")
	here.open("/write/new")
	here.write("#title", "Twice")
	here.write("#body", "The first text")
	here.press(`button[value="save"]`)
	here.sees("Saved.")
	there.open(path(here.at()))
	there.holds("#body", "The first text")
	here.write("#body", "Theirs")
	here.press(`button[value="save"]`)
	here.sees("Saved.")

	there.write("#title", "Two times")
	there.write("#body", "Mine")
	there.press(`button[value="save"]`)
	there.sees("Somebody else was faster")
	there.holds("#body", "Mine")
	there.holds("#their-body", "Theirs")
	there.inspect("editor-conflict")
	there.press(`button[value="save"]`)
	there.sees("Saved.")
	there.holds("#body", "Mine")

	// Typed, and not saved; then it is thought better of.
	there.write("#body", "Not to stay")
	there.sees("Kept ")
	there.until(path(there.at()), "Only you see it.")
	there.press(`button[form="discard"]`)
	there.sees("This is the saved text.")
	there.holds("#body", "Mine")
	there.press(".title a.button")
	there.press(`a[href$="/delete"]`)
	there.sees("Delete “Two times”?")
	there.inspect("manuscript-delete")
}

// What never reached the blog is in the browser.
func TestABrowserKeepsWhatTheBlogCannot(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	amara := w.somebody(t, window)
	amara.signIn("amara")
	amara.open("/write/new")
	amara.write("#title", "Storm")
	amara.write("#body", "Calm before it")
	amara.sees("kept in this browser until you save")
	amara.open("/write/new")
	amara.sees("This browser has kept a text that never reached us.")
	amara.inspect("editor-restore")
	amara.press(`[data-do="restore"]`)
	amara.holds("#body", "Calm before it")
	amara.press(`button[value="save"]`)
	amara.sees("Saved.")

	if err := w.processes["content"].Stop(); err != nil {
		t.Fatal(err)
	}
	amara.write("#body", "Wind")
	amara.sees("This browser keeps your text, and tries again.")
	amara.press(`button[value="save"]`)
	amara.sees("Nothing is lost")
	amara.holds("#body", "Wind")
	amara.inspect("editor-unavailable")
}

// Whose session ends has the text on the page, and in the browser.
func TestWhoIsSignedOutLosesNothing(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	amara := w.somebody(t, window)
	amara.signIn("amara")
	amara.open("/write/new")
	amara.write("#title", "Evening")
	amara.write("#body", "Day")
	amara.press(`button[value="save"]`)
	amara.sees("Saved.")
	post := path(amara.at())
	w.idp.EndSessions(people["amara"].ID)
	elsewhere := amara.tab()
	elsewhere.until("/", "Sign in")
	amara.write("#body", "Night")
	amara.sees("You are signed out.")
	amara.press(`button[value="save"]`)
	amara.sees("Your session is over")
	amara.holds("#kept", "Night")
	amara.inspect("error-kept")

	elsewhere.signIn("amara")
	amara.press(`.kept button`)
	amara.sees("Saved.")
	amara.holds("#body", "Night")
	if at := path(amara.at()); at != post {
		t.Errorf("what was sent again leads to %s", at)
	}
}

func TestAnEditorWritesWithoutScripts(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	_, noah := w.editors(t, window)
	noah.refusesScripts()
	noah.open("/write/new")
	noah.write("#body", "Seen *before*")
	noah.press(`button[value="preview"]`)
	noah.do(chromedp.WaitVisible(chromedp.CSS("#preview em")))
	noah.write("#title", "   ")
	noah.press(`button[value="save"]`)
	noah.do(chromedp.WaitVisible(chromedp.CSS(`#title[aria-invalid="true"]`)))
	noah.holds("#body", "Seen *before*")
	noah.write("#title", "By hand")
	noah.press(`button[value="submit"]`)
	noah.sees("Another Editor will read it.")
	noah.press(`button[value="withdraw"]`)
	noah.sees("The post is a draft again.")
	// Nobody publishes their own post.
	if text := noah.look(`String(document.querySelector('button[value="publish"]'))`); text != "null" {
		t.Error("an Editor may publish their own post")
	}
	noah.press(`a[href$="/delete"]`)
	noah.sees("Delete “By hand”?")
	noah.press("main form button")
	noah.sees("The post is deleted.")
}

// path of an address.
func path(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	_, rest, _ = strings.Cut(rest, "/")
	return "/" + rest
}

// TestNoTextWidensAPage publishes what cannot be broken, at every place of a post.
func TestNoTextWidensAPage(t *testing.T) {
	window := chromium(t)
	w := newTown(t, postgres.Shared(t))
	amara, noah := w.editors(t, window)
	word := strings.Repeat("rindfleisch", 16)
	code := "```sh\n   " + strings.Repeat("x", 170) + "\n   ```"
	table := "| " + word + " | " + word + " |\n   |---|---|\n   | a | b |"
	address := "https://example.com/" + strings.Repeat("a", 200)
	amara.open("/write/new")
	amara.fill("#title", word)
	amara.fill("#summary", word)
	amara.fill("#tags", word[:50])
	amara.fill("#body", "1. x\n\n   "+code+"\n\n2. y\n\n   "+table+"\n\n- "+address+"\n- "+word+"\n\n> "+code+"\n\nA note[^1].\n\n[^1]: "+address+"\n\n## "+word+"\n\n"+table)
	amara.press(`button[value="submit"]`)
	amara.sees("Another Editor will read it.")
	noah.open("/review")
	noah.follow(word)
	noah.press(`button[value="publish"]`)
	noah.sees("The post is published.")
	amara.open("/write")
	post := path(amara.look(`[...document.querySelectorAll("h3 a")].find(a => a.textContent.trim().startsWith("rind")).href`))

	stranger := w.somebody(t, window)
	stranger.until("/", word)
	stranger.fits("home")
	stranger.do(chromedp.Click(chromedp.CSS(".lead a")))
	stranger.sees("A note")
	stranger.fits("post")
	amara.open(post)
	amara.fits("manuscript")
	amara.open(post + "/edit")
	amara.fits("editor")
}

// fill puts a text into a field at once.
func (p *person) fill(selector, text string) {
	p.t.Helper()
	ask(p, chromedp.Evaluate[bool](fmt.Sprintf(`(f => { f.value = %q; f.dispatchEvent(new Event("input", {bubbles: true})); return true; })(document.querySelector(%q))`, text, selector)))
}

// fits checks that nothing sticks out at the side of the page.
func (p *person) fits(name string) {
	p.t.Helper()
	for _, width := range []int64{320, 640, 1280} {
		p.do(chromedp.EmulateViewport(width, 800))
		if wide := p.look(`(page => page.scrollWidth > page.clientWidth ? page.scrollWidth + "" : "")(document.documentElement)`); wide != "" {
			p.t.Errorf("%s is %s pixels wide at %d", name, wide, width)
		}
	}
}
