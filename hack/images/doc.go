// Package images makes the five images that this project ships (the operator and
// the four services of a release) and names them in a change for GitOps.
//
// Its rule: the digest of an image follows from the sources and the version of
// Go alone. So what one machine has built and judged can be built again and
// compared elsewhere, and a service that did not change keeps its digest.
package images
