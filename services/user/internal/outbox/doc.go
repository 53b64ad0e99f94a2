// Package outbox does what others have to be told: it takes what the store keeps
// for them, sends it until they have it, and asks the provider about people who
// are signed in.
package outbox
