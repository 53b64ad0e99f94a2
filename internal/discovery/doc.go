// Package discovery asks OpenID providers whether they are there (OpenID Connect
// Discovery 1.0). It sends one request without any secret, and tells of the answer
// no more than whether it is good: whoever writes a BlogPlatform chooses the address.
// For the same reason it asks at public addresses only, and in networks that were allowed.
package discovery
