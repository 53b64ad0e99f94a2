package cluster

import (
	"context"

	"blogplatform.io/operator/hack/build"
)

var corednsProgram = build.Go{
	Name: "coredns", Module: "hack/cluster/coredns", Sources: []string{"hack/cluster/coredns/main.go"},
	Packages: map[string]string{"coredns": "."},
}

// coredns answers cluster.local, and the names of the blogs with the address of
// the ingress gateway, so that one URL works in a browser and in a pod.
var coredns = component{
	name: "CoreDNS",
	images: func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
		return staticImage(ctx, c, corednsProgram, "coredns")
	},
	start: func(ctx context.Context, c *Cluster) error {
		return c.applyYAML(ctx, corednsObjects, "$DNS", dnsAddress)
	},
	ready: func(ctx context.Context, c *Cluster) error { return c.awaitDeployment(ctx, "kube-system", "coredns") },
}

// Zones stand in server blocks of their own: a template for "." in the same block would answer for cluster.local too.
const corednsObjects = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: coredns, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: coredns}
rules:
- {apiGroups: [""], resources: [namespaces, pods, services], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: coredns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: coredns}
subjects: [{kind: ServiceAccount, name: coredns, namespace: kube-system}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: kube-system}
data:
  Corefile: |
    cluster.local:5353 in-addr.arpa:5353 {
      errors
      health :8080
      ready :8181
      cache 10
      kubernetes cluster.local in-addr.arpa
    }
    blog.localhost:5353 {
      errors
      rewrite stop name regex (.*)\.blog\.localhost\.? istio-ingress.istio-ingress.svc.cluster.local answer auto
      kubernetes cluster.local
    }
    .:5353 {
      errors
      template ANY ANY . {
        rcode NXDOMAIN
      }
    }
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec:
  selector: {matchLabels: {app: coredns}}
  template:
    metadata: {labels: {app: coredns}}
    spec:
      serviceAccountName: coredns
      dnsPolicy: Default
      containers:
      - name: coredns
        image: blogplatform.local/coredns:dev
        imagePullPolicy: Never
        args: [-conf, /etc/coredns/Corefile]
        readinessProbe: {httpGet: {path: /ready, port: 8181}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 30Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}
        volumeMounts: [{name: config, mountPath: /etc/coredns}]
      volumes: [{name: config, configMap: {name: coredns}}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: $DNS
  selector: {app: coredns}
  ports:
  - {name: dns, port: 53, targetPort: 5353, protocol: UDP}
  - {name: dns-tcp, port: 53, targetPort: 5353, protocol: TCP}
`
