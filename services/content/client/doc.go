// Package client is how other services ask the content service. Its types are the
// JSON documents on the wire, and the content service answers with the same ones.
package client
