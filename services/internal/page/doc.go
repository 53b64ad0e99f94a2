// Package page is how services answer with lists: in pages that are found by
// the key of the last row before them, so that the thousandth costs what the
// first does. Nothing counts how many there are.
package page
