package service

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"blogplatform.io/operator/services/internal/secret"
)

const (
	themeCookie = "__Host-theme"
	themeAge    = 365 * 24 * time.Hour
	// minKeyBytes is the length of the hash, below which a key is the weakest
	// part of an HMAC (RFC 2104, section 3).
	minKeyBytes = sha256.Size
)

// Themes a reader can choose. The empty theme follows the reader's system.
const (
	themeSystem = ""
	themeLight  = "light"
	themeDark   = "dark"
)

// signer makes and checks signed cookie values with the key at hand.
type signer struct{ key func() string }

// signerFromEnv reads the key from the file that COOKIE_KEY_FILE names, and again
// when it is replaced: then cookies that were signed before hold no more.
func signerFromEnv() (signer, error) {
	key, err := secret.FromEnv("COOKIE_KEY_FILE", longEnough)
	if err != nil {
		return signer{}, err
	}
	return signer{key.Value}, nil
}

func longEnough(key string) error {
	if len(key) < minKeyBytes {
		return fmt.Errorf("the key that signs cookies has %d bytes, it needs at least %d", len(key), minKeyBytes)
	}
	return nil
}

// sign returns value with a signature that holds only for the cookie of that name.
func (s signer) sign(name, value string) string {
	return value + "." + base64.RawURLEncoding.EncodeToString(s.mac(name, value))
}

// verify returns the value of a signed cookie, and whether its signature is ours.
func (s signer) verify(name, signed string) (string, bool) {
	value, signature, found := strings.Cut(signed, ".")
	if !found {
		return "", false
	}
	mac, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(mac, s.mac(name, value)) {
		return "", false
	}
	return value, true
}

func (s signer) mac(name, value string) []byte {
	mac := hmac.New(sha256.New, []byte(s.key()))
	// A cookie's name has no "=" in it (RFC 6265, section 4.1.1), so no two pairs look alike.
	mac.Write([]byte(name + "=" + value))
	return mac.Sum(nil)
}

// theme returns what the reader chose. A cookie that was tampered with counts
// as no choice.
func (s *site) theme(r *http.Request) string {
	cookie, err := r.Cookie(themeCookie)
	if err != nil {
		return themeSystem
	}
	theme, ok := s.signer.verify(themeCookie, cookie.Value)
	if !ok || (theme != themeLight && theme != themeDark) {
		return themeSystem
	}
	return theme
}

// chooseTheme stores the reader's choice and goes back to the page it was made on.
func (s *site) chooseTheme(w http.ResponseWriter, r *http.Request) error {
	switch theme := r.PostFormValue("theme"); theme {
	case themeLight, themeDark:
		setCookie(w, themeCookie, s.signer.sign(themeCookie, theme), themeAge)
	case "system":
		setCookie(w, themeCookie, "", 0)
	default:
		s.showError(w, r, http.StatusBadRequest, s.errorPage("error.theme", "/"))
		return nil
	}
	redirect(w, r, localURL(r.PostFormValue("back")).EscapedPath())
	return nil
}

// localPath returns back, without fragment, if it is an address of this site, the
// home page otherwise: nobody may use a form or a link to send readers elsewhere.
func localPath(back string) string { return localURL(back).RequestURI() }

func localURL(back string) *url.URL {
	target, err := url.Parse(back)
	if err != nil || target.Scheme != "" || target.Host != "" || !strings.HasPrefix(target.Path, "/") ||
		strings.HasPrefix(target.Path, "//") || strings.Contains(back, `\`) {
		return &url.URL{Path: "/"}
	}
	return target
}
