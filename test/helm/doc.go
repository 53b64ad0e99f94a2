// Package helm does for tests what people do with the helm command, with Helm's own library.
//
// Its rule: it knows charts and releases, and nothing of the operator or of blogs.
package helm
