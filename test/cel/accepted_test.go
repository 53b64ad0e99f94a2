package cel

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/cluster/controlplane"
)

// everything is a patch that sets every field of a spec.
const everything = `
spec:
  hosts: [blog.example.com, www.example.com, xn--bcher-kva.example]
  imagePullSecrets: [{name: registry}, {name: mirror.example.com}]
  identity:
    issuer: https://api.asgardeo.io/t/acme/oauth2/token
    clientID: qC2vJh4oX
    caBundle: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    scim: {baseURL: https://api.asgardeo.io/t/acme/scim2, clientID: other}
    bootstrapAdmin: {subject: 0d1e3a2b-7f6c-4a53-9c1d-5e8f7a6b4c3d}
  secrets: {oidc: {sealed: {clientSecret: AgBy8hCi}}, scim: {secretRef: {name: mine}}}
  database:
    postgresVersion: 16
    replicas: 3
    resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {cpu: "1", memory: 1024Mi, ephemeral-storage: 1Gi}}
    parameters: {max_connections: "200", pg_stat_statements.max: "5000"}
    storage: {size: 20Gi, storageClassName: gp3}
    backups:
      schedule: {full: "30 1 * * SUN", incremental: "*/15 0-5,22 1-31/2 jan-dec 1-6"}
      retentionFull: 7
      storage: {size: 40Gi, storageClassName: io2.block}
      readers: [{namespace: g11-stg, name: blog}]
    dataSource: {postgresCluster: {clusterName: blog-db, clusterNamespace: 1-old, repoName: repo2}, targetTime: "2026-03-01T12:00:00+05:30"}
  gateway: {namespace: istio-system, service: edge, serviceAccount: edge.istio, selector: {istio: edge}, httpsPort: 8443, trustedHops: 10}
  tls: {issuerRef: {group: awspca.cert-manager.io, kind: AWSPCAClusterIssuer, name: private-ca}}
  services:
    frontend:
      replicas: 5
      resources: {requests: {cpu: 1}, limits: {cpu: "2"}}
      nodeSelector: {kubernetes.io/arch: arm64}
      tolerations: [{key: spot, operator: Equal, value: "true", effect: NoSchedule}, {operator: Exists, effect: NoExecute, tolerationSeconds: 60}]
      topologySpread: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway}]
    user: {autoscaling: {min: 2, max: 9}}
  rollout:
    steps: [{weight: 5}, {pauseSeconds: 60}, {weight: 5}, {weight: 50}, {analysis: {}}, {weight: 100}]
    analysis: {prometheus: "https://prometheus.example.com:9090/tenant/a", minSuccessPercent: 98, maxP99Milliseconds: 750, minRequests: 100, durationSeconds: 120}
  deletionPolicy: Delete
  suspend: true
`

// everyPromotion is what only Production may set.
const everyPromotion = `
spec:
  promotion:
    from: {namespace: 9-stg, name: blog-2}
    soakSeconds: 1800
    windows:
    - {days: [Mon, Tue, Wed, Thu, Fri, Sat, Sun], start: "00:00", durationMinutes: 1440}
    - {days: [Mon], start: "23:59", durationMinutes: 1, timezone: America/Argentina/Buenos_Aires}
    - {days: [Fri], start: "09:00", durationMinutes: 420, timezone: Etc/GMT+5}
`

// identity is one with a secret. More lines of identity may follow it.
const identity = `
spec:
  secrets: {oidc: {sealed: {clientSecret: AgBy8hCi}}}
  identity:
    clientID: qC2vJh4oX
    issuer: https://api.asgardeo.io/t/acme/oauth2/token`

func issuedBy(issuer string) string {
	return strings.Replace(identity, "https://api.asgardeo.io/t/acme/oauth2/token", issuer, 1)
}

const identityWithSCIM = `
spec:
  secrets: {oidc: {secretRef: {name: mine}}, scim: {sealed: {clientSecret: AgBy8hCi}}}
  identity:
    clientID: qC2vJh4oX
    issuer: https://api.asgardeo.io/t/acme/oauth2/token
    bootstrapAdmin: {subject: 0d1e3a2b-7f6c-4a53-9c1d-5e8f7a6b4c3d}
    scim: {baseURL: https://api.asgardeo.io/t/acme/scim2, clientID: other}`

