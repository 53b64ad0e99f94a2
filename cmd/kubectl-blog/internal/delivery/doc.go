// Package delivery decides, without reading or writing, what the commands that
// change a release may do, and what they write.
package delivery
