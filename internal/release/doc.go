// Package release decides how a release goes on: what each service runs, and
// when it is committed or taken back.
//
// Its rule: it is pure. From what status remembers and what a reconcile has observed,
// the time included, follows what to do and what to remember; nothing else has a say.
//
// A release is a set of four pod templates that becomes the current one as a
// whole, or not at all. All of it is in Decide:
//
//	Migrating -> Progressing -> Verifying -> Committing -> Complete
//	    |             |             |            |
//	    +-------------+------+------+------------+
//	                         v
//	                      Aborting -> Aborted
//
// Until Committing every service can go back at once, for its old pods are
// still up: each waits at the barrier, the last step of its Rollout, until all
// four are there and Verify has passed.
package release
