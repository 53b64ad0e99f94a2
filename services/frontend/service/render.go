package service

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/token"
)

//go:embed templates
var templateFiles embed.FS

// view is what every page knows.
type view struct {
	document
	Blog content.Settings
	// Heading is the title without the blog's name.
	Heading string
	Theme   string
	Path    string
	// Return is where signing in leads back to.
	Return  string
	Release string
	// Stage names an environment that is not Production, so that nobody takes it for the real one.
	Stage   string
	Visitor *visitor
	// SignIn says that people can.
	SignIn bool
	Nav    []navItem
	// Notice is shown once, above the page.
	Notice string
	// Unknown says that there is a session, and nobody to ask whose.
	Unknown bool
}

// document is a page as its handler gives it.
type document struct {
	// Template is the name of the page's file, without .html.
	Template string
	// Title and Description are empty for those of the blog.
	Title, Description string
	// Canonical is the page's address for search engines, empty for pages that
	// are not theirs.
	Canonical string
	// Wide is set for tables and editors.
	Wide bool
	// Script is set for pages that htmx makes quicker. For anonymous readers it
	// is never loaded.
	Script bool
	// Asset is a script of the page's own, empty for none.
	Asset string
	// Meta describes a post to those who link to it, nil for other pages.
	Meta *meta
	Page any
}

// navItem is an entry of the navigation.
type navItem struct {
	Path, Key string
	least     token.Role
	Current   bool
}

// navigation is what people work with, by what they may do.
var navigation = []navItem{
	{Path: "/write", Key: "nav.write", least: token.Editor},
	{Path: "/review", Key: "nav.review", least: token.Editor},
	{Path: "/moderation", Key: "nav.moderation", least: token.Editor},
	{Path: "/admin/people", Key: "nav.people", least: token.Admin},
	{Path: "/admin/settings", Key: "nav.settings", least: token.Admin},
}

func navigationFor(v *visitor, at string) []navItem {
	var items []navItem
	for _, item := range navigation {
		if v.May(item.least) {
			item.Current = at == item.Path || strings.HasPrefix(at, item.Path+"/")
			items = append(items, item)
		}
	}
	return items
}

// readTemplates parses every page with the layout and the parts that pages share.
func (s *site) readTemplates() error {
	functions := template.FuncMap{
		"asset":      s.assets.path,
		"t":          s.messages.text,
		"day":        func(t time.Time) string { return t.Format("2 January 2006") },
		"moment":     func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04") + " UTC" },
		"machine":    func(t time.Time) string { return t.Format(time.RFC3339) },
		"paragraphs": paragraphs,
		"initials":   initials,
		"prose":      s.prose,
	}
	pages, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return fmt.Errorf("list the templates: %w", err)
	}
	shared, err := fs.Glob(templateFiles, "templates/shared/*.html")
	if err != nil {
		return fmt.Errorf("list the templates: %w", err)
	}
	for _, file := range pages {
		page := template.New("layout.html").Funcs(functions)
		for _, part := range append(slices.Clone(shared), file) {
			if err := s.readTemplate(page, part); err != nil {
				return fmt.Errorf("read the templates: %w", err)
			}
		}
		s.pages[strings.TrimSuffix(path.Base(file), ".html")] = page
	}
	return nil
}

// sameAlways matches calls that come to the same on every page.
var sameAlways = regexp.MustCompile(`\{\{(t|asset) "([^"]+)"\}\}`)

// readTemplate parses a file as part of a page. Calls that come to the same on
// every page are made once, now.
func (s *site) readTemplate(page *template.Template, file string) error {
	source, err := templateFiles.ReadFile(file)
	if err != nil {
		return err
	}
	text := sameAlways.ReplaceAllStringFunc(string(source), func(call string) string {
		parts := sameAlways.FindStringSubmatch(call)
		if parts[1] == "asset" {
			return template.HTMLEscapeString(s.assets.path(parts[2]))
		}
		return template.HTMLEscapeString(s.messages.text(parts[2]))
	})
	if name := path.Base(file); name != page.Name() {
		page = page.New(name)
	}
	_, err = page.Parse(text)
	return err
}

// prose is the HTML that the content service has made safe, with what is too wide
// for a small screen in boxes.
func (s *site) prose(html string) template.HTML { return template.HTML(s.boxes.Replace(html)) }

// newBoxes puts what is too wide for a small screen in a box that scrolls, which
// the keyboard has to reach.
func newBoxes(label string) *strings.Replacer {
	return strings.NewReplacer(
		"<pre", `<pre tabindex="0"`,
		"<table", `<div class="scroll" tabindex="0" role="group" aria-label="`+template.HTMLEscapeString(label)+`"><table`,
		"</table>", "</table></div>",
	)
}

