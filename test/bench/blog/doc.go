// Command blog measures what the blog's services cost a reader: run it by
// make bench-blog. It prints a table of figures, targets and whether they are
// met. It takes some minutes and wants a quiet machine.
package main
