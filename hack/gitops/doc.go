// Package gitops writes what Argo CD and Flux deploy the cluster's components by,
// and checks config/gitops before it is merged.
//
// Its rule: config/gitops/components says once what is installed, in which version
// and with which values. What the two tools read is generated from it and
// committed, so that a review shows what changes in the cluster.
package gitops
