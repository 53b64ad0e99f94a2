package cel

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// change is a platform that exists (a patch of the smallest one) and an edit of it.
type change struct {
	name        string
	environment string
	before      string
	edit        string
	field       string // empty where the edit is fine
	says        string
}

func TestEdits(t *testing.T) {
	const (
		version   = "spec.database.postgresVersion"
		class     = "spec.database.storage.storageClassName"
		backupCls = "spec.database.backups.storage.storageClassName"
	)
	for i, c := range []change{
		{name: "staging cannot become production", environment: "staging", edit: `spec: {environment: Production}`, field: "spec.environment", says: "environment cannot change"},
		{name: "a version cannot be lowered", environment: "staging", before: `spec: {database: {postgresVersion: 16}}`, edit: `spec: {database: {postgresVersion: 15}}`, field: version, says: "cannot change"},
		{name: "a version cannot be raised in place", environment: "staging", before: `spec: {database: {postgresVersion: 16}}`, edit: `spec: {database: {postgresVersion: 17}}`, field: version, says: "create another BlogPlatform"},
		{name: "a version that was left out cannot become another", environment: "staging", edit: `spec: {database: {postgresVersion: 15}}`, field: version, says: "17 if left out"},
		{name: "a version that was written cannot be left out", environment: "staging", before: `spec: {database: {postgresVersion: 15}}`, edit: `spec: {database: {postgresVersion: null}}`, field: version, says: "17 if left out"},
		{name: "the default version may be written down", environment: "staging", edit: `spec: {database: {postgresVersion: 17}}`},

		{name: "a size that was not come to may be taken back", environment: "staging", before: `spec: {database: {storage: {size: 500Ti}}}`, edit: `spec: {database: {storage: {size: 20Gi}}}`},
		{name: "a volume may grow", environment: "staging", before: `spec: {database: {storage: {size: 20Gi}}}`, edit: `spec: {database: {storage: {size: 30Gi}}}`},
		{name: "a volume may be written in another unit", environment: "staging", before: `spec: {database: {storage: {size: 1Gi}}}`, edit: `spec: {database: {storage: {size: 1024Mi}}}`},
		{name: "a backup volume may grow with the database", environment: "staging", before: `spec: {database: {storage: {size: 20Gi}}}`, edit: `spec: {database: {storage: {size: 30Gi}}}`},

		{name: "a storage class cannot change", environment: "staging", before: `spec: {database: {storage: {storageClassName: gp2}}}`, edit: `spec: {database: {storage: {storageClassName: gp3}}}`, field: class, says: "cannot change"},
		{name: "a storage class cannot be taken away", environment: "staging", before: `spec: {database: {storage: {storageClassName: gp2}}}`, edit: `spec: {database: {storage: {storageClassName: null}}}`, field: class, says: "cannot change"},
		{name: "a storage class cannot be added", environment: "staging", edit: `spec: {database: {storage: {storageClassName: gp3}}}`, field: class, says: "cannot change"},
		{name: "a backup's storage class cannot change", environment: "staging", before: `spec: {database: {backups: {storage: {storageClassName: gp2}}}}`, edit: `spec: {database: {backups: {storage: {storageClassName: gp3}}}}`, field: backupCls, says: "cannot change"},

		{name: "a production release cannot go back to tags", environment: "production", edit: `spec: {release: {images: {user: "registry.example.com/user:v2"}}}`, field: "spec.release.images.user", says: "must name a digest"},
		{name: "a release may change", environment: "production", edit: `spec: {release: {version: v1.5.0, images: {user: registry.example.com/blog/userDIGEST}}}`},
		{name: "hosts may change", environment: "production", edit: `spec: {hosts: [www.example.com, blog.example.com]}`},
		{name: "a sealed key may replace a reference", environment: "production", edit: `spec: {secrets: {cookies: {secretRef: null, sealed: {key: AgBy8hCi}}}}`},
		{name: "an issuer cannot change", environment: "production", before: identity, edit: issuedBy("https://login.example.com/other"), field: "spec.identity.issuer", says: "identity.issuer cannot change"},
		{name: "an identity may come later", environment: "production", edit: identityWithSCIM},
		{name: "an identity may go", environment: "production", before: identity, edit: `spec: {identity: null, secrets: {oidc: null}}`},
		{name: "a client may change", environment: "production", before: identity, edit: strings.Replace(identity, "qC2vJh4oX", "other", 1)},
		{name: "database instances may be added and taken away", environment: "production", before: `spec: {database: {replicas: 3}}`, edit: `spec: {database: {replicas: 1}}`},
		{name: "a platform may be suspended", environment: "production", edit: `spec: {suspend: true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			object := platform(t, c.environment, c.before)
			object.SetName(fmt.Sprintf("blog-%d", i))
			if err := server.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			merge(object.Object, parse(t, c.edit))
			err := server.Update(t.Context(), object, client.DryRunAll)
			switch {
			case c.field != "":
				expectRefusal(t, err, c.field, c.says)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// TestADataSourceIsForTheBeginning of a database: once there is one, it can be left in
// place or out, and neither be added nor changed.
func TestADataSourceIsForTheBeginning(t *testing.T) {
	const field, says = "spec.database.dataSource", "restore the database"
	const source, other = `spec: {database: {dataSource: {postgresCluster: {}}}}`, `spec: {database: {dataSource: {postgresCluster: {clusterName: other-db}}}}`
	for name, c := range map[string]struct {
		before, edit string
		begun        bool
		refused      bool
	}{
		"added":            {"", source, false, false},
		"changed":          {source, other, false, false},
		"added too late":   {"", source, true, true},
		"changed too late": {source, other, true, true},
		"left as it is":    {source, `spec: {suspend: true}`, true, false},
		"taken out":        {source, `spec: {database: {dataSource: null}}`, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := platform(t, "staging", c.before)
			object.SetName("source-" + strings.ReplaceAll(name, " ", "-"))
			if err := server.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			if c.begun {
				merge(object.Object, parse(t, `status: {database: {ready: 0, desired: 1, identity: "7437"}}`))
				if err := server.Status().Update(t.Context(), object); err != nil {
					t.Fatal(err)
				}
			}
			merge(object.Object, parse(t, c.edit))
			err := server.Update(t.Context(), object, client.DryRunAll)
			switch {
			case c.refused:
				expectRefusal(t, err, field, says)
			case err != nil:
				t.Error(err)
			}
		})
	}
}
