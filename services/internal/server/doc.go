// Package server runs the two HTTP servers of a service: the application on
// 8080, and probes and metrics on 9090. It starts, observes, limits and drains
// them; what they answer is the service's business.
package server
