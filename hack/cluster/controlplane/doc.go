// Package controlplane runs a real etcd, kube-apiserver, kube-controller-manager
// and kube-scheduler, for tests and for the local cluster alike.
//
// Its rule: it knows how these four are configured, and nothing of nodes,
// peers or blogs. Tests start one per package:
//
//	func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}, func(cp *controlplane.ControlPlane) { … }) }
package controlplane
