package cluster

import (
	"context"

	"blogplatform.io/operator/hack/build"
)

var sealedSecretsProgram = build.Go{
	Name: "sealed-secrets", Module: "hack/cluster/sealedsecrets",
	Packages: map[string]string{"sealed-secrets-controller": "github.com/bitnami-labs/sealed-secrets/cmd/controller"},
}

// sealedSecrets is the Sealed Secrets controller. It makes its own key pair at
// the first start; its certificate is read through the API server's proxy.
var sealedSecrets = component{
	name: "Sealed Secrets",
	images: func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
		return staticImage(ctx, c, sealedSecretsProgram, "sealed-secrets-controller")
	},
	start: func(ctx context.Context, c *Cluster) error { return c.applyYAML(ctx, sealedSecretsObjects) },
	ready: func(ctx context.Context, c *Cluster) error {
		return c.awaitDeployment(ctx, "sealed-secrets", "sealed-secrets-controller")
	},
}

const sealedSecretsObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: sealed-secrets}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sealed-secrets-controller, namespace: sealed-secrets}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: sealed-secrets-controller}
rules:
- {apiGroups: [bitnami.com], resources: [sealedsecrets], verbs: [get, list, watch]}
- {apiGroups: [bitnami.com], resources: [sealedsecrets/status], verbs: [update]}
- {apiGroups: [""], resources: [secrets], verbs: [get, list, watch, create, update, delete]}
- {apiGroups: [""], resources: [events], verbs: [create, patch]}
- {apiGroups: [""], resources: [namespaces], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: sealed-secrets-controller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: sealed-secrets-controller}
subjects: [{kind: ServiceAccount, name: sealed-secrets-controller, namespace: sealed-secrets}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: sealed-secrets-controller, namespace: sealed-secrets}
spec:
  selector: {matchLabels: {app: sealed-secrets-controller}}
  template:
    metadata: {labels: {app: sealed-secrets-controller}}
    spec:
      serviceAccountName: sealed-secrets-controller
      containers:
      - name: sealed-secrets-controller
        image: blogplatform.local/sealed-secrets-controller:dev
        imagePullPolicy: Never
        args: [--update-status]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 40Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true, runAsNonRoot: true}
        volumeMounts: [{name: tmp, mountPath: /tmp}]
      volumes: [{name: tmp, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: sealed-secrets-controller, namespace: sealed-secrets}
spec:
  selector: {app: sealed-secrets-controller}
  ports: [{name: http, port: 8080}]
`
