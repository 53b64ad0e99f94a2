// Package course decides what a reconcile works towards: it asks the gate
// (internal/promote) whether the release of the spec may run, and the state machine
// (internal/release) how far each service may go. It is pure: the same platform,
// observed state and time give the same course.
package course
