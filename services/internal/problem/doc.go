// Package problem is how services answer with an error: RFC 9457 documents that
// tell a client what happened and nothing about the inside of a service.
package problem
