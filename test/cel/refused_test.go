package cel

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refusal is an invalid platform: a valid one of its environment with a change.
type refusal struct {
	name        string // what the person wrote, as a sentence
	environment string // staging if empty
	patch       string
	field       string // that the API server must name
	says        string // part of what it must say
}

func testRefusals(t *testing.T, refusals []refusal) {
	t.Helper()
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			environment := r.environment
			if environment == "" {
				environment = "staging"
			}
			err := server.Create(t.Context(), platform(t, environment, r.patch), client.DryRunAll)
			expectRefusal(t, err, r.field, r.says)
		})
	}
}

// long answers a word of n letters.
func long(n int) string { return strings.Repeat("a", n) }

// repeat answers n times the same item of a YAML list.
func repeat(item string, n int) string { return strings.TrimSuffix(strings.Repeat(item+", ", n), ", ") }

func TestNameAndEnvironmentAreRefused(t *testing.T) {
	const name = "metadata.name must be at most 30"
	testRefusals(t, []refusal{
		{name: "name is too long for the names of the children", patch: `metadata: {name: a234567890123456789012345678901}`, field: "<nil>", says: name},
		{name: "name starts with a digit", patch: `metadata: {name: 1blog}`, field: "<nil>", says: name},
		{name: "name holds a dot", patch: `metadata: {name: my.blog}`, field: "<nil>", says: name},
		{name: "name ends as that of a Secret with an authority", patch: `metadata: {name: my-cacert}`, field: "<nil>", says: "must not end in -cacert"},
		{name: "spec is missing", patch: `spec: null`, field: "spec", says: "Required"},
		{name: "environment is missing", patch: `spec: {environment: null}`, field: "spec.environment", says: "Required"},
		{name: "environment is none of the two", patch: `spec: {environment: Development}`, field: "spec.environment", says: `supported values: "Staging", "Production"`},
		{name: "environment is written in lower case", patch: `spec: {environment: staging}`, field: "spec.environment", says: `supported values: "Staging", "Production"`},
		{name: "deletion policy is unknown", patch: `spec: {deletionPolicy: Keep}`, field: "spec.deletionPolicy", says: `supported values: "Retain", "Delete"`},
		{name: "suspend is a word", patch: `spec: {suspend: "yes"}`, field: "spec.suspend", says: "must be of type boolean"},
	})
}

func TestHostsAreRefused(t *testing.T) {
	const says = "hosts must be full lower-case DNS names"
	testRefusals(t, []refusal{
		{name: "hosts are missing", patch: `spec: {hosts: null}`, field: "spec.hosts", says: "Required"},
		{name: "hosts are empty", patch: `spec: {hosts: []}`, field: "spec.hosts", says: "at least 1 items"},
		{name: "host is in upper case", patch: `spec: {hosts: [Blog.example.com]}`, field: "spec.hosts[0]", says: says},
		{name: "host is a wildcard", patch: `spec: {hosts: ["*.example.com"]}`, field: "spec.hosts[0]", says: says},
		{name: "host carries a port", patch: `spec: {hosts: ["blog.example.com:8443"]}`, field: "spec.hosts[0]", says: says},
		{name: "host is a URL", patch: `spec: {hosts: ["https://blog.example.com"]}`, field: "spec.hosts[0]", says: says},
		{name: "host has a path", patch: `spec: {hosts: [blog.example.com/news]}`, field: "spec.hosts[0]", says: says},
		{name: "host is an IP address", patch: `spec: {hosts: [10.0.0.1]}`, field: "spec.hosts[0]", says: says},
		{name: "host is a single label", patch: `spec: {hosts: [blog]}`, field: "spec.hosts[0]", says: says},
		{name: "host ends with a dot", patch: `spec: {hosts: [blog.example.com.]}`, field: "spec.hosts[0]", says: says},
		{name: "host holds an underscore", patch: `spec: {hosts: [my_blog.example.com]}`, field: "spec.hosts[0]", says: says},
		{name: "host has a label that ends with a dash", patch: `spec: {hosts: [blog-.example.com]}`, field: "spec.hosts[0]", says: says},
		{name: "second host is wrong", patch: `spec: {hosts: [blog.example.com, WWW.example.com]}`, field: "spec.hosts[1]", says: says},
		{name: "host is listed twice", patch: `spec: {hosts: [blog.example.com, blog.example.com]}`, field: "spec.hosts[1]", says: "Duplicate value"},
		{name: "hosts are eleven", patch: `spec: {hosts: [a.io, b.io, c.io, d.io, e.io, f.io, g.io, h.io, i.io, j.io, k.io]}`, field: "spec.hosts", says: "at most 10 items"},
	})
}

