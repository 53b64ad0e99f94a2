package asgardeo

import (
	"context"
	"crypto/rand"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// sessionCookie is the provider's own (commonAuthId at the real one).
const sessionCookie = "commonAuthId"

var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in (fake Asgardeo)</title>
<style>body{font:1rem/1.5 system-ui;max-width:22rem;margin:10vh auto;padding:0 1rem}label,input,button{display:block;width:100%;box-sizing:border-box;margin:.4rem 0;font:inherit;padding:.4rem}</style>
<h1>Sign in</h1>
<p>This is a fake of Asgardeo for development.</p>
{{with .Message}}<p role="alert">{{.}}</p>{{end}}
<form method="post" action="login">
<input type="hidden" name="request" value="{{.Request}}">
<label for="username">User name</label><input id="username" name="username" autocomplete="username" required autofocus>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button>
</form>
`))

// showLogin serves GET /login. Who has a session already is not asked again.
func (f *Fake) showLogin(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("request")
	if cookie, err := r.Cookie(sessionCookie); err == nil && f.join(id, cookie.Value) {
		f.proceed(w, r, id)
		return
	}
	f.page(w, http.StatusOK, id, "")
}

// login serves POST /login.
func (f *Fake) login(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("request")
	f.mu.Lock()
	request, known := f.requests[id]
	user, found := f.userByName(r.PostFormValue("username"))
	switch {
	case !known:
		f.mu.Unlock()
		f.page(w, http.StatusBadRequest, id, "This sign-in is not known or over; begin again.")
	case !found || user.Password != r.PostFormValue("password"):
		f.mu.Unlock()
		f.page(w, http.StatusUnauthorized, id, "Wrong user name or password.")
	case user.Locked, user.Disabled:
		f.mu.Unlock()
		f.page(w, http.StatusForbidden, id, "Your account is locked.")
	default:
		began := &session{id: rand.Text(), user: user.ID, clients: map[string]bool{}, began: time.Now()}
		f.sessions[began.id] = began
		admit(request, began)
		f.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: began.id, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteNoneMode})
		f.proceed(w, r, id)
	}
}

// join lets a sign-in use a session that is there.
func (f *Fake) join(request, id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	waiting, known := f.requests[request]
	current, live := f.sessions[id]
	if !known || !live || f.users[current.user] == nil || f.users[current.user].Locked || f.users[current.user].Disabled {
		return false
	}
	admit(waiting, current)
	return true
}

func admit(request *authRequest, current *session) {
	request.user, request.session, request.authenticatedTime = current.user, current.id, current.began
	current.clients[request.request.ClientID] = true
}

// proceed sends the browser back into the authorization endpoint, and so to the application.
func (f *Fake) proceed(w http.ResponseWriter, r *http.Request, id string) {
	ctx := op.ContextWithIssuer(r.Context(), f.issuer)
	http.Redirect(w, r, op.AuthCallbackURL(f.provider)(ctx, id), http.StatusSeeOther)
}

func (f *Fake) page(w http.ResponseWriter, status int, request, message string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = loginPage.Execute(w, map[string]string{"Request": request, "Message": message})
}

// EndSessions ends all sessions of a person, and tells the applications.
func (f *Fake) EndSessions(user string) {
	for _, id := range f.sessionsOf(user) {
		f.endSession(id)
	}
}

func (f *Fake) sessionsOf(user string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id, s := range f.sessions {
		if s.user == user {
			ids = append(ids, id)
		}
	}
	return ids
}

// endSession ends one session and tells the applications that it was used for.
func (f *Fake) endSession(id string) {
	f.mu.Lock()
	ended, ok := f.sessions[id]
	delete(f.sessions, id)
	f.mu.Unlock()
	if !ok {
		return
	}
	for client := range ended.clients {
		to, _ := f.client(client)
		if to.BackChannelLogoutURI == "" {
			continue
		}
		if err := f.tell(to, f.LogoutToken(client, ended.user, id, nil)); err != nil {
			slog.Warn("the application was not told that a session ended", "client", client, "error", err)
		}
	}
}

func (f *Fake) tell(client Client, token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	form := url.Values{"logout_token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, client.BackChannelLogoutURI, formBody(form))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := f.config.HTTPClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
