// Package token is the services' own proof of who asks: the user service signs
// it, every other service verifies it here and nowhere else. It knows nothing of
// how people sign in.
package token
