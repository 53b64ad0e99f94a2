// Package cluster runs a whole Kubernetes with all peers of the operator, the
// operator itself and two BlogPlatforms on this machine.
//
// Its rule: one file per component, which says how it is built, imaged,
// configured and known to be ready; up.go says in which order. Everything runs
// in network, mount and PID namespaces of its own (node_init.go), so that
// ending one process ends all of it, and the host's own network and mounts are
// never touched.
package cluster
