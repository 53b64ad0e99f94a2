// Package stories tests the services as what they are, processes that talk over
// HTTP and to a real PostgreSQL. It has no code of its own; the test binary runs
// itself again as a service, so that the race detector watches those, too.
package stories
