package service

import (
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"

	"blogplatform.io/operator/services/internal/problem"
	"blogplatform.io/operator/services/internal/server"
	"blogplatform.io/operator/services/internal/token"
)

// anyone marks routes that need nobody to be signed in.
const anyone token.Role = ""

// handler answers a request, or returns the error that [site.fail] answers with.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is an address of the blog. The services judge what a person may do; the
// least role here only spares people pages that lead nowhere.
type route struct {
	pattern string
	least   token.Role
	serve   handler
	// query names the parameters of a page that is kept for anonymous readers,
	// nil for a page that is not kept.
	query []string
}

// routes are all addresses but assets. Where nobody can sign in there is only
// what readers need.
func (s *site) routes() []route {
	if !s.signIn {
		return s.readerRoutes()
	}
	return slices.Concat(s.readerRoutes(), s.memberRoutes(), s.writerRoutes(), s.governRoutes())
}

// readerRoutes are for everybody.
func (s *site) readerRoutes() []route {
	return []route{
		{"GET /{$}", anyone, s.home, []string{"after"}},
		{"GET /posts/{slug}", anyone, s.post, []string{"comments"}},
		{"GET /topics", anyone, s.topics, []string{}},
		{"GET /tags/{slug}", anyone, s.tag, []string{"after"}},
		{"GET /categories/{slug}", anyone, s.category, []string{"after"}},
		{"GET /authors/{id}", anyone, s.author, []string{"after"}},
		{"POST /theme", anyone, s.chooseTheme, nil},
	}
}

// memberRoutes are for people who sign in.
func (s *site) memberRoutes() []route {
	return []route{
		{"POST /posts/{slug}/comments", token.Reader, s.say, nil},
		{"POST /comments/{id}/like", token.Reader, s.like, nil},
		{"GET /comments/{id}/edit", token.Reader, s.editComment, nil},
		{"POST /comments/{id}/edit", token.Reader, s.editComment, nil},
		{"GET /comments/{id}/delete", token.Reader, s.deleteComment, nil},
		{"POST /comments/{id}/delete", token.Reader, s.deleteComment, nil},

		{"GET /me", token.Reader, s.me, nil},
		{"POST /me", token.Reader, s.me, nil},
		{"POST /me/sessions/{id}/end", token.Reader, s.endSession, nil},
		{"GET /me/export", token.Reader, s.exportMe, nil},
		{"GET /me/erase", token.Reader, s.eraseMe, nil},
		{"POST /me/erase", token.Reader, s.eraseMe, nil},

		{"GET /auth/sign-in", anyone, s.signInPage, nil},
		{"GET /auth/begin", anyone, s.beginSignIn, nil},
		{"GET /auth/callback", anyone, s.completeSignIn, nil},
		{"POST /auth/sign-out", anyone, s.signOut, nil},
		{"POST " + hooksPath + "back-channel-logout", anyone, s.backChannelLogout, nil},
	}
}

// writerRoutes are for those who write posts, and read those of others before
// they are published.
func (s *site) writerRoutes() []route {
	return []route{
		{"GET /write", token.Editor, s.write, nil},
		{"GET /write/new", token.Editor, s.newPost, nil},
		{"POST /write/new", token.Editor, s.newPost, nil},
		{"POST /write/preview", token.Editor, s.previewText, nil},
		{"GET /write/{id}", token.Editor, s.manuscript, nil},
		{"POST /write/{id}", token.Editor, s.manuscript, nil},
		{"GET /write/{id}/edit", token.Editor, s.editPost, nil},
		{"POST /write/{id}/edit", token.Editor, s.editPost, nil},
		{"POST /write/{id}/draft", token.Editor, s.keepDraft, nil},
		{"POST /write/{id}/draft/discard", token.Editor, s.discardDraft, nil},
		{"GET /write/{id}/delete", token.Editor, s.deletePost, nil},
		{"POST /write/{id}/delete", token.Editor, s.deletePost, nil},

		{"GET /review", token.Editor, s.review, nil},
		{"GET /review/{id}", token.Editor, s.manuscript, nil},
		{"POST /review/{id}", token.Editor, s.manuscript, nil},
	}
}

