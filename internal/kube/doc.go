// Package kube is the only place with cache, client and leader election
// settings. Its rule: what the operator keeps in memory is what it owns, plus
// the metadata of what it looks up.
package kube