func TestGatesAreRefused(t *testing.T) {
	gate := func(rest string) string {
		return `spec: {promotion: {from: {namespace: stg, name: blog}, ` + rest + `}}`
	}
	window := func(fields string) string { return gate(`windows: [{` + fields + `}]`) }
	refusals := []refusal{
		{name: "gate of staging", environment: "staging", patch: `spec: {promotion: {from: {namespace: stg, name: blog}}}`, field: "spec.promotion", says: "promotion is for Production only"},
		{name: "gate without a staging", patch: `spec: {promotion: {soakSeconds: 60}}`, field: "spec.promotion.from", says: "Required"},
		{name: "staging without a namespace", patch: `spec: {promotion: {from: {name: blog}}}`, field: "spec.promotion.from.namespace", says: "Required"},
		{name: "namespace of staging with a slash", patch: `spec: {promotion: {from: {namespace: stg/blog, name: blog}}}`, field: "spec.promotion.from.namespace", says: "must be the name of a namespace"},
		{name: "name of staging in upper case", patch: `spec: {promotion: {from: {namespace: stg, name: Blog}}}`, field: "spec.promotion.from.name", says: "must be that of a BlogPlatform"},
		{name: "soak as a duration", patch: gate(`soakSeconds: 30m`), field: "spec.promotion.soakSeconds", says: "must be of type integer"},
		{name: "soak of nothing", patch: gate(`soakSeconds: 0`), field: "spec.promotion.soakSeconds", says: "greater than or equal to 1"},
		{name: "soak of two months", patch: gate(`soakSeconds: 5184000`), field: "spec.promotion.soakSeconds", says: "less than or equal to 2592000"},
		{name: "scope of no windows", patch: gate(`windowScope: Pods`), field: "spec.promotion.windowScope", says: "write windows, or leave it out"},
		{name: "scope that nobody knows", patch: gate(`windowScope: Database, windows: [{days: [Mon], start: "09:00", durationMinutes: 60}]`), field: "spec.promotion.windowScope", says: "Unsupported value"},
		{name: "window on no day", patch: window(`start: "09:00", durationMinutes: 60`), field: "spec.promotion.windows[0].days", says: "Required"},
		{name: "window on an empty list of days", patch: window(`days: [], start: "09:00", durationMinutes: 60`), field: "spec.promotion.windows[0].days", says: "at least 1 items"},
		{name: "window on a day in full", patch: window(`days: [Monday], start: "09:00", durationMinutes: 60`), field: "spec.promotion.windows[0].days[0]", says: `supported values: "Mon"`},
		{name: "window twice on a day", patch: window(`days: [Mon, Mon], start: "09:00", durationMinutes: 60`), field: "spec.promotion.windows[0].days[1]", says: "Duplicate value"},
		{name: "window that starts at nine", patch: window(`days: [Mon], start: "9:00", durationMinutes: 60`), field: "spec.promotion.windows[0].start", says: "at least 5 chars"},
		{name: "window that starts at midnight the other way", patch: window(`days: [Mon], start: "24:00", durationMinutes: 60`), field: "spec.promotion.windows[0].start", says: "must be a time of day from 00:00 to 23:59"},
		{name: "window that never opens", patch: window(`days: [Mon], start: "09:00", durationMinutes: 0`), field: "spec.promotion.windows[0].durationMinutes", says: "greater than or equal to 1"},
		{name: "window that never closes", patch: window(`days: [Mon], start: "09:00", durationMinutes: 1441`), field: "spec.promotion.windows[0].durationMinutes", says: "less than or equal to 1440"},
		{name: "window by an offset", patch: window(`days: [Mon], start: "09:00", durationMinutes: 60, timezone: "+05:30"`), field: "spec.promotion.windows[0].timezone", says: "must be a name of the IANA time zone database"},
		{name: "window by the clock of the operator", patch: window(`days: [Mon], start: "09:00", durationMinutes: 60, timezone: Local`), field: "spec.promotion.windows[0].timezone", says: "must be a name of the IANA time zone database"},
		{name: "window by a path", patch: window(`days: [Mon], start: "09:00", durationMinutes: 60, timezone: ../../etc/passwd`), field: "spec.promotion.windows[0].timezone", says: "must be a name of the IANA time zone database"},
		{name: "eleven windows", patch: gate(`windows: [` + repeat(`{days: [Mon], start: "09:00", durationMinutes: 60}`, 11) + `]`), field: "spec.promotion.windows", says: "at most 10 items"},
	}
	for i := range refusals {
		if refusals[i].environment == "" {
			refusals[i].environment = "production"
		}
	}
	testRefusals(t, refusals)
}

