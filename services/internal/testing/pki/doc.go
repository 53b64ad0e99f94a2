// Package pki makes certificates for tests: an authority and what it signs.
package pki
