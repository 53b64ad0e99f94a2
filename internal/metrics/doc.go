// Package metrics says in numbers how platforms are, and what the operator did.
//
// Its rule: what a status tells is computed from the status alone, when somebody
// asks (Gauges, Collector), so that a platform that is gone leaves no series.
// What happens is counted where it happens (Counters). Each series names one
// platform, every other label has few values, and none holds a secret. Times are
// seconds since 1970, as Prometheus has them: a query computes ages.
//
// docs/metrics.md lists all of them; a test compares it with this package.
package metrics