func TestReleasesAreRefused(t *testing.T) {
	testRefusals(t, []refusal{
		{name: "release is missing", patch: `spec: {release: null}`, field: "spec.release", says: "Required"},
		{name: "version is missing", patch: `spec: {release: {version: null}}`, field: "spec.release.version", says: "Required"},
		{name: "version is empty", patch: `spec: {release: {version: ""}}`, field: "spec.release.version", says: "at least 1 chars"},
		{name: "version holds a space", patch: `spec: {release: {version: "v1 final"}}`, field: "spec.release.version", says: "such as v1.4.2"},
		{name: "an image is missing", patch: `spec: {release: {images: {comment: null}}}`, field: "spec.release.images.comment", says: "Required"},
		{name: "image has neither tag nor digest", patch: `spec: {release: {images: {frontend: registry.example.com/blog/frontend}}}`, field: "spec.release.images.frontend", says: "with a tag or a digest"},
		{name: "image holds a space", patch: `spec: {release: {images: {user: "registry.example.com/blog user:v1"}}}`, field: "spec.release.images.user", says: "with a tag or a digest"},
		{name: "image repository is in upper case", patch: `spec: {release: {images: {content: "registry.example.com/Blog/content:v1"}}}`, field: "spec.release.images.content", says: "with a tag or a digest"},
		{name: "image is a URL", patch: `spec: {release: {images: {comment: "https://registry.example.com/comment:v1"}}}`, field: "spec.release.images.comment", says: "with a tag or a digest"},
		{name: "digest is too short", patch: `spec: {release: {images: {user: "registry.example.com/user@sha256:0123"}}}`, field: "spec.release.images.user", says: "64 hexadecimal digits"},
		{name: "digest is in upper case", patch: `spec: {release: {images: {user: "registry.example.com/user@sha256:ABCDEF6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}}`, field: "spec.release.images.user", says: "64 hexadecimal digits"},
		{name: "production names its frontend by tag", environment: "production", patch: `spec: {release: {images: {frontend: "registry.example.com/blog/frontend:v1.4.2"}}}`, field: "spec.release.images.frontend", says: "must name a digest in Production"},
		{name: "production names its user service by tag", environment: "production", patch: `spec: {release: {images: {user: "registry.example.com/blog/user:v1.4.2"}}}`, field: "spec.release.images.user", says: "must name a digest in Production"},
		{name: "production names its content service by tag", environment: "production", patch: `spec: {release: {images: {content: "registry.example.com/blog/content:v1.4.2"}}}`, field: "spec.release.images.content", says: "must name a digest in Production"},
		{name: "production names its comment service by tag", environment: "production", patch: `spec: {release: {images: {comment: "registry.example.com/blog/comment:v1.4.2"}}}`, field: "spec.release.images.comment", says: "must name a digest in Production"},
		{name: "pull secret lies in another namespace", patch: `spec: {imagePullSecrets: [{name: other/registry}]}`, field: "spec.imagePullSecrets[0].name", says: "a Secret of this namespace"},
		{name: "pull secret is listed twice", patch: `spec: {imagePullSecrets: [{name: registry}, {name: registry}]}`, field: "spec.imagePullSecrets[1]", says: "Duplicate value"},
	})
}

func TestSecretsAreRefused(t *testing.T) {
	const sealed = "the whole output of kubeseal --raw"
	testRefusals(t, []refusal{
		{name: "secrets are missing", patch: `spec: {secrets: null}`, field: "spec.secrets", says: "Required"},
		{name: "cookies are neither sealed nor referred to", patch: `spec: {secrets: {cookies: {secretRef: null}}}`, field: "spec.secrets.cookies", says: "exactly one of sealed"},
		{name: "cookies are both sealed and referred to", patch: `spec: {secrets: {cookies: {sealed: {key: AgBy}}}}`, field: "spec.secrets.cookies", says: "exactly one of sealed"},
		{name: "sealed key is plain text", patch: `spec: {secrets: {cookies: {secretRef: null, sealed: {key: "correct horse battery staple"}}}}`, field: "spec.secrets.cookies.sealed.key", says: sealed},
		{name: "sealed key is only base64", patch: `spec: {secrets: {cookies: {secretRef: null, sealed: {key: c2VjcmV0}}}}`, field: "spec.secrets.cookies.sealed.key", says: sealed},
		{name: "sealed key is cut off", patch: `spec: {secrets: {cookies: {secretRef: null, sealed: {key: AgByZ}}}}`, field: "spec.secrets.cookies.sealed.key", says: sealed},
		{name: "sealed key is empty", patch: `spec: {secrets: {cookies: {secretRef: null, sealed: {key: ""}}}}`, field: "spec.secrets.cookies.sealed.key", says: "at least 1 chars"},
		{name: "sealed key is missing", patch: `spec: {secrets: {cookies: {secretRef: null, sealed: {}}}}`, field: "spec.secrets.cookies.sealed.key", says: "Required"},
		{name: "secret name is no name", patch: `spec: {secrets: {cookies: {secretRef: {name: Blog_Cookies}}}}`, field: "spec.secrets.cookies.secretRef.name", says: "a Secret of this namespace"},
	})
}

