// Package apitest gives tests a service's API on a real PostgreSQL, and people
// with tokens who ask it.
package apitest
