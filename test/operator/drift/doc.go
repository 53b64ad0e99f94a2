// Package drift tells how what somebody else changes or deletes comes back, and that an operator with nothing to do sends nothing.
package drift
