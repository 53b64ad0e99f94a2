// Package measure is what the benchmarks share: how a run shows where it is, what
// the kernel says of a process, and how figures are set beside their targets.
//
// Its one rule: it knows of no subject. What is measured, and what is good enough,
// is the benchmark's business.
package measure
