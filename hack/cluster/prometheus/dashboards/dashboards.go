package dashboards

// Dashboard is a page of panels.
type Dashboard struct {
	// Name is that of its file and its ConfigMap.
	Name string
	// Title and Question say what it is for.
	Title, Question string
	// OfPlatform dashboards are about the platform that the reader chooses.
	OfPlatform bool
	Panels     []Panel
}

// Panel is a graph.
type Panel struct {
	Title string
	// Unit as Grafana calls it.
	Unit    string
	Queries []Query
}

// Query is a line, or several, of a graph.
type Query struct {
	// Expr is PromQL.
	Expr string
	// Legend names a line; {{label}} is the value of a label.
	Legend string
}

// Units of Grafana.
const (
	bytesUnit   = "bytes"
	countUnit   = "short"
	perSecond   = "reqps"
	ratioUnit   = "percentunit"
	secondsUnit = "s"
	stateUnit   = "none"
)

// of selects the series of the chosen platform.
const of = `namespace="$namespace",platform="$platform"`

// operator selects the operator's own series.
const operator = `job="blogplatform-operator"`

// All are the dashboards, in the order in which somebody looks at them.
var All = []Dashboard{platform, release, database, operatorItself}

var platform = Dashboard{
	Name: "platform", Title: "BlogPlatform: platform", Question: "Are readers served, and how fast?", OfPlatform: true,
	Panels: []Panel{
		{"Conditions: 1 is True, 0 False, -1 Unknown", stateUnit, []Query{{`max by (type) (blogplatform_condition{` + of + `})`, "{{type}}"}}},
		{"Pods that are missing", countUnit, []Query{{`max by (service) (blogplatform_service_pods{` + of + `,state="desired"}) - max by (service) (blogplatform_service_pods{` + of + `,state="ready"})`, "{{service}}"}}},
		{"Requests by service", perSecond, []Query{{`sum by (service) (rate(http_server_request_duration_seconds_count{` + of + `}[5m]))`, "{{service}}"}}},
		{"Share of requests answered with 5xx", ratioUnit, []Query{
			{`namespace_platform:http_errors:ratio_rate5m{` + of + `}`, "5 minutes"}, {`namespace_platform:http_errors:ratio_rate1h{` + of + `}`, "1 hour"}, {`namespace_platform:http_errors:ratio_rate1d{` + of + `}`, "1 day"}}},
		{"Errors by service and route", perSecond, []Query{{`sum by (service, http_route) (rate(http_server_request_duration_seconds_count{` + of + `,http_response_status_code=~"5.."}[5m]))`, "{{service}} {{http_route}}"}}},
		{"Time in which 99 of 100 requests are answered", secondsUnit, []Query{{`histogram_quantile(0.99, sum by (service, le) (rate(http_server_request_duration_seconds_bucket{` + of + `}[5m])))`, "{{service}}"}}},
		{"Share of requests over half a second", ratioUnit, []Query{
			{`namespace_platform:http_slow:ratio_rate5m{` + of + `}`, "5 minutes"}, {`namespace_platform:http_slow:ratio_rate1h{` + of + `}`, "1 hour"}, {`namespace_platform:http_slow:ratio_rate1d{` + of + `}`, "1 day"}}},
		{"Sign-ins by answer", perSecond, []Query{{`sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count{` + of + `,service="user",http_route=~"/v1/sign-ins.*"}[5m]))`, "{{http_response_status_code}}"}}},
		{"How late the identity provider follows locks", secondsUnit, []Query{{`max(blog_provider_sync_age_seconds{` + of + `})`, "oldest"}}},
		{"Until the certificate expires", secondsUnit, []Query{{`max(blogplatform_certificate_expiry_timestamp_seconds{` + of + `}) - time()`, "certificate"}}},
		{"Memory by service", bytesUnit, []Query{{`sum by (service) (process_resident_memory_bytes{` + of + `})`, "{{service}}"}}},
	},
}

