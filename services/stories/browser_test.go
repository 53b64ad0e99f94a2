package stories

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/services/internal/testing/asgardeo"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
	"blogplatform.io/operator/services/internal/testing/process"
)

// People of the identity provider. Everybody's password is pw.
var people = map[string]asgardeo.User{
	"amara": {ID: "0d1e3a2b-7f6c-4a53-9c1d-5e8f7a6b4c3d", UserName: "amara@example.com", Given: "Amara", Family: "Silva"},
	"noah":  {ID: "1b2c3d4e-5f60-4718-92a3-b4c5d6e7f809", UserName: "noah@example.com", Given: "Noah", Family: "Perera"},
	"rita":  {ID: "2c3d4e5f-6071-4829-a3b4-c5d6e7f8091a", UserName: "rita@example.com", Given: "Rita", Family: "Fernando"},
}

// town is a whole blog as browsers meet it: behind TLS, with an identity provider
// that knows some people. Amara is its first Admin.
type town struct {
	*blog
	url string
	// people by their first name.
	people map[string]asgardeo.User
	idp    *asgardeo.Fake
	// provider serves idp.
	provider *httptest.Server
}

// gate is a server whose place is known before the process behind it is.
type gate struct {
	*httptest.Server
	target atomic.Pointer[url.URL]
}

func newGate(t *testing.T, start func(http.Handler) *httptest.Server) *gate {
	t.Helper()
	g := &gate{}
	g.Server = start(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(g.target.Load())
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
		// A browser that leaves a page ends its requests.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(g.Close)
	return g
}

func (g *gate) leadTo(t *testing.T, p *process.Process) {
	t.Helper()
	target, err := url.Parse(p.App)
	if err != nil {
		t.Fatal(err)
	}
	g.target.Store(target)
}

func newTown(t *testing.T, server *postgres.Server) *town {
	t.Helper()
	front := newGate(t, httptest.NewTLSServer)
	contentGate, commentGate := newGate(t, httptest.NewServer), newGate(t, httptest.NewServer)
	// Another host than the provider's, so that cookies don't mix.
	w := &town{url: strings.Replace(front.URL, "127.0.0.1", "blog.localhost", 1), people: map[string]asgardeo.User{}}
	provider := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.idp.ServeHTTP(rw, r) }))
	t.Cleanup(provider.Close)
	w.provider = provider
	config := asgardeo.Config{
		BaseURL: provider.URL + "/t/acme", HTTPClient: front.Client(),
		Clients: []asgardeo.Client{
			{ID: "blog", Secret: "s", RedirectURIs: []string{w.url + "/auth/callback"}, PostLogoutRedirectURIs: []string{w.url + "/"}, BackChannelLogoutURI: front.URL + "/hooks/back-channel-logout"},
			{ID: "m2m", Secret: "m", Scopes: []string{"internal_user_mgt_view", "internal_user_mgt_update", "internal_session_delete"}},
		},
	}
	for name, person := range people {
		person.Password, person.EmailVerified = "pw", true
		w.people[name] = person
		config.Users = append(config.Users, person)
	}
	var err error
	if w.idp, err = asgardeo.New(config); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	issuer := settings{"TOKEN_ISSUER": "blogplatform://test/blog"}
	b := &blog{
		user: migrated(t, server, "user"), content: migrated(t, server, "content"), comment: migrated(t, server, "comment"),
		processes: map[string]*process.Process{},
	}
	b.user = b.user.with(issuer).with(settings{
		"PUBLIC_URL": w.url, "OIDC_ISSUER": w.idp.Issuer(), "OIDC_CLIENT_ID": "blog", "OIDC_CLIENT_SECRET_FILE": file("oidc", "s"),
		"OIDC_CA_FILE": file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: provider.Certificate().Raw}))),
		"SCIM_URL":     provider.URL + "/t/acme/scim2", "SCIM_CLIENT_ID": "m2m", "SCIM_CLIENT_SECRET_FILE": file("scim", "m"),
		"BOOTSTRAP_ADMIN_SUBJECT": people["amara"].ID, "CONTENT_URL": contentGate.URL, "COMMENT_URL": commentGate.URL,
	})
	mustRun(t, "content", b.content, "seed")
	mustRun(t, "comment", b.comment, "seed", "--posts=the-quiet-release=1,what-a-backup-is-for=3")
	b.processes["user"] = ready(t, serve(t, "user", b.user))
	for service, env := range map[string]settings{"content": b.content, "comment": b.comment} {
		b.processes[service] = ready(t, serve(t, service, env.with(issuer).with(settings{"USER_URL": b.processes["user"].App})))
	}
	contentGate.leadTo(t, b.processes["content"])
	commentGate.leadTo(t, b.processes["comment"])
	b.frontendEnv = frontendSettings(t, b.processes["user"].App, b.processes["content"].App, b.processes["comment"].App).with(settings{"PUBLIC_URL": w.url, "OIDC_ISSUER": w.idp.Issuer()})
	b.frontend = ready(t, serve(t, "frontend", b.frontendEnv))
	front.leadTo(t, b.frontend)
	w.blog = b
	return w
}

