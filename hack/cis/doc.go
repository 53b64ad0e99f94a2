// Package cis says how the cluster of terraform/ stands to the CIS Kubernetes
// benchmark 1.12, check by check.
//
// Its rule: docs/cis.yaml holds what is claimed, and this package compares it
// with what it is claimed of. It runs nothing and asks no cluster.
package cis