var release = Dashboard{
	Name: "release", Title: "BlogPlatform: release", Question: "How does a release go, and how does it compare with the one before?", OfPlatform: true,
	Panels: []Panel{
		{"Seconds in the phase", secondsUnit, []Query{{`time() - max by (phase) (blogplatform_release_phase_timestamp_seconds{` + of + `})`, "{{phase}}"}}},
		{"Seconds without progress", secondsUnit, []Query{{`time() - max(blogplatform_release_progress_timestamp_seconds{` + of + `})`, "release"}}},
		{"Share of traffic of the canary", ratioUnit, []Query{{`max(blogplatform_release_canary_weight_ratio{` + of + `})`, "canary"}}},
		{"Pods that are ready, by version", countUnit, []Query{{`sum by (service, version) (blog_service_ready{` + of + `})`, "{{service}} {{version}}"}}},
		{"Requests by version", perSecond, []Query{{`sum by (service, version) (rate(http_server_request_duration_seconds_count{` + of + `}[2m]))`, "{{service}} {{version}}"}}},
		{"Share of requests answered with 5xx, by version", ratioUnit, []Query{{`sum by (service, version) (rate(http_server_request_duration_seconds_count{` + of + `,http_response_status_code=~"5.."}[2m])) / sum by (service, version) (rate(http_server_request_duration_seconds_count{` + of + `}[2m]))`, "{{service}} {{version}}"}}},
		{"Time in which 99 of 100 requests are answered, by version", secondsUnit, []Query{{`histogram_quantile(0.99, sum by (service, version, le) (rate(http_server_request_duration_seconds_bucket{` + of + `}[2m])))`, "{{service}} {{version}}"}}},
		{"Releases taken back, by day", countUnit, []Query{{`sum by (reason) (increase(blogplatform_release_aborts_total{` + of + `}[1d]))`, "{{reason}}"}}},
		{"Refusals of the gate, by day", countUnit, []Query{{`sum by (reason) (increase(blogplatform_gate_refusals_total{` + of + `}[1d]))`, "{{reason}}"}}},
	},
}

var database = Dashboard{
	Name: "database", Title: "BlogPlatform: database", Question: "Is the data safe, and how much room is left?", OfPlatform: true,
	Panels: []Panel{
		{"Instances", countUnit, []Query{{`max by (state) (blogplatform_database_instances{` + of + `})`, "{{state}}"}, {`max(blog_database_standbys{` + of + `})`, "standbys that replicate"}}},
		{"Services that reach the database", countUnit, []Query{{`min by (service) (blog_database_up{` + of + `})`, "{{service}}"}}},
		{"Age of the last backup", secondsUnit, []Query{{`time() - max by (type) (blogplatform_backup_timestamp_seconds{` + of + `})`, "{{type}}"}}},
		{"Age of the last segment of WAL in the archive", secondsUnit, []Query{{`time() - max(blog_database_wal_archived_timestamp_seconds{` + of + `})`, "WAL"}}},
		{"Archiving of WAL fails: 1", stateUnit, []Query{{`max(blog_database_wal_archive_failing{` + of + `})`, "failing"}}},
		{"WAL kept for the slot that is furthest behind", bytesUnit, []Query{{`max(blog_database_replication_lag_bytes{` + of + `})`, "lag"}}},
		{"Share of each volume that is used", ratioUnit, []Query{{`1 - kubelet_volume_stats_available_bytes{namespace="$namespace"} / kubelet_volume_stats_capacity_bytes{namespace="$namespace"}`, "{{persistentvolumeclaim}}"}}},
	},
}

var operatorItself = Dashboard{
	Name: "operator", Title: "BlogPlatform: operator", Question: "Does the operator work, and what does it cost?",
	Panels: []Panel{
		{"Replicas that hold the lease", countUnit, []Query{{`sum(leader_election_master_status{` + operator + `})`, "leaders"}}},
		{"Platforms that are not Ready", countUnit, []Query{{`count(max by (namespace, platform) (blogplatform_condition{type="Ready"}) < 1) or vector(0)`, "not Ready"}}},
		{"Passes by result", perSecond, []Query{{`sum by (result) (rate(controller_runtime_reconcile_total{` + operator + `,controller="blogplatform"}[5m]))`, "{{result}}"}}},
		{"Time in which 99 of 100 passes end", secondsUnit, []Query{{`histogram_quantile(0.99, sum by (le) (rate(controller_runtime_reconcile_time_seconds_bucket{` + operator + `,controller="blogplatform"}[5m])))`, "99 %"}}},
		{"Platforms that wait", countUnit, []Query{{`max(workqueue_depth{` + operator + `,name="blogplatform"})`, "queue"}}},
		{"Children compared with the plan", perSecond, []Query{{`sum by (result) (rate(blogplatform_applies_total[5m]))`, "{{result}}"}}},
		{"Repairs of drift, by hour", countUnit, []Query{{`sum by (namespace, platform, kind) (increase(blogplatform_drift_repairs_total[1h]))`, "{{namespace}}/{{platform}} {{kind}}"}}},
		{"Requests to the API server", perSecond, []Query{{`sum by (code, method) (rate(rest_client_requests_total{` + operator + `}[5m]))`, "{{method}} {{code}}"}}},
		{"Memory", bytesUnit, []Query{{`process_resident_memory_bytes{` + operator + `}`, "{{pod}}"}}},
		{"Processors", countUnit, []Query{{`rate(process_cpu_seconds_total{` + operator + `}[5m])`, "{{pod}}"}}},
	},
}