func TestIdentitiesAreRefused(t *testing.T) {
	const issuer, says = "spec.identity.issuer", "identity.issuer must be an https URL"
	var refusals []refusal
	for name, url := range map[string]string{
		"plain HTTP": "http://api.asgardeo.io/t/acme/oauth2/token", "no scheme": "api.asgardeo.io", "a query": "https://api.asgardeo.io/token?a=b",
		"a fragment": "https://api.asgardeo.io/token#a", "a user": "https://me@api.asgardeo.io/token", "upper case": "https://API.asgardeo.io/token",
		"a bare name": "https://localhost/token", "an address": "https://10.0.0.1/token", "spaces": "https://api.asgardeo.io/a b", "port 0": "https://api.asgardeo.io:0/token",
		"no host": "https:///token", "an empty segment": "https://api.asgardeo.io//token",
	} {
		refusals = append(refusals, refusal{name: "issuer with " + name, patch: issuedBy(`"` + url + `"`), field: issuer, says: says})
	}
	testRefusals(t, append(refusals, []refusal{
		{name: "identity without its secret", patch: strings.Replace(identity, "{oidc: {sealed: {clientSecret: AgBy8hCi}}}", "{}", 1), field: "spec.secrets.oidc", says: "identity and secrets.oidc go together"},
		{name: "secret without identity", patch: `spec: {secrets: {oidc: {secretRef: {name: mine}}}}`, field: "spec.secrets.oidc", says: "identity and secrets.oidc go together"},
		{name: "SCIM without its secret", patch: identity + "\n    scim: {baseURL: https://api.asgardeo.io/scim2, clientID: a}", field: "spec.secrets.scim", says: "identity.scim and secrets.scim go together"},
		{name: "SCIM secret without SCIM", patch: strings.Replace(identity, "{oidc:", "{scim: {secretRef: {name: mine}}, oidc:", 1), field: "spec.secrets.scim", says: "identity.scim and secrets.scim go together"},
		{name: "SCIM secret without identity", patch: `spec: {secrets: {scim: {secretRef: {name: mine}}}}`, field: "spec.secrets.scim", says: "identity.scim and secrets.scim go together"},
		{name: "SCIM over plain HTTP", patch: strings.Replace(identityWithSCIM, "https://api.asgardeo.io/t/acme/scim2", "http://api.asgardeo.io/scim2", 1), field: "spec.identity.scim.baseURL", says: "identity.scim.baseURL must be an https URL"},
		{name: "SCIM client with a space", patch: strings.Replace(identityWithSCIM, "clientID: other", `clientID: "an other"`, 1), field: "spec.identity.scim.clientID", says: "printable ASCII"},
		{name: "first Admin by name", patch: strings.Replace(identityWithSCIM, "0d1e3a2b-7f6c-4a53-9c1d-5e8f7a6b4c3d", `"Amara Silva"`, 1), field: "spec.identity.bootstrapAdmin.subject", says: "not their name"},
		{name: "client id with a space", patch: strings.Replace(identity, "qC2vJh4oX", `"my blog"`, 1), field: "spec.identity.clientID", says: "printable ASCII"},
		{name: "client id is missing", patch: strings.Replace(identity, "    clientID: qC2vJh4oX\n", "", 1), field: "spec.identity.clientID", says: "Required"},
		{name: "CA bundle is no PEM", patch: identity + "\n    caBundle: MIIB", field: "spec.identity.caBundle", says: "must be PEM certificates"},
		{name: "CA bundle holds a key", patch: identity + "\n    caBundle: \"-----BEGIN CERTIFICATE-----\\nM\\n-----END CERTIFICATE-----\\n-----BEGIN PRIVATE KEY-----\"", field: "spec.identity.caBundle", says: "no private key"},
		{name: "client secret is plain text", patch: strings.Replace(identity, "AgBy8hCi", "hunter2", 1), field: "spec.secrets.oidc.sealed.clientSecret", says: "secrets.oidc.sealed.clientSecret must be the whole output"},
		{name: "client secret is sealed and referred to", patch: strings.Replace(identity, "oidc: {", "oidc: {secretRef: {name: mine}, ", 1), field: "spec.secrets.oidc", says: "secrets.oidc needs exactly one"},
		{name: "SCIM secret is neither", patch: strings.Replace(identityWithSCIM, "scim: {sealed: {clientSecret: AgBy8hCi}}", "scim: {}", 1), field: "spec.secrets.scim", says: "secrets.scim needs exactly one"},
		{name: "SCIM secret is plain text", patch: strings.Replace(identityWithSCIM, "AgBy8hCi", "hunter2", 1), field: "spec.secrets.scim.sealed.clientSecret", says: "secrets.scim.sealed.clientSecret must be the whole output"},
	}...))
}

