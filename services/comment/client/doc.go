// Package client is how other services ask the comment service. Its types are the
// JSON documents on the wire, and the comment service answers with the same ones.
package client
