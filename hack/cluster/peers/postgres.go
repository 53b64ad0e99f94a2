package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/hack/cluster/kube"
	"blogplatform.io/operator/hack/cluster/node"
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

var postgresSource = build.Module{Dir: "hack/cluster/postgres", Path: postgresModule}

// Postgres is the Crunchy PostgresCluster reconciler, from the fork whose Go
// module resolves, and volumes on this machine for its clusters.
var Postgres = component.Component{
	Name: "PostgreSQL", Needs: []string{"Node", "CRDs"}, Namespaces: []string{postgresNamespace}, Seconds: 235,
	Parts:    []build.Artifact{postgresProgram, pgbackrestProgram, postgresRoot, postgresSource},
	Compiled: []build.Artifact{postgresProgram}, Released: []string{"postgres-operator"},
	Images: postgresImages,
	Start:  startPostgres,
	Ready: func(ctx context.Context, c *component.Cluster) error {
		return c.AwaitDeployment(ctx, postgresNamespace, "percona-postgresql-operator")
	},
}

func postgresImages(built component.Built) []build.Image {
	return []build.Image{
		{
			Name: "blogplatform.local/postgres-operator", Folders: []string{"/tmp"},
			Files: map[string]string{"/postgres-operator": filepath.Join(built.Path(postgresProgram), "postgres-operator")},
			User:  "65532:65532", Entrypoint: []string{"/postgres-operator"},
		},
		{
			Name: "blogplatform.local/postgres", Base: built.Path(postgresRoot),
			Files: map[string]string{"/opt/crunchy/bin/pgbackrest": filepath.Join(built.Path(pgbackrestProgram), "pgbackrest")},
			User:  "26:26", Env: []string{"LANG=C.UTF-8", "PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"},
		},
	}
}

func startPostgres(ctx context.Context, c *component.Cluster, built component.Built) error {
	if err := startVolumes(ctx, c); err != nil {
		return err
	}
	source := built.Path(postgresSource)
	crds, err := controlplane.ReadObjects(filepath.Join(source, "deploy/crd.yaml"))
	if err != nil {
		return err
	}
	if err := controlplane.InstallCRDs(ctx, c.Client, crds); err != nil {
		return err
	}
	if err := c.Apply(ctx, kube.Namespace(postgresNamespace, nil)); err != nil {
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
	if err := c.Apply(ctx, rbac...); err != nil {
		return err
	}
	return c.ApplyFile(ctx, manifests, "manifests/postgres.yaml", "$NAMESPACE", postgresNamespace)
}

// volumes is the number of volumes on this machine: two platforms with three
// instances and two repositories take five.
const volumes = 10

// startVolumes offers folders as volumes of type local; a hostPath would ignore the pod's fsGroup.
func startVolumes(ctx context.Context, c *component.Cluster) error {
	for i := range volumes {
		name := fmt.Sprintf("local-%d", i)
		dir := c.Path("volumes", name)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		if err := c.ApplyFile(ctx, manifests, "manifests/volume.yaml", "$NAME", name, "$PATH", dir, "$NODE", node.Name); err != nil {
			return err
		}
	}
	return nil
}
