// Package postgres gives tests, and development, a real PostgreSQL, for root as
// for anyone else.
//
// PostgreSQL refuses root. The server is therefore kept by a child process, the
// binary itself under another name, which root starts as user nobody. It
// ends, and cleans up, when this end of a pipe closes, however the program ends.
package postgres
