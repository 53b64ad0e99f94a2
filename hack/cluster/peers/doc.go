// Package peers holds what the operator works with, and what a cluster needs
// to be one: DNS, Istio, cert-manager, Argo Rollouts, Sealed Secrets,
// metrics-server, Prometheus and the PostgreSQL operator.
//
// Its rule: one file per peer, which says how it is built, imaged, configured
// and known to be ready. Its objects are in manifests, where a $NAME is filled in.
package peers

import "embed"

//go:embed manifests
var manifests embed.FS
