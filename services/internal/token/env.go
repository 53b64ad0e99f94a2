package token

import (
	"strings"

	"blogplatform.io/operator/services/internal/command"
)

// VerifierFromEnv returns a verifier of the tokens for one audience that the
// user service at USER_URL signs as TOKEN_ISSUER.
func VerifierFromEnv(audience string) (*Verifier, error) {
	users, err := command.RequireEnv("USER_URL")
	if err != nil {
		return nil, err
	}
	issuer := command.Getenv("TOKEN_ISSUER", "blogplatform:unnamed")
	return NewVerifier(HTTP(strings.TrimSuffix(users, "/")+"/v1/keys"), issuer, audience), nil
}
