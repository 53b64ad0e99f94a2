// Package identity is the blog as a relying party of an OpenID provider: it sends
// people there and judges what comes back. It keeps nothing.
package identity
