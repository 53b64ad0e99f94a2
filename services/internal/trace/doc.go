// Package trace makes a service take part in traces: the id of a request
// (W3C Trace Context) is taken over or given, handed on to other services, and
// written with every log line. Spans leave the process only where an endpoint
// is configured.
package trace
