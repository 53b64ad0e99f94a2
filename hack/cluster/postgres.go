package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/controlplane"
)

const (
	postgresModule = "github.com/percona/percona-postgresql-operator"
	// postgresNamespace is the one that the role binding in the module names.
	postgresNamespace = "pg-operator"
)

var postgresProgram = build.Go{
	Name: "postgres-operator", Module: "hack/cluster/postgres", Sources: []string{"hack/cluster/postgres/pgquery/pgquery.go"},
	Packages: map[string]string{"postgres-operator": postgresModule + "/cmd/postgres-operator"},
}

var pgbackrestProgram = build.Go{
	Name: "pgbackrest", Module: ".", Sources: []string{"hack/cluster/pgbackrest"},
	Packages: map[string]string{"pgbackrest": "./hack/cluster/pgbackrest"},
}

// postgresRoot holds PostgreSQL, Patroni, pgBackRest and pgBouncer where the Crunchy operator expects them, under its user 26.
var postgresRoot = build.DebianRoot{
	Name: "postgres",
	Packages: []string{
		"ca-certificates", "curl", "gettext-base", "libnss-wrapper", "patroni", "pgbackrest", "pgbouncer", "postgresql-15", "postgresql-15-pgaudit", "procps",
	},
	Customize: `
old=$(id -u postgres)
groupdel tape
groupmod -g 26 postgres
usermod -u 26 -g 26 postgres
find / -xdev -uid "$old" -exec chown -h 26:26 {} +
chown -R 26:26 /var/lib/postgresql /var/log/pgbackrest /var/run/postgresql /etc/postgresql
mkdir -p /usr/lib64
ln -s /usr/lib/x86_64-linux-gnu/libnss_wrapper.so /usr/lib64/libnss_wrapper.so
rm -f /etc/pgbackrest.conf
rm -rf /usr/lib/x86_64-linux-gnu/libLLVM* /usr/lib/postgresql/15/lib/bitcode /usr/lib/postgresql/15/lib/llvmjit*
`,
}

// postgres is the Crunchy PostgresCluster reconciler, from the fork whose Go
// module resolves, and volumes on this machine for its clusters.
var postgres = component{
	name:   "PostgreSQL operator and volumes",
	images: postgresImages,
	start:  startPostgres,
	ready: func(ctx context.Context, c *Cluster) error {
		return c.awaitDeployment(ctx, postgresNamespace, "percona-postgresql-operator")
	},
}

func postgresImages(ctx context.Context, c *build.Cache) ([]build.BuiltImage, error) {
	program, err := postgresProgram.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	operator, err := build.Image{
		Name: "blogplatform.local/postgres-operator", Folders: []string{"/tmp"}, Files: map[string]string{"/postgres-operator": filepath.Join(program, "postgres-operator")},
		User: "65532:65532", Entrypoint: []string{"/postgres-operator"},
	}.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	shim, err := pgbackrestProgram.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	root, err := postgresRoot.Build(ctx, c)
	if err != nil {
		return nil, err
	}
	database, err := build.Image{
		Name: "blogplatform.local/postgres", Base: root, Files: map[string]string{"/opt/crunchy/bin/pgbackrest": filepath.Join(shim, "pgbackrest")},
		User: "26:26", Env: []string{
			"LANG=C.UTF-8", "PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
		},
	}.Build(ctx, c)
	return []build.BuiltImage{operator, database}, err
}

func startPostgres(ctx context.Context, c *Cluster) error {
	if err := c.startVolumes(ctx); err != nil {
		return err
	}
	source, err := c.Cache.ModuleDir(ctx, "hack/cluster/postgres", postgresModule)
	if err != nil {
		return err
	}
	crds, err := controlplane.ReadObjects(filepath.Join(source, "deploy/crd.yaml"))
	if err != nil {
		return err
	}
	if err := controlplane.InstallCRDs(ctx, c.Client, crds); err != nil {
		return err
	}
	if err := c.apply(ctx, namespace(postgresNamespace, nil)); err != nil {
		return err
	}
	rbac, err := controlplane.ReadObjects(filepath.Join(source, "deploy/cw-rbac.yaml"))
	if err != nil {
		return err
	}
	for _, object := range rbac {
		if object.GetKind() == "ServiceAccount" {
			object.SetNamespace(postgresNamespace)
		}
	}
	if err := c.apply(ctx, rbac...); err != nil {
		return err
	}
	return c.applyYAML(ctx, postgresObjects, "$NAMESPACE", postgresNamespace)
}

const postgresObjects = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: percona-postgresql-operator, namespace: $NAMESPACE}
spec:
  selector: {matchLabels: {app: percona-postgresql-operator}}
  template:
    metadata: {labels: {app: percona-postgresql-operator}}
    spec:
      serviceAccountName: percona-postgresql-operator
      containers:
      - name: operator
        image: blogplatform.local/postgres-operator:dev
        imagePullPolicy: Never
        env:
        - {name: WATCH_NAMESPACE, value: ""}
        - {name: PGO_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: DISABLE_TELEMETRY, value: "true"}
        - {name: RELATED_IMAGE_POSTGRES_15, value: "blogplatform.local/postgres:dev"}
        - {name: RELATED_IMAGE_PGBACKREST, value: "blogplatform.local/postgres:dev"}
        - {name: RELATED_IMAGE_PGBOUNCER, value: "blogplatform.local/postgres:dev"}
        readinessProbe: {httpGet: {path: /metrics, port: 8080}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 80Mi}}
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true, runAsNonRoot: true}
---
# The fork sets no seccomp profile, which Pod Security "restricted" asks for.
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: postgres-seccomp}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    objectSelector: {matchExpressions: [{key: postgres-operator.crunchydata.com/cluster, operator: Exists}]}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >-
        Object{spec: Object.spec{securityContext: Object.spec.securityContext{
        seccompProfile: Object.spec.securityContext.seccompProfile{type: "RuntimeDefault"}}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: postgres-seccomp}
spec: {policyName: postgres-seccomp}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`

// volumes is the number of volumes on this machine: two platforms with three
// instances and two repositories take five.
const volumes = 10

// startVolumes offers folders as volumes of type local; a hostPath would ignore the pod's fsGroup.
func (c *Cluster) startVolumes(ctx context.Context) error {
	for i := range volumes {
		name := fmt.Sprintf("local-%d", i)
		dir := c.path("volumes", name)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		if err := c.applyYAML(ctx, volumeObject, "$NAME", name, "$PATH", dir, "$NODE", nodeName); err != nil {
			return err
		}
	}
	return nil
}

const volumeObject = `
apiVersion: v1
kind: PersistentVolume
metadata: {name: $NAME}
spec:
  accessModes: [ReadWriteOnce, ReadWriteMany]
  capacity: {storage: 20Gi}
  local: {path: $PATH}
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$NODE]}]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: local
`
