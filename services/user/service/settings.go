package service

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"blogplatform.io/operator/services/internal/command"
	"blogplatform.io/operator/services/internal/secret"
	"blogplatform.io/operator/services/internal/token"
)

// settings are what the environment says.
type settings struct {
	// publicURL is where readers find the blog, without a slash at its end.
	publicURL string
	// issuer of the identity provider, empty for none: nobody can sign in then.
	issuer, clientID string
	// clientSecret and scimClientSecret return the secrets at hand.
	clientSecret, scimClientSecret func() string
	// authorities are PEM certificates of the provider's CA, empty for the system's.
	authorities []byte
	// scimURL is empty where the provider cannot be told of locks.
	scimURL, scimClientID string
	// firstAdmin is the subject that becomes Admin at its first sign-in, empty for none.
	firstAdmin string
	// tokenIssuer is the iss of our own tokens: it names namespace and platform.
	tokenIssuer string
	// erasers are the services that erase who has left, by audience.
	erasers map[string]string
}

// settingsFromEnv reads OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET_FILE,
// OIDC_CA_FILE, SCIM_URL, SCIM_CLIENT_ID, SCIM_CLIENT_SECRET_FILE,
// BOOTSTRAP_ADMIN_SUBJECT, PUBLIC_URL, TOKEN_ISSUER, CONTENT_URL and COMMENT_URL.
// All may be missing where OIDC_ISSUER is. Client secrets are read again when their
// files are replaced.
func settingsFromEnv() (settings, error) {
	s := settings{
		publicURL:    strings.TrimSuffix(os.Getenv("PUBLIC_URL"), "/"),
		issuer:       os.Getenv("OIDC_ISSUER"),
		clientID:     os.Getenv("OIDC_CLIENT_ID"),
		scimURL:      os.Getenv("SCIM_URL"),
		scimClientID: os.Getenv("SCIM_CLIENT_ID"),
		firstAdmin:   os.Getenv("BOOTSTRAP_ADMIN_SUBJECT"),
		tokenIssuer:  command.Getenv("TOKEN_ISSUER", "blogplatform:unnamed"),
		erasers:      map[string]string{},
	}
	for audience, variable := range map[string]string{token.Content: "CONTENT_URL", token.Comment: "COMMENT_URL"} {
		if base := os.Getenv(variable); base != "" {
			s.erasers[audience] = strings.TrimSuffix(base, "/")
		}
	}
	if s.issuer == "" {
		return s, nil
	}
	var errs []error
	for _, variable := range []string{"PUBLIC_URL", "OIDC_CLIENT_ID", "TOKEN_ISSUER"} {
		_, err := command.RequireEnv(variable)
		errs = append(errs, err)
	}
	errs = append(errs, httpsURL("OIDC_ISSUER", s.issuer))
	s.clientSecret = clientSecret(&errs, "OIDC_CLIENT_SECRET_FILE")
	if file := os.Getenv("OIDC_CA_FILE"); file != "" {
		var err error
		if s.authorities, err = os.ReadFile(file); err != nil {
			errs = append(errs, fmt.Errorf("OIDC_CA_FILE: %w", err))
		}
	}
	if s.scimURL != "" {
		_, err := command.RequireEnv("SCIM_CLIENT_ID")
		errs = append(errs, err, httpsURL("SCIM_URL", s.scimURL))
		s.scimClientSecret = clientSecret(&errs, "SCIM_CLIENT_SECRET_FILE")
	}
	return s, errors.Join(errs...)
}

// clientSecret returns what the file holds that the variable names.
func clientSecret(errs *[]error, variable string) func() string {
	file, err := secret.FromEnv(variable, nil)
	if err != nil {
		*errs = append(*errs, err)
		return nil
	}
	return file.Value
}

// httpsURL refuses what a password must not be sent to.
func httpsURL(variable, text string) error {
	if parsed, err := url.Parse(text); err != nil || parsed.Scheme != "https" || parsed.Host == "" {
		return fmt.Errorf("environment variable %s=%q: write an https URL", variable, text)
	}
	return nil
}
