// Package charts tests the Helm charts in charts/: what they render and refuse,
// that they install what config/ does, and that releases of the operator come, change, go
// back and go on a real API server without taking a BlogPlatform with them.
//
// Its rule: no operator runs here. A platform of the chart with an operator is in
// test/operator/helm.
package charts
