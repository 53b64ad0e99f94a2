// Package report says how a platform is: it makes status, events and the time of the
// next reconcile from what was observed, decided and written, whatever ended the
// reconcile. It is pure; controllers write what it returns.
package report
