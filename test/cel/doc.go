// Package cel shows what the API server accepts and refuses of a BlogPlatform,
// on a real kube-apiserver with the CRD of config/crd.
//
// The rule of this package: no code of the operator runs here, because every
// constraint that CEL can state is refused before the operator sees it.
package cel
