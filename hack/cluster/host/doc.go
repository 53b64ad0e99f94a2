// Package host looks at the machine that the local cluster is to run on, and
// says what stands in the way before anything is created. Observe reads facts,
// Judge decides about them, Print shows the decisions. It imports no Kubernetes
// package, so that it answers at once.
package host
