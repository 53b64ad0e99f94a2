module blogplatform.io/operator/hack/charts/upstream

go 1.26.0

// Data only: Helm charts, and the kinds of Flux. No package is imported, so `go mod
// tidy` would remove them.
require (
	github.com/argoproj/argo-helm v0.0.0-20260904222229-3bbb4305eea9
	github.com/fluxcd/kustomize-controller v1.9.6
	github.com/fluxcd/source-controller v1.9.6
	github.com/projectcalico/calico v1.11.0-cni-plugin.0.20250813170300-a0db560f0520
	github.com/prometheus-community/helm-charts v0.0.0-20260828105119-ed5d7d9b5933
)
