// Command blog measures what the blog's services cost a reader, and what they
// need themselves: run it by make bench-blog. It prints a table of figures,
// targets and whether they are met. It takes some minutes and wants a quiet machine.
//
// # What runs
//
// The programs are those in the images that are shipped, built the same way. They
// run as in a cluster behind the mesh: plain HTTP, on loopback, before a real
// PostgreSQL that they reach over TLS. The blog holds the demo content and many
// copies of one post with its comments. Load, services and PostgreSQL share the
// processors, and every request names a client address, as the gateway does.
//
// # The ratios
//
// A page is measured beside bare processes, in turns of seconds; the ratio is
// taken within each turn, and the median of the turns counts. What is bare writes
// bytes that were taken from the real process, headers and all. It encodes,
// renders, compares, limits, traces and counts nothing:
//
//   - Beside a page that is kept stands one net/http handler.
//   - Beside pages that are not kept stands a chain of three processes, which make
//     the same requests to each other and the same queries with pgx, in as many
//     connections. The statements are read out of the services' sources. What it
//     need not know it does not read: the post's id travels in a header.
//   - Beside those stands a single handler that makes one query, too. It is what
//     a blog in one process could come to.
//
// That pages are not kept is made sure of: each request asks for another copy, in
// turn, of more than the frontend keeps, and the content service must have been
// asked for a post for each page.
//
// # The other figures
//
// At half the highest rate requests are sent when they are due, at random times,
// whatever is answered; the time runs from when a request was due. The first
// second, in which connections are opened, does not count. The bare ones are
// measured at the same rate, and tell the machine's share of that. Memory is
// what /proc says is resident: after a rest, and the highest after all load. A
// service is ready when /readyz answers 200, from exec on. The size of an image
// is that of its compressed layers and its configuration, which is what is pulled.
// Lists and post pages with few and many rows are what make bench-lists measures.
package main