func TestValidPlatformsAreAccepted(t *testing.T) {
	for _, c := range []struct{ name, environment, patch string }{
		{"smallest staging", "staging", ""},
		{"smallest production", "production", ""},
		{"production with every field", "production", everything},
		{"staging with every field", "staging", everything},
		{"production with every field of a gate", "production", everyPromotion},
		{"gate of nothing but staging's word", "production", `spec: {promotion: {from: {namespace: stg, name: blog}}}`},
		{"as many windows as allowed", "production", `spec: {promotion: {from: {namespace: stg, name: blog}, windows: [` + repeat(`{days: [Mon], start: "09:00", durationMinutes: 60}`, 10) + `]}}`},
		{"name as long as allowed", "staging", `metadata: {name: a23456789012345678901234567890}`},
		{"name of one letter", "staging", `metadata: {name: b}`},
		{"local host on another port", "staging", `spec: {hosts: [stg.blog.localhost], gateway: {httpsPort: 8443}}`},
		{"image by digest in staging", "staging", `spec: {release: {images: {user: registry.example.com/userDIGEST}}}`},
		{"image with both tag and digest in production", "production", `spec: {release: {images: {user: "registry.example.com:5000/team/user:v1DIGEST"}}}`},
		{"image of a registry without name", "staging", `spec: {release: {images: {user: "user:v1"}}}`},
		{"sealed cookie key", "production", `spec: {secrets: {cookies: {secretRef: null, sealed: {key: AgBy8hCi}}}}`},
		{"identity without SCIM", "staging", identity},
		{"identity with a private authority on another port", "staging", issuedBy("https://id.blog.localhost:8443/t/blog/oauth2/token") + `
    caBundle: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"`},
		{"identity with SCIM and a first Admin", "production", identityWithSCIM},
		{"issuer that ends with a slash", "staging", issuedBy("https://tenant.example.com/")},
		{"size as a bare number of bytes", "staging", `spec: {database: {storage: {size: 1073741824}}}`},
		{"equal request and limit in other units", "staging", `spec: {services: {user: {resources: {requests: {memory: 1Gi}, limits: {memory: 1024Mi}}}}}`},
		{"autoscaling to one pod or more, with the requests of the default", "staging", `spec: {services: {user: {autoscaling: {min: 1, max: 1}}}}`},
		{"autoscaling with a limit of cpu, which is the request then", "staging", `spec: {services: {user: {autoscaling: {min: 1, max: 2}, resources: {limits: {cpu: 1}}}}}`},
		{"analysis by Prometheus in the cluster", "staging", `spec: {rollout: {analysis: {prometheus: "http://prometheus.monitoring.svc:9090"}}}`},
		{"no canary at all", "production", `spec: {rollout: {steps: [{weight: 100}]}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := server.Create(t.Context(), platform(t, c.environment, c.patch), client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSamplesAreAccepted(t *testing.T) {
	for _, file := range []string{"blogplatform_staging.yaml", "blogplatform_production.yaml"} {
		t.Run(file, func(t *testing.T) {
			objects, err := controlplane.ReadObjects(filepath.Join("../../config/samples", file))
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range objects {
				createNamespace(t, object.GetNamespace())
				if err := server.Create(t.Context(), object, client.DryRunAll); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	err := server.Create(t.Context(), platform(t, "staging", `spec: {smtp: {host: mail.example.com}}`), client.DryRunAll)
	if err == nil || !strings.Contains(err.Error(), `unknown field "spec.smtp"`) {
		t.Errorf("a field that does nothing: the API server answered %v", err)
	}
}

func TestTheServerFillsInNoDefaults(t *testing.T) {
	object := platform(t, "staging", "")
	want := object.DeepCopy().Object["spec"]
	if err := server.Create(t.Context(), object, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, object.Object["spec"]); diff != "" {
		t.Errorf("the server changed the spec (-written +stored):\n%s", diff)
	}
}

func createNamespace(t *testing.T, name string) {
	t.Helper()
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}}
	if err := server.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
}
