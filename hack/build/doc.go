// Package build makes what a local cluster runs (Go programs, Debian roots, a
// wheel, images) and keeps it in the user's cache folder.
//
// Its rule: an artifact lives in a folder whose name is a hash of everything
// that went into it, and appears there whole or not at all. So an interrupted
// build is simply done again, and a fresh clone finds what another one built.
package build
