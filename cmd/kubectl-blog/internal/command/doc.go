// Package command is the command line of the plugin: flags, the client, and
// what a command prints. What it prints is decided elsewhere.
package command
