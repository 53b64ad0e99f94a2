// Package rest is how one service reads JSON from another: bounded in time and
// size, and with errors that tell "not there" from "not answering".
package rest
