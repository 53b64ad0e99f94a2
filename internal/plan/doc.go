// Package plan turns the spec of a BlogPlatform, the effective release and what
// was observed into the complete list of its children.
//
// Its rule: it is pure. No client, clock, random number, environment or
// unsorted map has a say; the same input gives the same bytes. One file holds
// one family of children.
package plan
