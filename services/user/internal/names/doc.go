// Package names says which display names there can be, and which of them look
// alike. It is pure.
package names
