// Package store is the only place with SQL of the user service: people, sessions,
// keys, and what is still to be told to others. It judges what Admins may do to
// each other, because only a transaction can.
package store
