// Package charts makes the Helm charts of a release, and pushes them to a
// registry as OCI artifacts.
//
// Its rule: the sources of the charts are complete but for the names that only a
// release knows (its version, and the operator's image by digest). These are
// written here, and equal sources give equal archives.
package charts
