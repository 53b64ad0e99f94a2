// Package asgardeo is a fake of the identity provider Asgardeo: OpenID Connect,
// SCIM2 and its session API, with the manners of the real one that hurt (string
// booleans, dropped scopes, tokens that revoke each other) and faults on demand.
// It is for tests, for development and for the local cluster, and holds no secret
// worth keeping.
package asgardeo
