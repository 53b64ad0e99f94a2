// Package message makes text fit into conditions and events: short enough for the
// API, and the same text while the cause is the same.
package message