// governRoutes are for those who decide about comments, people and the blog.
func (s *site) governRoutes() []route {
	return []route{
		{"GET /moderation", token.Editor, s.moderation, nil},
		{"GET /moderation/{id}", token.Editor, s.moderate, nil},
		{"POST /moderation/{id}", token.Editor, s.moderate, nil},

		{"GET /admin/people", token.Admin, s.people, nil},
		{"GET /admin/people/audit", token.Admin, s.audit, nil},
		{"GET /admin/people/{id}", token.Admin, s.person, nil},
		{"POST /admin/people/{id}", token.Admin, s.person, nil},
		{"GET /admin/people/{id}/lock", token.Admin, s.lockPerson, nil},
		{"POST /admin/people/{id}/lock", token.Admin, s.lockPerson, nil},
		{"GET /admin/people/{id}/unlock", token.Admin, s.unlockPerson, nil},
		{"POST /admin/people/{id}/unlock", token.Admin, s.unlockPerson, nil},
		{"POST /admin/people/{id}/retry", token.Admin, s.retryLock, nil},
		{"POST /admin/people/{id}/sessions/end", token.Admin, s.endSessions, nil},
		{"GET /admin/people/{id}/erase", token.Admin, s.erasePerson, nil},
		{"POST /admin/people/{id}/erase", token.Admin, s.erasePerson, nil},

		{"GET /admin/settings", token.Admin, s.settings, nil},
		{"POST /admin/settings", token.Admin, s.settings, nil},
		{"POST /admin/settings/comments", token.Admin, s.commentSettings, nil},
		{"GET /admin/settings/topics", token.Admin, s.taxonomy, nil},
		{"POST /admin/settings/topics", token.Admin, s.taxonomy, nil},
		{"GET /admin/settings/categories/{id}", token.Admin, s.changeCategory, nil},
		{"POST /admin/settings/categories/{id}", token.Admin, s.changeCategory, nil},
		{"GET /admin/settings/categories/{id}/delete", token.Admin, s.deleteCategory, nil},
		{"POST /admin/settings/categories/{id}/delete", token.Admin, s.deleteCategory, nil},
		{"GET /admin/settings/tags/{slug}", token.Admin, s.changeTag, nil},
		{"POST /admin/settings/tags/{slug}", token.Admin, s.changeTag, nil},
		{"GET /admin/settings/tags/{slug}/delete", token.Admin, s.deleteTag, nil},
		{"POST /admin/settings/tags/{slug}/delete", token.Admin, s.deleteTag, nil},
	}
}

// handler routes the public paths. Unsafe requests from other sites are refused
// before any handler sees them.
func (s *site) handler() http.Handler {
	mux := server.NewMux()
	mux.Fallback = func(w http.ResponseWriter, r *http.Request, status int) {
		if path := strings.TrimRight(r.URL.Path, "/"); status == http.StatusNotFound && r.Method == http.MethodGet && path != r.URL.Path && path != "" {
			// As other blogs write addresses, and people do.
			moved(w, r, localURL(path))
			return
		}
		s.fail(w, s.identify(r), &problem.Error{Status: status})
	}
	mux.HandleFunc("GET /assets/{version}/{file...}", s.assets.serve)
	for _, route := range s.routes() {
		mux.Handle(route.pattern, s.enter(route))
	}
	for _, pattern := range []string{"POST /write/new", "POST /write/preview", "POST /write/{id}/edit", "POST /write/{id}/draft"} {
		mux.AllowBody(pattern, editorBody)
	}
	for _, pattern := range []string{"POST /posts/{slug}/comments", "POST /comments/{id}/edit"} {
		mux.AllowBody(pattern, commentBody)
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(s.crossOrigin))
	return pageHeaders(refuseEmbedding(protection.Handler(mux)))
}

// enter reads what was sent, then finds out who asks and lets through who may: a
// lock or a demotion that comes while a body is on its way is not missed.
func (s *site) enter(route route) http.Handler {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		errForm := readForm(r)
		r = s.identify(r)
		err := s.admit(w, r, route.least)
		if err == nil {
			err = errForm
		}
		if err == nil {
			err = route.serve(w, r)
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
	if route.query == nil {
		return page
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.isAnonymous(r) {
			page.ServeHTTP(w, r)
			return
		}
		s.keeper.serve(w, r, keyOf(r, route.query, s.theme(r)), page)
	})
}

// readForm reads what a form sent, so that one that is too long, broken or of
// another type is refused instead of taken for empty. Hooks read their own.
func readForm(r *http.Request) error {
	if r.Method != http.MethodPost || strings.HasPrefix(r.URL.Path, hooksPath) {
		return nil
	}
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); r.ContentLength != 0 && mediaType != "application/x-www-form-urlencoded" {
		return &problem.Error{Status: http.StatusUnsupportedMediaType}
	}
	var long *http.MaxBytesError
	if err := r.ParseForm(); err != nil && !errors.As(err, &long) {
		return &problem.Error{Status: http.StatusBadRequest}
	} else if err != nil {
		return err
	}
	return nil
}

// errSignIn says that a page needs somebody to be signed in.
var errSignIn = errors.New("nobody is signed in")

// admit refuses who may not open a route. A session that is over or locked is
// taken from the browser; one that cannot be judged stays, and public pages are
// shown as to everybody.
func (s *site) admit(w http.ResponseWriter, r *http.Request, least token.Role) error {
	v := visitOf(r.Context())
	switch {
	case errors.Is(v.err, errLocked):
		setCookie(w, sessionCookie, "", 0)
		return v.err
	case errors.Is(v.err, errSessionOver):
		setCookie(w, sessionCookie, "", 0)
	case v.err != nil && least != anyone:
		return v.err
	case v.err != nil:
		slog.WarnContext(r.Context(), "a session cannot be judged", "error", v.err)
	}
	switch {
	case least == anyone || v.visitor.May(least):
		return nil
	case v.visitor == nil:
		return errSignIn
	}
	return &problem.Error{Status: http.StatusForbidden}
}
