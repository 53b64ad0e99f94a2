// Package monitoring is what Prometheus needs to know of platforms as a file to embed.
package monitoring

import _ "embed"

// Rules is the PrometheusRule with recording rules and alerts, in YAML.
//
//go:embed rules.yaml
var Rules []byte
