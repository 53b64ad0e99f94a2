package command

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Production is the value of BLOG_ENVIRONMENT in which commands that could harm
// readers ask for --force.
const Production = "Production"

// Identity says which service, release and pod template a process belongs to.
// Logs and metrics carry it, so that a canary can be told from the stable version.
type Identity struct {
	// Service is the name of the service, such as content.
	Service string
	// Version is the release (RELEASE_VERSION), or dev.
	Version string
	// PodTemplateHash is the Rollout's hash of the pod template
	// (POD_TEMPLATE_HASH), empty outside a Rollout.
	PodTemplateHash string
	// Environment is Staging or Production (BLOG_ENVIRONMENT), empty outside a platform.
	Environment string
}

// IdentityFromEnv reads the identity of the named service from the environment.
func IdentityFromEnv(service string) Identity {
	return Identity{
		Service:         service,
		Version:         Getenv("RELEASE_VERSION", "dev"),
		PodTemplateHash: os.Getenv("POD_TEMPLATE_HASH"),
		Environment:     os.Getenv("BLOG_ENVIRONMENT"),
	}
}

// Getenv returns the environment variable, or fallback when it is unset or empty.
func Getenv(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

// RequireEnv returns the environment variable or an error that names it.
func RequireEnv(name string) (string, error) {
	value := os.Getenv(name)
	if value == "" {
		return "", fmt.Errorf("environment variable %s is not set", name)
	}
	return value, nil
}

// DurationEnv returns the environment variable as a duration such as 5s, or
// fallback when it is unset. A negative or malformed value is an error.
func DurationEnv(name string, fallback time.Duration) (time.Duration, error) {
	text := os.Getenv(name)
	if text == "" {
		return fallback, nil
	}
	value, err := time.ParseDuration(text)
	if err != nil || value < 0 {
		return 0, fmt.Errorf("environment variable %s=%q: write a duration such as 5s", name, text)
	}
	return value, nil
}

// IntEnv returns the environment variable as a number from 0 on, or fallback
// when it is unset. Anything else is an error.
func IntEnv(name string, fallback int) (int, error) {
	text := os.Getenv(name)
	if text == "" {
		return fallback, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < 0 {
		return 0, fmt.Errorf("environment variable %s=%q: write a number such as 1", name, text)
	}
	return value, nil
}
