// Package faults tells how an installation survives crashes of the operator, and faults of the API server.
package faults
