//go:build !race

package markdown

// maxSource is how many bytes a text may have here, as many as its characters.
const maxSource = 200_000
