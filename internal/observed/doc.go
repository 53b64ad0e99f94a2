// Package observed holds what one reconcile found in the cluster before it decided
// or changed anything. It is data: nobody modifies it, and it has no client.
package observed
