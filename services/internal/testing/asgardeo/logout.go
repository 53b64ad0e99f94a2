package asgardeo

import (
	"crypto/rand"
	"io"
	"net/url"
	"strings"
	"time"
)

// LogoutToken is one for a back-channel logout (OpenID Connect Back-Channel
// Logout 1.0, section 2.4), changed before it is signed if change is not nil. An
// empty user or session leaves sub or sid out.
func (f *Fake) LogoutToken(client, user, session string, change func(claims map[string]any)) string {
	f.mu.Lock()
	now := time.Now().Add(f.skew)
	f.mu.Unlock()
	claims := map[string]any{
		"iss": f.issuer, "aud": []string{client}, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": rand.Text(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	if user != "" {
		claims["sub"] = user
	}
	if session != "" {
		claims["sid"] = session
	}
	if change != nil {
		change(claims)
	}
	return f.Sign(claims)
}

func formBody(form url.Values) io.Reader { return strings.NewReader(form.Encode()) }
