// Package harness runs the operator against a real etcd, kube-apiserver and
// kube-controller-manager, with the CRDs of all peers and a faker of their
// controllers' status. Each package beside it has a control plane of its own, and
// each test there tells the story of a platform in a namespace of its own.
//
// Its rule: it holds what stories of several packages do or look at; what those of
// one package need is with them.
package harness
