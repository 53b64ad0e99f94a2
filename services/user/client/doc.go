// Package client is how other services ask the user service. Its types are the
// JSON documents on the wire, and the user service answers with the same ones.
package client
