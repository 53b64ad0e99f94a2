package service

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"
)

const (
	// transactionPrefix begins the name of the cookie of one sign-in: several tabs
	// may have one each.
	transactionPrefix = "__Host-sign-in-"
	// maxTransactions is how many a browser keeps; beginning one more drops the rest.
	maxTransactions = 5
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

// isAnonymous reports whether the request can be answered with what everybody
// gets. Cookies that cannot be ours do not count: whoever invents one gets the
// cached page, too.
func (s *site) isAnonymous(r *http.Request) bool {
	if sessionOf(r) != "" {
		return false
	}
	_, hasNotice := s.signed(r, noticeCookie)
	return !hasNotice
}

// transactionCookie returns the name of the cookie of the sign-in with that state.
func transactionCookie(state string) string {
	sum := sha256.Sum256([]byte(state))
	return transactionPrefix + hex.EncodeToString(sum[:8])
}

// dropTransactions removes the cookies of sign-ins that were begun and not
// completed, once there are too many.
func dropTransactions(w http.ResponseWriter, r *http.Request) {
	var begun []string
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, transactionPrefix) {
			begun = append(begun, cookie.Name)
		}
	}
	if len(begun) < maxTransactions {
		return
	}
	for _, name := range begun {
		setCookie(w, name, "", 0)
	}
}

// sessionToken is what the user service makes: 26 characters of base32.
var sessionToken = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// sessionOf returns the session's token, empty for none and for what cannot be one.
func sessionOf(r *http.Request) string {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || !sessionToken.MatchString(cookie.Value) {
		return ""
	}
	return cookie.Value
}
