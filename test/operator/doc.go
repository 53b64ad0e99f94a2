// Package operator runs the operator against a real etcd, kube-apiserver and
// kube-controller-manager, with the CRDs of all peers and a faker of their
// controllers' status. Each test tells the story of a platform in a namespace
// of its own.
package operator