func paragraphs(text string) []string {
	var out []string
	for _, p := range strings.Split(text, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// initials stand in for a face: the first letters of the first and last word.
func initials(name string) string {
	words := strings.Fields(name)
	if len(words) == 0 {
		return "?"
	}
	letters := ""
	for _, word := range []string{words[0], words[len(words)-1]}[:min(2, len(words))] {
		first, _ := utf8.DecodeRuneInString(word)
		letters += string(unicode.ToUpper(first))
	}
	return letters
}

// render sends a page as a whole or not at all: it is written to memory first.
// Pages that were found carry an ETag, and a browser that has them gets 304.
// What is made for a person is for no cache.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, d document) {
	body, err := s.execute("layout.html", d.Template, s.view(w, r, status, d))
	if err != nil {
		slog.ErrorContext(r.Context(), "page not rendered", "page", d.Template, "error", err)
		http.Error(w, s.messages.text("error.render"), http.StatusInternalServerError)
		return
	}
	if (d.Script || d.Asset != "") && visitorOf(r.Context()) != nil {
		w.Header().Set("Content-Security-Policy", contentPolicy+scriptPolicy)
	}
	s.send(w, r, status, body)
}

// fragment sends a part of a page, for htmx to put in its place.
func (s *site) fragment(w http.ResponseWriter, r *http.Request, status int, page, part string, data any) error {
	body, err := s.execute(part, page, data)
	if err != nil {
		return err
	}
	s.send(w, r, status, body)
	return nil
}

// drafts are buffers that pages are written to, which would grow anew for each.
var drafts = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (s *site) execute(part, page string, data any) ([]byte, error) {
	draft := drafts.Get().(*bytes.Buffer)
	defer drafts.Put(draft)
	draft.Reset()
	if err := s.pages[page].ExecuteTemplate(draft, part, data); err != nil {
		return nil, fmt.Errorf("render %s: %w", page, err)
	}
	return bytes.Clone(draft.Bytes()), nil
}

func (s *site) send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Cookie")
	switch {
	case status != http.StatusOK:
		h.Set("Cache-Control", "no-store")
	case !s.isAnonymous(r):
		h.Set("Cache-Control", "private, no-store")
	default:
		sum := sha256.Sum256(body)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
		if isConditional(r) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A browser that went away cannot be told.
	_, _ = w.Write(body)
}

// isConditional reports whether the answer depends on what the browser has.
func isConditional(r *http.Request) bool {
	return r.Header.Get("If-None-Match") != "" || r.Header.Get("Range") != ""
}

func (s *site) view(w http.ResponseWriter, r *http.Request, status int, d document) view {
	visit := visitOf(r.Context())
	v := view{
		document: d,
		Blog:     s.blog.get(r.Context()),
		Theme:    s.theme(r),
		Path:     r.URL.Path,
		Return:   returnAddress(r),
		Release:  s.identity.Version,
		Visitor:  visit.visitor,
		SignIn:   s.signIn,
		Nav:      navigationFor(visit.visitor, r.URL.Path),
		Notice:   s.told(w, r),
		Unknown:  visit.visitor == nil && visit.err != nil && !errors.Is(visit.err, errSessionOver) && !errors.Is(visit.err, errLocked),
	}
	if r.Method != http.MethodGet {
		// A form's own address is none to come back to.
		v.Path, v.Return = "/", "/"
	}
	if status != http.StatusOK {
		// An error is no page of its own, and its path is not one to advertise.
		v.Canonical = ""
	}
	if v.Canonical != "" {
		v.Canonical = s.address(v.Canonical)
	}
	v.Heading = cmp.Or(v.Title, v.Blog.Name)
	v.Title = v.Blog.Name
	if v.Heading != v.Blog.Name {
		v.Title = v.Heading + " · " + v.Blog.Name
	}
	if v.Description == "" {
		v.Description = v.Blog.Description
	}
	if s.identity.Environment != command.Production {
		v.Stage = s.identity.Environment
	}
	return v
}

// returnAddress is the page that was asked for, and which part of a list. Other
// parameters are not in it: a cached page is shown to all.
func returnAddress(r *http.Request) string {
	query := url.Values{}
	for _, name := range []string{"after", "comments"} {
		if value := r.URL.Query().Get(name); value != "" {
			query.Set(name, value)
		}
	}
	return (&url.URL{Path: r.URL.Path, RawQuery: query.Encode()}).String()
}

// address returns the public address of a path.
func (s *site) address(path string) string { return s.public.JoinPath(path).String() }

// isPart reports whether htmx asks, which wants a part of a page.
func isPart(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

const (
	contentPolicy = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	// scriptPolicy is added where a script is loaded.
	scriptPolicy = "; script-src 'self'; connect-src 'self'"
)

// pageHeaders sets what browsers need to know of every page: nothing is loaded
// from elsewhere, no script runs, and the site is only ever reached by HTTPS.
func pageHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Strict-Transport-Security", "max-age=31536000")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}
