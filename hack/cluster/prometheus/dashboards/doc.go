// Package dashboards is the source of the dashboards in config/monitoring/dashboards.
//
// Its rule: a dashboard is a table of panels, each with a title and queries, and all
// are drawn alike. Queries name the platform by the variables $namespace and
// $platform, and are otherwise PromQL that Prometheus itself reads.
package dashboards
