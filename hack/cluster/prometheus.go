package cluster

import (
	"context"

	"blogplatform.io/operator/hack/build"
)

// prometheusProgram finds its targets in Kubernetes and nowhere else.
var prometheusProgram = build.Go{
	Name: "prometheus", Module: "hack/cluster/prometheus", Tags: "remove_all_sd,enable_kubernetes_sd",
	Packages: map[string]string{"prometheus": "github.com/prometheus/prometheus/cmd/prometheus"},
}

// prometheus scrapes the pods that ask for it at http://prometheus.monitoring.svc:9090.
// It stands outside the mesh, like the controllers that ask it. Its pages are
// not built in; its API is all that is needed.
var prometheus = component{
	name: "Prometheus",
	images: func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
		return staticImage(ctx, c, prometheusProgram, "prometheus")
	},
	start: func(ctx context.Context, c *Cluster) error { return c.applyYAML(ctx, prometheusObjects) },
	ready: func(ctx context.Context, c *Cluster) error { return c.awaitDeployment(ctx, "monitoring", "prometheus") },
}

// In the configuration, a pod in the mesh has annotations that the injector has
// rewritten to the proxy's merged page. A pod has a target for each of its ports;
// with the address taken from the annotation they are all the same, and scraped once.
const prometheusObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus, namespace: monitoring}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: prometheus}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: prometheus}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: prometheus}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: monitoring}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prometheus, namespace: monitoring}
data:
  prometheus.yml: |
    global: {scrape_interval: 5s, scrape_timeout: 4s}
    scrape_configs:
    - job_name: pods
      kubernetes_sd_configs: [{role: pod}]
      relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: keep}
      - {source_labels: [__meta_kubernetes_pod_phase], regex: Succeeded|Failed, action: drop}
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path], regex: (.+), target_label: __metrics_path__}
      - source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port]
        regex: (.+);(\d+)
        replacement: $1:$2
        target_label: __address__
      - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
      - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name], target_label: app}
      - {source_labels: [__meta_kubernetes_pod_label_rollouts_pod_template_hash], target_label: rollouts_pod_template_hash}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus, namespace: monitoring}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: prometheus}}
  template:
    metadata: {labels: {app: prometheus}}
    spec:
      serviceAccountName: prometheus
      securityContext: {fsGroup: 65532}
      containers:
      - name: prometheus
        image: blogplatform.local/prometheus:dev
        imagePullPolicy: Never
        args: [--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.path=/data, --storage.tsdb.retention.time=6h, --storage.tsdb.retention.size=512MB]
        ports: [{name: http, containerPort: 9090}]
        readinessProbe: {httpGet: {path: /-/ready, port: http}, periodSeconds: 1}
        resources: {requests: {cpu: 20m, memory: 100Mi}, limits: {memory: 512Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true, runAsNonRoot: true}
        volumeMounts: [{name: config, mountPath: /etc/prometheus}, {name: data, mountPath: /data}]
      volumes: [{name: config, configMap: {name: prometheus}}, {name: data, emptyDir: {sizeLimit: 1Gi}}]
---
apiVersion: v1
kind: Service
metadata: {name: prometheus, namespace: monitoring}
spec:
  selector: {app: prometheus}
  ports: [{name: http, port: 9090}]
`
