package plan

import (
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"blogplatform.io/operator/internal/naming"
)

// labelData on the pods of a PostgresCluster tells PostgreSQL from the backup repository.
const labelData = "postgres-operator.crunchydata.com/data"

// labelRestore is on the pod of a Job that restores a backup; its value is empty.
const labelRestore = "postgres-operator.crunchydata.com/pgbackrest-restore"

// party is a group of pods with the identities that they have in the mesh.
type party struct {
	// name of its policies. It is empty where they are somebody else's.
	name string
	// namespace of its pods.
	namespace string
	// accounts are its ServiceAccounts in that namespace.
	accounts []string
	// pods are those of the party.
	pods metav1.LabelSelector
}

// is tells whether both are the same party: a gateway elsewhere may have the
// name of one of ours.
func (p party) is(other party) bool { return p.namespace == other.namespace && p.name == other.name }

// principals are the party's identities in the mesh.
func (p party) principals() []string {
	var principals []string
	for _, account := range p.accounts {
		principals = append(principals, naming.Principal(p.namespace, account))
	}
	return principals
}

// edge says that pods of some parties may reach ports of another.
type edge struct {
	from []party
	to   party
	// ports are those of the pods; none stand for all, where only the port of
	// the Service before them is known.
	ports []int32
	// methods and paths are what may be asked for; none stand for anything, and
	// for a TCP port, where the mesh knows who dials, not what is said.
	methods, paths []string
}

// parties are all who may talk or be talked to.
type parties struct {
	gateway, verify, load, migrations, instances, repository, restore party
	services                                                          map[naming.Service]party
}

func (b *builder) parties() parties {
	own := func(name string, labels map[string]string, accounts ...string) party {
		return party{name: name, namespace: b.names.Namespace, accounts: accounts, pods: metav1.LabelSelector{MatchLabels: labels}}
	}
	gateway := b.values.gateway
	p := parties{
		gateway: party{
			name: gateway.service, namespace: gateway.namespace, accounts: []string{gateway.serviceAccount},
			pods: metav1.LabelSelector{MatchLabels: gateway.selector},
		},
		verify:     own(b.names.Verify(), b.names.VerifySelector(), b.names.Verify()),
		load:       own(b.names.Load(), b.names.LoadSelector(), b.names.Load()),
		migrations: b.migrators(),
		instances:  own(b.names.Database(), database(b.names.Database(), labelData, "postgres").MatchLabels, b.names.DatabaseInstance()),
		repository: own(b.names.DatabaseRepository(), database(b.names.Database(), labelData, "pgbackrest").MatchLabels, b.names.DatabaseRepositoryAccounts()...),
		restore:    own(b.names.DatabaseRestore(), database(b.names.Database(), labelRestore, "").MatchLabels, b.names.DatabaseInstance()),
		services:   map[naming.Service]party{},
	}
	for _, service := range naming.Services {
		p.services[service] = own(b.names.Workload(service), b.names.Selector(service), b.names.Workload(service))
	}
	return p
}

// database are pods of a PostgresCluster, by one more label.
func database(cluster, label, value string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{labelCluster: cluster, label: value}}
}

// migrators are the pods of all migrations, which have the identities of their services.
func (b *builder) migrators() party {
	p := party{name: b.names.Migrations(), namespace: b.names.Namespace}
	name := metav1.LabelSelectorRequirement{Key: naming.LabelName, Operator: metav1.LabelSelectorOpIn}
	for _, service := range naming.DataServices {
		p.accounts = append(p.accounts, b.names.Workload(service))
		name.Values = append(name.Values, b.names.MigrationSelector(service)[naming.LabelName])
	}
	p.pods = metav1.LabelSelector{MatchLabels: b.names.Labels(), MatchExpressions: []metav1.LabelSelectorRequirement{name}}
	return p
}

// edges is everybody who may talk to somebody. Nothing else may, but for what
// every pod in the mesh needs (see network). Probes need no edge: the mesh sends
// them to its proxies.
func (b *builder) edges() []edge {
	p := b.parties()
	frontend, user, content, comment := p.services[naming.Frontend], p.services[naming.User], p.services[naming.Content], p.services[naming.Comment]
	app, get := []int32{portApp}, []string{http.MethodGet}
	dependencies := func(of party) edge {
		return edge{from: []party{p.verify}, to: of, ports: app, methods: get, paths: []string{"/healthz/dependencies"}}
	}
	// What a load asks for, any reader may see.
	load := func(of party, path string) edge {
		return edge{from: []party{p.load}, to: of, ports: app, methods: get, paths: []string{path}}
	}
	edges := []edge{
		// The frontend judges paths itself: those that it does not know it answers with a page, too.
		{from: []party{p.gateway}, to: frontend, ports: app, methods: []string{http.MethodGet, http.MethodHead, http.MethodPost}},
		dependencies(user),
		dependencies(content),
		dependencies(comment),
		load(frontend, loadPaths[naming.Frontend]),
		load(user, loadPaths[naming.User]),
		load(content, loadPaths[naming.Content]),
		load(comment, loadPaths[naming.Comment]),
		{from: []party{p.verify}, to: p.gateway},
		{from: []party{user, content, comment, p.migrations}, to: p.instances, ports: []int32{portPostgres}},
		{from: []party{p.instances}, to: p.instances, ports: []int32{portPostgres, portPatroni}},
		// The repository fetches backups, instances bring it what they archive, and a restore
		// reads both. Each asks the other for a certificate, which matters where it has the default account.
		{from: []party{p.repository}, to: p.instances, ports: []int32{portPgBackRest}},
		{from: []party{p.instances, p.restore}, to: p.repository, ports: []int32{portPgBackRest}},
	}
	for _, service := range naming.DataServices {
		edges = append(edges, asks(frontend, p.services[service], frontendOperations[service])...)
	}
	for _, other := range []party{content, comment} {
		edges = append(edges, asks(other, user, []operation{fetchKeys})...)
		edges = append(edges, asks(user, other, []operation{erase})...)
	}
	edges = append(edges, b.restores(p)...)
	if slices.ContainsFunc(b.providers(), b.behindGateway) {
		edges = append(edges, edge{from: []party{user}, to: p.gateway})
	}
	return edges
}

// ownParties are those of the platform's namespace that have an edge, each once,
// in the order of the edges.
func (b *builder) ownParties(edges []edge) []party {
	var own []party
	for _, e := range edges {
		for _, p := range append(slices.Clone(e.from), e.to) {
			if p.namespace == b.names.Namespace && p.name != "" && !slices.ContainsFunc(own, p.is) {
				own = append(own, p)
			}
		}
	}
	return own
}
