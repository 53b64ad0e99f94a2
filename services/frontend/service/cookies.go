package service

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

const (
	transactionCookie = "__Host-sign-in"
	// transactionAge is how long the user service keeps what was begun.
	transactionAge = 10 * time.Minute
	noticeCookie   = "__Host-notice"
	// noticeAge is longer than any redirect takes.
	noticeAge = time.Minute
)

// setCookie sets a cookie that only this site's server reads. A value that is
// empty removes it.
func setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(age.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// signed returns the value of a cookie that we signed, and whether there is one.
func (s *site) signed(r *http.Request, name string) (string, bool) {
	cookie, err := r.Cookie(name)
	if err != nil {
		return "", false
	}
	return s.signer.verify(name, cookie.Value)
}

// notice is a text that the next page shows once.
type notice struct {
	Key  string   `json:"key"`
	Args []string `json:"args,omitempty"`
}

// tell lets the next page that this browser opens show a text once.
func (s *site) tell(w http.ResponseWriter, key string, args ...string) {
	// Texts always encode.
	document, _ := json.Marshal(notice{key, args})
	setCookie(w, noticeCookie, s.signer.sign(noticeCookie, base64.RawURLEncoding.EncodeToString(document)), noticeAge)
}

// told returns the text that this page is to show, empty for none, and forgets it.
func (s *site) told(w http.ResponseWriter, r *http.Request) string {
	encoded, ok := s.signed(r, noticeCookie)
	if !ok {
		return ""
	}
	setCookie(w, noticeCookie, "", 0)
	var n notice
	document, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(document, &n) != nil {
		return ""
	}
	args := make([]any, len(n.Args))
	for i, arg := range n.Args {
		args[i] = arg
	}
	return s.messages.text(n.Key, args...)
}

// isAnonymous reports whether the request can be answered with what everybody gets.
func isAnonymous(r *http.Request) bool {
	for _, name := range []string{sessionCookie, noticeCookie} {
		if _, err := r.Cookie(name); err == nil {
			return false
		}
	}
	return r.Header.Get("Authorization") == ""
}
