// Package command turns a process's arguments into one subcommand of a service
// and its outcome into an exit code, a log line and a termination message. It
// knows nothing about what the subcommands do.
package command