func TestDatabasesAreRefused(t *testing.T) {
	const full, incremental = "spec.database.backups.schedule.full", "spec.database.backups.schedule.incremental"
	testRefusals(t, []refusal{
		{name: "PostgreSQL is too old", patch: `spec: {database: {postgresVersion: 9}}`, field: "spec.database.postgresVersion", says: "greater than or equal to 14"},
		{name: "PostgreSQL is not out yet", patch: `spec: {database: {postgresVersion: 99}}`, field: "spec.database.postgresVersion", says: "less than or equal to 18"},
		{name: "PostgreSQL has a minor version", patch: `spec: {database: {postgresVersion: "15.4"}}`, field: "spec.database.postgresVersion", says: "must be of type integer"},
		{name: "database has no instance", patch: `spec: {database: {replicas: 0}}`, field: "spec.database.replicas", says: "greater than or equal to 1"},
		{name: "database has ten instances", patch: `spec: {database: {replicas: 10}}`, field: "spec.database.replicas", says: "less than or equal to 9"},
		{name: "database limits are less than its requests", patch: `spec: {database: {resources: {requests: {memory: 1Gi}, limits: {memory: 512Mi}}}}`, field: "spec.database.resources", says: "limits must not be less than database.resources.requests"},
		{name: "database asks for a GPU", patch: `spec: {database: {resources: {limits: {nvidia.com/gpu: 1}}}}`, field: "spec.database.resources", says: "cpu, memory and ephemeral-storage"},
		{name: "parameter belongs to the PostgreSQL operator", patch: `spec: {database: {parameters: {ssl: "off"}}}`, field: "spec.database.parameters", says: "the PostgreSQL operator sets them"},
		{name: "parameter has a value without end", patch: `spec: {database: {parameters: {search_path: "` + long(513) + `"}}}`, field: "spec.database.parameters", says: "values of at most 512"},
		{name: "parameters are empty", patch: `spec: {database: {parameters: {}}}`, field: "spec.database.parameters", says: "at least 1 properties"},
		{name: "volume has no size", patch: `spec: {database: {storage: {size: "0"}}}`, field: "spec.database.storage.size", says: "greater than zero, such as 20Gi"},
		{name: "volume has a negative size", patch: `spec: {database: {storage: {size: -1Gi}}}`, field: "spec.database.storage.size", says: "greater than zero, such as 20Gi"},
		{name: "volume size has no known unit", patch: `spec: {database: {storage: {size: 20 gigabytes}}}`, field: "spec.database.storage.size", says: "should match"},
		{name: "storage class is no name", patch: `spec: {database: {storage: {storageClassName: "Fast Disks"}}}`, field: "spec.database.storage.storageClassName", says: "the name of a StorageClass"},
		{name: "storage class is empty", patch: `spec: {database: {storage: {storageClassName: ""}}}`, field: "spec.database.storage.storageClassName", says: "at least 1 chars"},
		{name: "backup volume has no size", patch: `spec: {database: {backups: {storage: {size: 0}}}}`, field: "spec.database.backups.storage.size", says: "greater than zero, such as 20Gi"},
		{name: "a reader of backups has no name", patch: `spec: {database: {backups: {readers: [{namespace: g11-stg}]}}}`, field: "spec.database.backups.readers[0].name", says: "Required"},
		{name: "too many readers of backups", patch: `spec: {database: {backups: {readers: [` + repeat(`{namespace: a, name: b}`, 11) + `]}}}`, field: "spec.database.backups.readers", says: "at most 10 items"},
		{name: "a data source has no cluster", patch: `spec: {database: {dataSource: {targetTime: "2026-03-01T12:00:00Z"}}}`, field: "spec.database.dataSource.postgresCluster", says: "Required"},
		{name: "a data source has a cluster that cannot be", patch: `spec: {database: {dataSource: {postgresCluster: {clusterName: Blog}}}}`, field: "spec.database.dataSource.postgresCluster.clusterName", says: "such as blog-db"},
		{name: "a data source has a namespace that cannot be", patch: `spec: {database: {dataSource: {postgresCluster: {clusterNamespace: a.b}}}}`, field: "spec.database.dataSource.postgresCluster.clusterNamespace", says: "must be the name of a namespace"},
		{name: "a data source has a fifth repository", patch: `spec: {database: {dataSource: {postgresCluster: {repoName: repo5}}}}`, field: "spec.database.dataSource.postgresCluster.repoName", says: "supported values"},
		{name: "a data source ends at no time", patch: `spec: {database: {dataSource: {postgresCluster: {}, targetTime: yesterday}}}`, field: "spec.database.dataSource.targetTime", says: "date-time"},
		{name: "no backup is kept", patch: `spec: {database: {backups: {retentionFull: 0}}}`, field: "spec.database.backups.retentionFull", says: "greater than or equal to 1"},
		{name: "schedule has six fields", patch: `spec: {database: {backups: {schedule: {full: "0 0 1 * * 0"}}}}`, field: full, says: "five cron fields"},
		{name: "schedule has four fields", patch: `spec: {database: {backups: {schedule: {full: "0 1 * *"}}}}`, field: full, says: "five cron fields"},
		{name: "schedule is a macro", patch: `spec: {database: {backups: {schedule: {full: "@weekly"}}}}`, field: full, says: "five cron fields"},
		{name: "schedule is at minute 60", patch: `spec: {database: {backups: {schedule: {full: "60 1 * * 0"}}}}`, field: full, says: "five cron fields"},
		{name: "schedule is at hour 24", patch: `spec: {database: {backups: {schedule: {incremental: "0 24 * * 1"}}}}`, field: incremental, says: "five cron fields"},
		{name: "schedule is on day 32", patch: `spec: {database: {backups: {schedule: {incremental: "0 1 32 * *"}}}}`, field: incremental, says: "five cron fields"},
		{name: "schedule is in month 13", patch: `spec: {database: {backups: {schedule: {incremental: "0 1 * 13 *"}}}}`, field: incremental, says: "five cron fields"},
		{name: "schedule is on the seventh weekday", patch: `spec: {database: {backups: {schedule: {incremental: "0 1 * * 7"}}}}`, field: incremental, says: "day of week 0-6"},
	})
}

