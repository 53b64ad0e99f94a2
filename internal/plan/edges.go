package plan

import (
	"slices"

	"blogplatform.io/operator/internal/naming"
)

// party is a group of pods with the identities that they have in the mesh.
type party struct {
	// name of its policies.
	name string
	// namespace of its pods.
	namespace string
	// accounts are its ServiceAccounts in that namespace.
	accounts []string
	// selector finds its pods.
	selector map[string]string
}

// operation is what a request may ask for. A TCP port has none: there the mesh
// knows who dials, not what is said.
type operation struct{ methods, paths []string }

// edge says that pods of one party may reach a port of another.
type edge struct {
	from, to party
	// port is that of the pods, 0 where it is not known.
	port int32
	// allowed are the requests that may be made; nil for a TCP port.
	allowed []operation
}

// Namespaces and labels of what every Istio has.
const (
	istioNamespace = "istio-system"
	portDNS        = 53
	portIstiod     = 15012
)

// proxyPorts of every pod answer outside the mesh: merged metrics and health of
// Envoy and the agent.
var proxyPorts = []int32{15020, 15021, 15090}

// anyPage is what readers may ask the frontend for; it judges methods and paths itself.
var anyPage = []operation{{methods: []string{"GET", "HEAD", "POST"}}}

// dependencies is the question of Verify.
var dependencies = []operation{{methods: []string{"GET"}, paths: []string{"/healthz/dependencies"}}}

// reads are the requests that the frontend makes of each data service.
var reads = map[naming.Service][]operation{
	naming.User:    {{methods: []string{"GET"}, paths: []string{"/v1/people/*"}}},
	naming.Content: {{methods: []string{"GET"}, paths: []string{"/v1/posts", "/v1/posts/*"}}},
	naming.Comment: {{methods: []string{"GET"}, paths: []string{"/v1/posts/*"}}},
}

func (b *builder) service(service naming.Service) party {
	return b.party(b.names.Workload(service), b.names.Workload(service), b.names.Selector(service))
}

// migration pods have the identity of their service.
func (b *builder) migration(service naming.Service) party {
	return b.party(b.names.Workload(service)+"-"+naming.PhaseExpand, b.names.Workload(service), b.names.MigrationSelector(service))
}

func (b *builder) verifier() party {
	return b.party(b.names.Verify(), b.names.Verify(), b.names.VerifySelector())
}

func (b *builder) party(name, account string, selector map[string]string) party {
	return party{name: name, namespace: b.names.Namespace, accounts: []string{account}, selector: selector}
}

func (b *builder) gateway() party {
	g := b.values.gateway
	return party{name: g.service, namespace: g.namespace, accounts: []string{g.serviceAccount}, selector: g.selector}
}

// instances are the pods of PostgreSQL.
func (b *builder) instances() party {
	db := b.names.Database()
	return party{name: db, namespace: b.names.Namespace, accounts: []string{db + "-instance"},
		selector: map[string]string{labelCluster: db, labelData: "postgres"}}
}

// repository is the pod that keeps backups. Which identity it has depends on
// the version of the Crunchy operator: the older ones give it the namespace's default.
func (b *builder) repository() party {
	db := b.names.Database()
	return party{name: db + "-repo", namespace: b.names.Namespace, accounts: []string{db + "-pgbackrest", db + "-repohost", "default"},
		selector: map[string]string{labelCluster: db, labelData: "pgbackrest"}}
}

// edges is everybody who may talk to somebody. Nothing else may.
func (b *builder) edges() []edge {
	frontend, verifier := b.service(naming.Frontend), b.verifier()
	instances, repository := b.instances(), b.repository()
	edges := []edge{
		{from: b.gateway(), to: frontend, port: portApp, allowed: anyPage},
		{from: verifier, to: b.gateway()}, // its Service decides the port
		// Replication, Patroni's questions to its peers, and backups in both directions.
		{from: instances, to: instances, port: portPostgres},
		{from: instances, to: instances, port: portPatroni},
		{from: instances, to: instances, port: portPgBackRest},
		{from: repository, to: instances, port: portPostgres},
		{from: repository, to: instances, port: portPgBackRest},
		{from: instances, to: repository, port: portPgBackRest},
	}
	for _, service := range naming.DataServices {
		edges = append(edges,
			edge{from: frontend, to: b.service(service), port: portApp, allowed: reads[service]},
			edge{from: verifier, to: b.service(service), port: portApp, allowed: dependencies},
			edge{from: b.service(service), to: instances, port: portPostgres},
			edge{from: b.migration(service), to: instances, port: portPostgres},
		)
	}
	return edges
}

// targets are the parties of this platform's namespace that somebody may reach,
// each with the edges that lead there.
func (b *builder) targets() ([]party, map[string][]edge) {
	var targets []party
	leading := map[string][]edge{}
	for _, e := range b.edges() {
		if e.to.namespace != b.names.Namespace {
			continue
		}
		if leading[e.to.name] == nil {
			targets = append(targets, e.to)
		}
		leading[e.to.name] = append(leading[e.to.name], e)
	}
	return targets, leading
}

// principals are the party's identities in the mesh.
func (p party) principals() []string {
	var principals []string
	for _, account := range p.accounts {
		principals = append(principals, naming.Principal(p.namespace, account))
	}
	slices.Sort(principals)
	return principals
}
