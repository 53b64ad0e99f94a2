// Package screen is how the plugin writes to a terminal: marks, colours and
// columns. It knows nothing about blogs.
package screen
