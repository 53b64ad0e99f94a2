// Package e2e checks a local cluster that is up, as its users would: from
// outside through the gateway, and from pods inside and outside the mesh.
// Every check is a real request on a real connection.
//
// The tests carry the build tag e2e; `make e2e` starts a cluster for them and
// names it by BLOGPLATFORM_KUBECONFIG and BLOGPLATFORM_HTTPS_PORT.
package e2e
