// Package cluster runs a whole Kubernetes with all peers of the operator, the
// operator itself and two BlogPlatforms on this machine.
//
// Its rule: it only says in which order things happen. The node is in package
// node, the peers are in package peers, and what this checkout adds to them is
// in package content.
package cluster
