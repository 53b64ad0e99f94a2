package service

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	comment "blogplatform.io/operator/services/comment/client"
	content "blogplatform.io/operator/services/content/client"
	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/server"
)

// postsOnHome is how many posts the home page lists, the lead included.
const postsOnHome = 20

//go:embed templates
var templateFiles embed.FS

// site answers browsers.
type site struct {
	identity command.Identity
	public   *url.URL
	backends backends
	signer   signer
	assets   assets
	pages    map[string]*template.Template
}

func newSite(identity command.Identity, public *url.URL, services backends, signer signer) (*site, error) {
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	s := &site{identity: identity, public: public, backends: services, signer: signer, assets: assets, pages: map[string]*template.Template{}}
	functions := template.FuncMap{
		"asset":      assets.path,
		"day":        func(t time.Time) string { return t.Format("2 January 2006") },
		"machine":    func(t time.Time) string { return t.Format(time.RFC3339) },
		"paragraphs": paragraphs,
		// The content service has made its HTML safe.
		"safe": func(html string) template.HTML { return template.HTML(html) },
	}
	for _, page := range []string{"home", "post", "error"} {
		s.pages[page], err = template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/"+page+".html")
		if err != nil {
			return nil, fmt.Errorf("read the templates: %w", err)
		}
	}
	return s, nil
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

// view is what every page knows.
type view struct {
	Title       string
	Description string
	Theme       string
	Path        string
	Canonical   string
	Release     string
	// Stage names an environment that is not Production, so that nobody takes it for the real one.
	Stage string
	Page  any
}

type homePage struct {
	Lead *content.PostSummary
	Rest []content.PostSummary
}

type postPage struct {
	Post     content.Post
	Comments []comment.Comment
	// CommentsMissing says that the comment service did not answer.
	CommentsMissing bool
}

type errorPage struct {
	Title, Text string
	// Retry offers to load the same page again.
	Retry bool
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	posts, err := s.backends.content.Posts(r.Context(), postsOnHome)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page := homePage{}
	if len(posts) > 0 {
		page = homePage{Lead: &posts[0], Rest: posts[1:]}
	}
	s.render(w, r, http.StatusOK, "home", page)
}

func (s *site) post(w http.ResponseWriter, r *http.Request) {
	post, err := s.backends.content.Post(r.Context(), r.PathValue("slug"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if post.Slug != r.PathValue("slug") {
		http.Redirect(w, r, "/posts/"+url.PathEscape(post.Slug), http.StatusMovedPermanently)
		return
	}
	page := postPage{Post: post}
	page.Comments, err = s.backends.comment.Comments(r.Context(), post.ID)
	if err != nil {
		slog.WarnContext(r.Context(), "post shown without comments", "error", err)
		page.CommentsMissing = true
	}
	s.render(w, r, http.StatusOK, "post", page)
}

// fail shows the page that belongs to an error of a data service.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, rest.ErrNotFound):
		s.fallback(w, r, http.StatusNotFound)
	case errors.Is(r.Context().Err(), context.Canceled):
		// The reader has left; nobody is there to read an answer.
	default:
		slog.ErrorContext(r.Context(), "page not served", "route", r.Pattern, "error", err)
		w.Header().Set("Retry-After", "5")
		s.render(w, r, http.StatusServiceUnavailable, "error", errorPage{
			Title: "We cannot show this page right now",
			Text:  "The part of this site that keeps the posts is not answering. Nothing is lost, and it usually comes back within a minute.",
			Retry: true,
		})
	}
}

// fallback shows the page for a path or method that does not exist.
func (s *site) fallback(w http.ResponseWriter, r *http.Request, status int) {
	page := errorPage{Title: "There is no such page", Text: "The address may have a typing error, or the post may have been taken down."}
	if status == http.StatusMethodNotAllowed {
		page = errorPage{Title: "That does not work here", Text: "This address can be read, but it takes no other requests."}
	}
	s.render(w, r, status, "error", page)
}

func (s *site) crossOrigin(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusForbidden, "error", errorPage{
		Title: "This request came from another site",
		Text:  "To protect you, we only accept changes that were made on this one.",
	})
}

// limitAddresses refuses what one client address asks beyond the limit. Assets
// are not counted: a page has several.
func (s *site) limitAddresses(limit *server.AddressLimit, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/assets/") {
			if wait, ok := limit.Allow(r); !ok {
				w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
				s.render(w, r, http.StatusTooManyRequests, "error", errorPage{
					Title: "That was a lot at once",
					Text:  "Your address has asked for very many pages in a short time. Wait a moment, then try again.",
					Retry: true,
				})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// render sends a page as a whole or not at all: it is written to memory first.
// Pages that were found carry an ETag, and a browser that has them gets 304.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, name string, page any) {
	v := s.view(r, page)
	if status != http.StatusOK {
		// An error is no page of its own, and its path is not one to advertise.
		v.Canonical, v.Path = "", errorPath(r)
	}
	var body bytes.Buffer
	if err := s.pages[name].Execute(&body, v); err != nil {
		slog.ErrorContext(r.Context(), "page not rendered", "page", name, "error", err)
		http.Error(w, "This page could not be put together; the error has been logged.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Cookie")
	if status != http.StatusOK {
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write(body.Bytes())
		return
	}
	sum := sha256.Sum256(body.Bytes())
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body.Bytes()))
}

// errorPath is where the theme form of an error page leads back to.
func errorPath(r *http.Request) string {
	if r.Method == http.MethodGet {
		return r.URL.Path
	}
	return "/"
}

func (s *site) view(r *http.Request, page any) view {
	v := view{
		Title:       siteName,
		Description: siteDescription,
		Theme:       s.theme(r),
		Path:        r.URL.Path,
		Canonical:   s.public.JoinPath(r.URL.Path).String(),
		Release:     s.identity.Version,
		Page:        page,
	}
	if s.identity.Environment != command.Production {
		v.Stage = s.identity.Environment
	}
	switch p := page.(type) {
	case postPage:
		v.Title, v.Description = p.Post.Title+" · "+siteName, p.Post.Summary
	case errorPage:
		v.Title = p.Title + " · " + siteName
	}
	return v
}

const (
	siteName        = "Marginalia"
	siteDescription = "Notes on building things that keep working."
)

// pageHeaders sets what browsers need to know of every page: nothing is loaded
// from elsewhere, no script runs, and the site is only ever reached by HTTPS.
func pageHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Strict-Transport-Security", "max-age=31536000")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}
