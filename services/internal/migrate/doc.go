// Package migrate brings a service's schema to what its binary expects, in two
// phases with separate histories: expand (safe while the previous release runs)
// and contract (once no release needs the old shape any more).
package migrate
