// Package data is what the three services with a database have in common: the
// serve and migrate subcommands, problem answers and the dependency check.
package data