// is gives a person who has signed in before a role.
func (w *town) is(t *testing.T, name, role string) {
	t.Helper()
	execute(t, w.user, fmt.Sprintf(`UPDATE "user".people SET role = '%s' WHERE subject = '%s'`, role, people[name].ID))
}

// browser is Chromium. It ends with the test.
type browser struct{ ctx context.Context }

// chromium starts a browser, or skips the test where there is none. A check that
// nothing was skipped catches that where it must not be.
func chromium(t *testing.T) *browser {
	t.Helper()
	path := installed()
	if path == "" {
		t.Skip("SKIPPED: there is no Chromium to walk through the pages with (apt-get install chromium, or name one in CHROME).")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("lang", "en-US"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v. If it says that there is no usable sandbox: AppArmor of this machine keeps it from making user namespaces. "+
			"Install Google Chrome, which has a profile, or allow them: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0", path, err)
	}
	return &browser{ctx}
}

// installed is the path of a browser: the one that CHROME names, or else the first
// that is there. Google Chrome comes first, because Ubuntu's AppArmor has a
// profile for it that allows its sandbox. Empty if there is none.
func installed() string {
	for _, name := range []string{os.Getenv("CHROME"), "google-chrome", "chromium", "chromium-browser"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	return ""
}

func TestTheBrowserIsTheOneNamedOrElseGoogleChrome(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"mine", "google-chrome", "chromium"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	for named, want := range map[string]string{"": "google-chrome", filepath.Join(dir, "mine"): "mine", "/not/there": "google-chrome"} {
		t.Setenv("CHROME", named)
		if got := installed(); got != filepath.Join(dir, want) {
			t.Errorf("with CHROME=%s it is %s, want %s", named, got, want)
		}
	}
}

// person sits before a browser window that shares nothing with others.
type person struct {
	t    *testing.T
	town *town
	ctx  context.Context

	mu         sync.Mutex
	complaints []string
}

// somebody opens a browser window. At the end of the test its console must be
// without errors: a violated content policy is one.
func (w *town) somebody(t *testing.T, in *browser) *person {
	t.Helper()
	return w.tab(in.ctx, t, chromedp.WithNewBrowserContext())
}

// tab opens another one of the window, which shares its cookies.
func (p *person) tab() *person {
	p.t.Helper()
	return p.town.tab(p.ctx, p.t)
}

func (w *town) tab(in context.Context, t *testing.T, options ...chromedp.ContextOption) *person {
	t.Helper()
	ctx, cancel := chromedp.NewContext(in, options...)
	t.Cleanup(cancel)
	p := &person{t: t, town: w, ctx: ctx}
	err := chromedp.Listen(ctx, func(event any) {
		switch event := event.(type) {
		case *log.EventEntryAdded:
			// What answers with an error is logged, too, and is no fault of the page.
			if event.Entry.Level == log.EntryLevelError && event.Entry.Source != log.EntrySourceNetwork {
				p.complain(event.Entry.Text)
			}
		case *runtime.EventExceptionThrown:
			p.complain(event.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, complaint := range p.complaints {
			t.Errorf("the browser's console: %s", complaint)
		}
	})
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *person) complain(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, text)
}

// do runs actions, within a time that a person would wait.
func (p *person) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ask(p, chromedp.Steps(actions...))
}

// ask runs an action and returns its answer.
func ask[T any](p *person, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, timefactor.Scale(30*time.Second))
	defer cancel()
	answer, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("at %s: %v\n%s", p.at(), err, p.text())
	}
	return answer
}

// open goes to a path of the blog.
func (p *person) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.town.url + path))
}

