// Package changes turns what the operator would change into text for people,
// with the values of secrets masked.
package changes
