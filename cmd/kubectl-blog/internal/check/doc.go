// Package check looks at whether a cluster has what a platform needs, and says
// for everything that it lacks what to do.
package check
