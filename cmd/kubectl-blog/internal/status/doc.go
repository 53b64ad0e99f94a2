// Package status is the one screen about a platform: Observe reads, Judge
// decides without reading, Print writes.
package status