func TestGatewaysAreRefused(t *testing.T) {
	testRefusals(t, []refusal{
		{name: "gateway namespace is no name", patch: `spec: {gateway: {namespace: Istio_Ingress}}`, field: "spec.gateway.namespace", says: "the name of a namespace"},
		{name: "gateway namespace is empty", patch: `spec: {gateway: {namespace: ""}}`, field: "spec.gateway.namespace", says: "at least 1 chars"},
		{name: "gateway service carries its namespace", patch: `spec: {gateway: {service: ingress.istio}}`, field: "spec.gateway.service", says: "the name of a Service"},
		{name: "gateway service account is a principal", patch: `spec: {gateway: {serviceAccount: cluster.local/ns/istio-ingress/sa/istio-ingress}}`, field: "spec.gateway.serviceAccount", says: "the name of a ServiceAccount"},
		{name: "gateway selector is empty", patch: `spec: {gateway: {selector: {}}}`, field: "spec.gateway.selector", says: "leave it out for that default"},
		{name: "gateway selector has a value that is no label", patch: `spec: {gateway: {selector: {istio: "` + long(64) + `"}}}`, field: "spec.gateway.selector", says: "values of at most 63"},
		{name: "no proxy is trusted, not even the gateway", patch: `spec: {gateway: {trustedHops: 0}}`, field: "spec.gateway.trustedHops", says: "greater than or equal to 1"},
		{name: "more proxies than anybody has", patch: `spec: {gateway: {trustedHops: 11}}`, field: "spec.gateway.trustedHops", says: "less than or equal to 10"},
		{name: "HTTPS port is zero", patch: `spec: {gateway: {httpsPort: 0}}`, field: "spec.gateway.httpsPort", says: "greater than or equal to 1"},
		{name: "HTTPS port is that of plain HTTP", patch: `spec: {gateway: {httpsPort: 80}}`, field: "spec.gateway.httpsPort", says: "must not be 80"},
		{name: "HTTPS port is out of range", patch: `spec: {gateway: {httpsPort: 65536}}`, field: "spec.gateway.httpsPort", says: "less than or equal to 65535"},
		{name: "issuer is missing", patch: `spec: {tls: null}`, field: "spec.tls", says: "Required"},
		{name: "issuer has no name", patch: `spec: {tls: {issuerRef: {name: null}}}`, field: "spec.tls.issuerRef.name", says: "Required"},
		{name: "issuer name is no name", patch: `spec: {tls: {issuerRef: {name: Let's Encrypt}}}`, field: "spec.tls.issuerRef.name", says: "the name of an issuer"},
		{name: "issuer kind is in lower case", patch: `spec: {tls: {issuerRef: {kind: clusterissuer}}}`, field: "spec.tls.issuerRef.kind", says: "such as ClusterIssuer"},
		{name: "external issuer comes without its group", patch: `spec: {tls: {issuerRef: {kind: AWSPCAClusterIssuer}}}`, field: "spec.tls.issuerRef.kind", says: "write its API group"},
		{name: "issuer group is no group", patch: `spec: {tls: {issuerRef: {group: "awspca.cert-manager.io/v1"}}}`, field: "spec.tls.issuerRef.group", says: "must be an API group"},
	})
}

