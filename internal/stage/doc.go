// Package stage orders the writes of one reconcile: which children are applied, which
// wait for an earlier stage, and which are finished. It is pure: internal/apply writes,
// controllers call both.
package stage
