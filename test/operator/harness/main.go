package harness

import (
	"context"
	"errors"
	"log"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/cluster/controlplane"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/test/faker"
	"blogplatform.io/operator/test/given"
)

var (
	// ControlPlane is that of this package's tests.
	ControlPlane *controlplane.ControlPlane
	// Cluster is a client of somebody who may do everything.
	Cluster client.WithWatch
	// Peers are the controllers of the peers.
	Peers *faker.Faker
	// Providers are the identity providers.
	Providers = &faker.Providers{}
	// Statuses are those that platforms had until now.
	Statuses *recorder
)

// Main is the body of a TestMain: it starts the control plane with the rights of the operator and the controllers of the peers, runs the tests, and exits.
func Main(m *testing.M) {
	given.CollectGarbageRarely()
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	controlplane.Main(m, controlplane.Options{ControllerManager: true}, func(started *controlplane.ControlPlane) {
		ControlPlane = started
		if err := furnish(ctx); err != nil {
			ControlPlane.Stop()
			log.Fatal(err)
		}
	})
}

// furnish adds the rights of the operator, and the controllers of the peers.
func furnish(ctx context.Context) (err error) {
	if Cluster, err = client.NewWithWatch(ControlPlane.Config, client.Options{Scheme: kube.NewScheme()}); err != nil {
		return err
	}
	var objects []*unstructured.Unstructured
	// The policies of people are there too, and must not get in the operator's way.
	for _, file := range []string{"rbac/role.yaml", "rbac/blogplatform_promoter_role.yaml", "admission/promotion.yaml", "admission/promotion_override.yaml"} {
		read, err := controlplane.ReadObjects(filepath.Join(ControlPlane.Cache.Root, "config", file))
		if err != nil {
			return err
		}
		objects = append(objects, read...)
	}
	objects = append(objects, Parse(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: manager-role}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: operator}]
`))
	for _, object := range objects {
		if err := Cluster.Create(ctx, object); err != nil {
			return err
		}
	}
	if err := given.Furnish(ctx, Cluster); err != nil {
		return err
	}
	if Peers, err = faker.New(ControlPlane.Config, faker.Options{}); err != nil {
		return err
	}
	Peers.Start(ctx)
	Statuses, err = record(ctx)
	return err
}

// Parse reads the one object of a YAML text, and ends the program where it is not one.
func Parse(text string) *unstructured.Unstructured {
	objects, err := controlplane.ParseObjects([]byte(text))
	if err == nil && len(objects) != 1 {
		err = errors.New("want one object")
	}
	if err != nil {
		log.Fatalf("%v in %s", err, text)
	}
	return objects[0]
}

var (
	missingMu sync.Mutex
	missing   []string
)

// WithoutPeer tells the faker that an issuer or StorageClass does not exist, until the returned function is called.
func WithoutPeer(name string) (appears func()) {
	set := func(change func()) {
		missingMu.Lock()
		defer missingMu.Unlock()
		change()
		Peers.Missing(missing...)
	}
	set(func() { missing = append(missing, name) })
	return func() {
		set(func() { missing = slices.DeleteFunc(missing, func(other string) bool { return other == name }) })
	}
}