func TestServicesAreRefused(t *testing.T) {
	testRefusals(t, []refusal{
		{name: "service has no replica", patch: `spec: {services: {frontend: {replicas: 0}}}`, field: "spec.services.frontend.replicas", says: "greater than or equal to 1"},
		{name: "service has too many replicas", patch: `spec: {services: {user: {replicas: 101}}}`, field: "spec.services.user.replicas", says: "less than or equal to 100"},
		{name: "service has both a fixed number of pods and another", patch: `spec: {services: {user: {replicas: 2, autoscaling: {min: 1, max: 3}}}}`, field: "spec.services.user", says: "leave one of them out"},
		{name: "autoscaling has more at least than at most", patch: `spec: {services: {user: {autoscaling: {min: 4, max: 3}}}}`, field: "spec.services.user.autoscaling", says: "min must not be more than autoscaling.max"},
		{name: "autoscaling to nothing", patch: `spec: {services: {user: {autoscaling: {min: 0, max: 3}}}}`, field: "spec.services.user.autoscaling.min", says: "greater than or equal to 1"},
		{name: "autoscaling without end", patch: `spec: {services: {user: {autoscaling: {min: 1}}}}`, field: "spec.services.user.autoscaling.max", says: "Required"},
		{name: "autoscaling of a service that requests no cpu", patch: `spec: {services: {user: {autoscaling: {min: 1, max: 3}, resources: {requests: {memory: 64Mi}}}}}`, field: "spec.services.user", says: "add cpu to resources.requests"},
		{name: "service limit is less than its request", patch: `spec: {services: {content: {resources: {requests: {cpu: 2}, limits: {cpu: 500m}}}}}`, field: "spec.services.content.resources", says: "limits must not be less than resources.requests"},
		{name: "service request is zero", patch: `spec: {services: {content: {resources: {requests: {cpu: 0}}}}}`, field: "spec.services.content.resources", says: "requests must be greater than zero"},
		{name: "service limit is negative", patch: `spec: {services: {content: {resources: {limits: {memory: -1Mi}}}}}`, field: "spec.services.content.resources", says: "limits must be greater than zero"},
		{name: "service asks for huge pages", patch: `spec: {services: {comment: {resources: {requests: {hugepages-2Mi: 4Mi}}}}}`, field: "spec.services.comment.resources", says: "requests may hold cpu, memory and ephemeral-storage"},
		{name: "service claims a resource", patch: `spec: {services: {comment: {resources: {claims: [{name: gpu}]}}}}`, field: "spec.services.comment.resources", says: "claims is not supported"},
		{name: "node selector is empty", patch: `spec: {services: {user: {nodeSelector: {}}}}`, field: "spec.services.user.nodeSelector", says: "at least 1 properties"},
		{name: "node selector has a value that is no label", patch: `spec: {services: {user: {nodeSelector: {zone: "` + long(64) + `"}}}}`, field: "spec.services.user.nodeSelector", says: "values of at most 63"},
		{name: "toleration has an unknown effect", patch: `spec: {services: {user: {tolerations: [{key: spot, operator: Exists, effect: Never}]}}}`, field: "spec.services.user.tolerations[0]", says: "NoSchedule, PreferNoSchedule or NoExecute"},
		{name: "toleration has an unknown operator", patch: `spec: {services: {user: {tolerations: [{key: spot, operator: In, value: a}]}}}`, field: "spec.services.user.tolerations[0]", says: "operator must be Exists or Equal"},
		{name: "toleration exists with a value", patch: `spec: {services: {user: {tolerations: [{key: spot, operator: Exists, value: a}]}}}`, field: "spec.services.user.tolerations[0]", says: "Exists takes no value"},
		{name: "toleration without key has a value", patch: `spec: {services: {user: {tolerations: [{value: a}]}}}`, field: "spec.services.user.tolerations[0]", says: "needs operator Exists"},
		{name: "toleration ends without eviction", patch: `spec: {services: {user: {tolerations: [{key: spot, operator: Exists, effect: NoSchedule, tolerationSeconds: 5}]}}}`, field: "spec.services.user.tolerations[0]", says: "needs effect NoExecute"},
		{name: "pods may be spread by a skew of zero", patch: `spec: {services: {user: {topologySpread: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}}}`, field: "spec.services.user.topologySpread[0]", says: "maxSkew must be 1 or more"},
		{name: "pods are spread over nothing", patch: `spec: {services: {user: {topologySpread: [{maxSkew: 1, topologyKey: "", whenUnsatisfiable: DoNotSchedule}]}}}`, field: "spec.services.user.topologySpread[0]", says: "topologyKey must be a label of nodes"},
		{name: "pods are spread in an unknown way", patch: `spec: {services: {user: {topologySpread: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: Perhaps}]}}}`, field: "spec.services.user.topologySpread[0]", says: "DoNotSchedule or ScheduleAnyway"},
	})
}

