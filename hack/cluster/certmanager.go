package cluster

import (
	"context"

	"blogplatform.io/operator/hack/build"
)

var certManagerProgram = build.Go{
	Name: "cert-manager", Module: "hack/cluster/certmanager", Sources: []string{"hack/cluster/certmanager/main.go"},
	Packages: map[string]string{"cert-manager": "."},
}

// certManager signs certificates with a certificate authority of its own, ClusterIssuer local-ca.
var certManager = component{
	name: "cert-manager and a certificate authority",
	images: func(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
		return staticImage(ctx, c, certManagerProgram, "cert-manager")
	},
	start: func(ctx context.Context, c *Cluster) error { return c.applyYAML(ctx, certManagerObjects) },
	ready: func(ctx context.Context, c *Cluster) error {
		if err := c.awaitDeployment(ctx, "cert-manager", "cert-manager"); err != nil {
			return err
		}
		return c.awaitCondition(ctx, "cert-manager.io/v1", "ClusterIssuer", "", "local-ca", "Ready")
	},
}

const certManagerObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: cert-manager}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: cert-manager, namespace: cert-manager}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cert-manager}
rules:
- {apiGroups: [cert-manager.io], resources: ["*"], verbs: [get, list, watch, create, update, patch, delete]}
- {apiGroups: [cert-manager.io], resources: [signers], verbs: [approve], resourceNames: ["issuers.cert-manager.io/*", "clusterissuers.cert-manager.io/*"]}
- {apiGroups: [acme.cert-manager.io], resources: ["*"], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [secrets], verbs: [get, list, watch, create, update, patch, delete]}
- {apiGroups: [""], resources: [pods, services], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cert-manager}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cert-manager}
subjects: [{kind: ServiceAccount, name: cert-manager, namespace: cert-manager}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cert-manager, namespace: cert-manager}
spec:
  selector: {matchLabels: {app: cert-manager}}
  template:
    metadata: {labels: {app: cert-manager}}
    spec:
      serviceAccountName: cert-manager
      containers:
      - name: cert-manager
        image: blogplatform.local/cert-manager:dev
        imagePullPolicy: Never
        env: [{name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}]
        resources: {requests: {cpu: 10m, memory: 50Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, runAsNonRoot: true}
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: self-signed}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: local-ca, namespace: cert-manager}
spec:
  isCA: true
  commonName: local cluster
  secretName: local-ca
  privateKey: {algorithm: ECDSA, size: 256}
  issuerRef: {kind: ClusterIssuer, name: self-signed}
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: local-ca}
spec: {ca: {secretName: local-ca}}
`
