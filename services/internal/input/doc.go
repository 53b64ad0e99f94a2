// Package input reads what clients send, and refuses with the field named what
// a service could not keep. Lengths are in characters.
package input
