// Package ready judges one child, purely: the same objects give the same verdict.
package ready
