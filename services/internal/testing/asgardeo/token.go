package asgardeo

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// accessToken is one of client_credentials.
type accessToken struct {
	client  string
	binding string
	scopes  []string
	ends    time.Time
}

// token serves POST /oauth2/token.
func (f *Fake) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
		return
	}
	if r.PostForm.Get("grant_type") == "client_credentials" {
		f.clientCredentials(w, r)
		return
	}
	answer := httptest.NewRecorder()
	f.provider.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	if answer.Code == http.StatusOK {
		body = f.resign(body)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

// resign applies clock skew and tampering to the ID token of an answer.
func (f *Fake) resign(body []byte) []byte {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return body
	}
	raw, _ := answer["id_token"].(string)
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return body
	}
	claims := map[string]any{}
	if parsed.UnsafeClaimsWithoutVerification(&claims) != nil {
		return body
	}
	f.mu.Lock()
	skew, tamper := f.skew, f.tamper
	f.mu.Unlock()
	for _, name := range []string{"iat", "exp", "nbf", "auth_time"} {
		if at, ok := claims[name].(float64); ok {
			claims[name] = int64(at + skew.Seconds())
		}
	}
	if tamper != nil {
		tamper(claims)
	}
	answer["id_token"] = f.Sign(claims)
	changed, err := json.Marshal(answer)
	if err != nil {
		return body
	}
	return changed
}

// Sign signs claims as the provider would.
func (f *Fake) Sign(claims map[string]any) string {
	f.mu.Lock()
	key := f.keys[0]
	f.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.private, KeyID: key.id}}, nil)
	if err != nil {
		panic(fmt.Sprintf("an RSA key signs RS256: %v", err))
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		panic(fmt.Sprintf("claims are JSON: %v", err))
	}
	return raw
}

// clientCredentials issues a token. As at the real one, a second token for the
// same application and scopes revokes the first unless each has a tokenBindingId
// of its own, and scopes that the application may not have are dropped.
func (f *Fake) clientCredentials(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	client, known := f.client(id)
	if !known || client.Secret != secret {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	var scopes []string
	for _, scope := range strings.Fields(r.PostForm.Get("scope")) {
		if slices.Contains(client.Scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	slices.Sort(scopes)
	issued := &accessToken{client: id, binding: r.PostForm.Get("tokenBindingId"), scopes: scopes, ends: time.Now().Add(accessTokenLifetime)}
	raw := rand.Text()
	f.mu.Lock()
	maps.DeleteFunc(f.tokens, func(_ string, other *accessToken) bool {
		return other.client == id && other.binding == issued.binding && slices.Equal(other.scopes, scopes)
	})
	f.tokens[raw] = issued
	f.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": raw, "token_type": "Bearer", "expires_in": int(accessTokenLifetime.Seconds()), "scope": strings.Join(scopes, " "),
	})
}

// authorized lets requests through that bear a token with the scope.
func (f *Fake) authorized(scope string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		f.mu.Lock()
		token, ok := f.tokens[raw]
		f.mu.Unlock()
		switch {
		case !ok || time.Now().After(token.ends):
			w.WriteHeader(http.StatusUnauthorized)
		case !slices.Contains(token.scopes, scope):
			scimError(w, http.StatusForbidden, "Operation is not permitted. You do not have permissions to make this request.")
		default:
			next(w, r)
		}
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
