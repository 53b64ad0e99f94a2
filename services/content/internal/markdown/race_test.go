//go:build race

package markdown

// maxSource is an eighth of that without the race detector, with which a render costs more.
const maxSource = 25_000
