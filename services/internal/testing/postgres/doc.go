// Package postgres gives tests a real PostgreSQL, for root as for anyone else.
//
// PostgreSQL refuses root. The server is therefore kept by a child process, the
// test binary itself under another name, which root starts as user nobody. It
// ends, and cleans up, when the tests' end of a pipe closes, however they end.
package postgres