func TestRolloutsAreRefused(t *testing.T) {
	testRefusals(t, []refusal{
		{name: "steps are empty", patch: `spec: {rollout: {steps: []}}`, field: "spec.rollout.steps", says: "leave steps out for the default"},
		{name: "step is both weight and pause", patch: `spec: {rollout: {steps: [{weight: 5, pauseSeconds: 10}]}}`, field: "spec.rollout.steps[0]", says: "exactly one of weight, pauseSeconds and analysis"},
		{name: "step is nothing", patch: `spec: {rollout: {steps: [{weight: 5}, {}]}}`, field: "spec.rollout.steps[1]", says: "exactly one of weight, pauseSeconds and analysis"},
		{name: "step is both weight and analysis", patch: `spec: {rollout: {steps: [{weight: 5, analysis: {}}]}}`, field: "spec.rollout.steps[0]", says: "exactly one of weight, pauseSeconds and analysis"},
		{name: "prometheus is no address", patch: `spec: {rollout: {analysis: {prometheus: "prometheus.monitoring.svc:9090"}}}`, field: "spec.rollout.analysis.prometheus", says: "such as http://prometheus.monitoring.svc:9090"},
		{name: "prometheus holds credentials", patch: `spec: {rollout: {analysis: {prometheus: "http://me:secret@prometheus:9090"}}}`, field: "spec.rollout.analysis.prometheus", says: "without credentials"},
		{name: "prometheus names an argument", patch: `spec: {rollout: {analysis: {prometheus: "http://{{args.url}}"}}}`, field: "spec.rollout.analysis.prometheus", says: "such as http://prometheus.monitoring.svc:9090"},
		{name: "no success is needed", patch: `spec: {rollout: {analysis: {minSuccessPercent: 0}}}`, field: "spec.rollout.analysis.minSuccessPercent", says: "greater than or equal to 1"},
		{name: "more than all must succeed", patch: `spec: {rollout: {analysis: {minSuccessPercent: 101}}}`, field: "spec.rollout.analysis.minSuccessPercent", says: "less than or equal to 100"},
		{name: "latency beyond what is measured", patch: `spec: {rollout: {analysis: {maxP99Milliseconds: 10000}}}`, field: "spec.rollout.analysis.maxP99Milliseconds", says: "less than or equal to 7500"},
		{name: "no request is needed", patch: `spec: {rollout: {analysis: {minRequests: 0}}}`, field: "spec.rollout.analysis.minRequests", says: "greater than or equal to 1"},
		{name: "analysis is over at once", patch: `spec: {rollout: {analysis: {durationSeconds: 9}}}`, field: "spec.rollout.analysis.durationSeconds", says: "greater than or equal to 10"},
		{name: "weight goes down", patch: `spec: {rollout: {steps: [{weight: 50}, {pauseSeconds: 10}, {weight: 20}]}}`, field: "spec.rollout.steps", says: "ascending order"},
		{name: "weight is more than all traffic", patch: `spec: {rollout: {steps: [{weight: 101}]}}`, field: "spec.rollout.steps[0].weight", says: "less than or equal to 100"},
		{name: "pause has no length", patch: `spec: {rollout: {steps: [{pauseSeconds: 0}]}}`, field: "spec.rollout.steps[0].pauseSeconds", says: "greater than or equal to 1"},
		{name: "pause is longer than a day", patch: `spec: {rollout: {steps: [{pauseSeconds: 86401}]}}`, field: "spec.rollout.steps[0].pauseSeconds", says: "less than or equal to 86400"},
		{name: "steps are twenty-one", patch: `spec: {rollout: {steps: [` + repeat("{weight: 1}", 21) + `]}}`, field: "spec.rollout.steps", says: "at most 20 items"},
	})
}
