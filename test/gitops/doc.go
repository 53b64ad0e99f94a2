// Package gitops tests config/gitops, from which Argo CD and Flux deploy the cluster's
// components and the platforms: what they render, how they judge health, and
// what is refused before it is merged.
//
// Its rule: neither Argo CD nor Flux runs here. Their Lua, CEL and Kustomize do.
package gitops
