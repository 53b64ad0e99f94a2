package stories

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"blogplatform.io/operator/hack/timefactor"
	comment "blogplatform.io/operator/services/comment/client"
	"blogplatform.io/operator/services/internal/rest"
	"blogplatform.io/operator/services/internal/testing/await"
	"blogplatform.io/operator/services/internal/testing/postgres"
	user "blogplatform.io/operator/services/user/client"
)

// With the identity provider down, who is signed in goes on, and a lock bites on
// every replica within five seconds: each frontend asks services of its own here.
func TestALockBitesOnEveryReplicaWithTheProviderDown(t *testing.T) {
	w := newTown(t, postgres.Shared(t))
	second := ready(t, serve(t, "user", w.user))
	keys := settings{"USER_URL": second.App, "TOKEN_ISSUER": w.user["TOKEN_ISSUER"]}
	content, commenting := ready(t, serve(t, "content", w.content.with(keys))), ready(t, serve(t, "comment", w.comment.with(keys)))
	users := []*user.Client{user.New(w.processes["user"].App), user.New(second.App)}
	comments := []string{w.processes["comment"].App, commenting.App}
	frontend := serve(t, "frontend", w.frontendEnv.with(settings{"USER_URL": second.App, "CONTENT_URL": content.App, "COMMENT_URL": commenting.App}))
	replicas := []string{w.frontend.App, ready(t, frontend).App}
	amara, rita := w.session(t, "amara"), w.session(t, "rita")
	w.provider.Close()
	for _, replica := range replicas {
		if page := asks(t, replica, rita); !strings.Contains(page, "Rita Fernando") {
			t.Fatalf("with the provider down Rita is out: %s", page)
		}
	}
	for i := range users {
		if status := w.comments(t, users[i], comments[i], rita); status != http.StatusCreated {
			t.Fatalf("with the provider down Rita's comment is answered %d", status)
		}
	}
	exchanged, err := users[0].ExchangeSessionWithResponse(t.Context(), user.SessionToken{Token: amara})
	if err != nil || exchanged.JSON200 == nil {
		t.Fatal(err, exchanged)
	}
	id := int64(count(t, w.user, `SELECT id FROM "user".people WHERE subject = '`+people["rita"].ID+`'`))
	answer, err := users[0].LockAccountWithResponse(t.Context(), id, user.Lock{Reason: "spam"}, bearer(exchanged.JSON200.Tokens.User))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rest.Result(answer.JSON200, answer.HTTPResponse, answer.Body); err != nil {
		t.Fatal(err)
	}
	locked := time.Now()
	for _, replica := range replicas {
		await.Nil(t, func() error {
			if page := asks(t, replica, rita); strings.Contains(page, "Rita Fernando") {
				return errors.New("still in")
			}
			return nil
		})
	}
	for i := range users {
		if status := w.comments(t, users[i], comments[i], rita); status != http.StatusUnauthorized {
			t.Errorf("a locked person's comment is answered %d", status)
		}
	}
	if took := time.Since(locked); took > timefactor.Scale(5*time.Second) {
		t.Errorf("it took %s", took)
	}
}

// comments writes a comment as the frontend does for a session, and returns the
// status of the first answer that is a refusal, or of the last.
func (w *town) comments(t *testing.T, users *user.Client, comments, session string) int {
	t.Helper()
	exchanged, err := users.ExchangeSessionWithResponse(t.Context(), user.SessionToken{Token: session})
	if err != nil {
		t.Fatal(err)
	}
	if exchanged.JSON200 == nil {
		return exchanged.StatusCode()
	}
	answer, err := comment.New(comments).CreateCommentWithResponse(t.Context(), 1, comment.CommentInput{Body: "Still here: " + comments}, bearer(exchanged.JSON200.Tokens.Comment))
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode()
}

func bearer(raw string) func(context.Context, *http.Request) error {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+raw)
		return nil
	}
}

// session signs somebody in without a browser window, and returns the session.
func (w *town) session(t *testing.T, name string) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	began, err := client.Get(w.frontend.App + "/auth/begin")
	if err != nil {
		t.Fatal(err)
	}
	defer began.Body.Close()
	back, err := w.idp.NewBrowser(w.provider.Client().Transport).SignIn(began.Header.Get("Location"), people[name].UserName, "pw")
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.frontend.App+(&url.URL{Path: back.Path, RawQuery: back.RawQuery}).String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range began.Cookies() {
		r.AddCookie(cookie)
	}
	completed, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer completed.Body.Close()
	for _, cookie := range completed.Cookies() {
		if cookie.Name == "__Host-session" {
			return cookie.Value
		}
	}
	t.Fatalf("%s is not signed in: %s", name, completed.Status)
	return ""
}

// asks returns the home page as a frontend shows it to a session.
func asks(t *testing.T, frontend, session string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, frontend+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "__Host-session", Value: session})
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(fmt.Errorf("read the home page: %w", err))
	}
	return string(body)
}