// press clicks what a CSS selector finds, once it can be seen.
func (p *person) press(selector string) {
	p.t.Helper()
	p.do(chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// write types into a field, in place of what it holds.
func (p *person) write(selector, text string) {
	p.t.Helper()
	field := chromedp.CSS(selector)
	p.do(chromedp.WaitVisible(field))
	ask(p, chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector(%q).value = "", true`, selector)))
	p.do(chromedp.SendKeys(field, text))
}

// sees waits until the page shows a text.
func (p *person) sees(text string) {
	p.t.Helper()
	await.Nil(p.t, func() error {
		if shown := p.text(); !strings.Contains(shown, text) {
			return fmt.Errorf("the page at %s does not show %q: %s", p.at(), text, shown)
		}
		return nil
	})
}

// seesNot checks that the page does not show a text.
func (p *person) seesNot(text string) {
	p.t.Helper()
	if shown := p.text(); strings.Contains(shown, text) {
		p.t.Errorf("the page at %s shows %q", p.at(), text)
	}
}

func (p *person) text() string { return p.look(`document.body ? document.body.innerText : ""`) }

// at is the address of the page.
func (p *person) at() string { return p.look(`location.href`) }

// look asks the page for a text. While it is on its way elsewhere there is none.
func (p *person) look(expression string) string {
	ctx, cancel := context.WithTimeout(p.ctx, timefactor.Scale(10*time.Second))
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	return text
}

// signIn signs in on the identity provider's page.
func (p *person) signIn(name string) {
	p.t.Helper()
	p.open("/auth/sign-in?return=/")
	p.press(`main a.button`)
	p.write("#username", p.town.people[name].UserName)
	p.write("#password", p.town.people[name].Password)
	p.press("button")
	p.do(chromedp.WaitVisible(chromedp.CSS(".account")))
}

// refusesScripts makes the browser run none from now on.
func (p *person) refusesScripts() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		p.t.Fatal(err)
	}
}

// schemes are what a person's system may prefer.
var schemes = []string{"light", "dark"}

// prefers sets the colours that the person's system has.
func (p *person) prefers(scheme string) {
	p.t.Helper()
	ask(p, func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	})
}

// screenshots is a folder that Git ignores: look at them.
const screenshots = "../../screenshots"

// inspect looks at the page in both themes, on a small and a large screen: each
// lands in screenshots, nothing may stick out at the side, and axe must find
// nothing serious.
func (p *person) inspect(name string) {
	p.t.Helper()
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		p.t.Fatal(err)
	}
	for _, scheme := range schemes {
		p.prefers(scheme)
		for _, width := range []int64{320, 1280} {
			p.do(chromedp.EmulateViewport(width, 800))
			if !ask(p, chromedp.Evaluate[bool](`document.documentElement.scrollWidth <= document.documentElement.clientWidth`)) {
				p.t.Errorf("%s: something sticks out at %d pixels", name, width)
			}
			p.judge(fmt.Sprintf("%s %s %d", name, scheme, width))
			image := ask(p, chromedp.FullScreenshot(100))
			if err := os.WriteFile(filepath.Join(screenshots, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)), image, 0o600); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	p.prefers("light")
}

// axeSource is axe-core, pinned: see testdata/axe.
var axeSource = sync.OnceValues(func() (string, error) {
	source, err := os.ReadFile("testdata/axe/axe.min.js")
	return string(source), err
})

// judge lets axe look at the page (WCAG 2.2 A and AA).
func (p *person) judge(name string) {
	p.t.Helper()
	source, err := axeSource()
	if err != nil {
		p.t.Fatal(err)
	}
	// The source itself has no answer that could be passed on.
	ask(p, chromedp.Evaluate[bool](source+"; true"))
	found := ask(p, chromedp.Evaluate[string](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => JSON.stringify(r.violations.map(v => ({rule: v.id, impact: v.impact, help: v.help, at: v.nodes.map(n => n.target.join(" ") + " " + n.failureSummary)}))))`,
		chromedp.EvalAwaitPromise))
	var violations []struct {
		Rule, Impact, Help string
		At                 []string
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		p.t.Fatal(err)
	}
	for _, v := range violations {
		report := p.t.Logf
		if v.Impact == "serious" || v.Impact == "critical" {
			report = p.t.Errorf
		}
		report("%s: axe finds %s (%s): %s at %v", name, v.Rule, v.Impact, v.Help, v.At)
	}
}
