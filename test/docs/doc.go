// Package docs checks what documents say against the repository: links and
// anchors, commands and their flags, paths, names of tests, the edges of the mesh,
// the manifest of an example, and the table of the CIS benchmark.
//
// Its rule: a document is wrong when the code disagrees with it, and every rule is
// itself tested with a document that breaks it.
package docs
