package operator

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
	cp *controlplane.ControlPlane
	// cluster is a client of somebody who may do everything.
	cluster client.WithWatch
	peers   *faker.Faker
	// providers are the identity providers.
	providers = &faker.Providers{}
	statuses  *recorder
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	controlplane.Main(m, controlplane.Options{ControllerManager: true}, func(started *controlplane.ControlPlane) {
		cp = started
		if err := furnish(ctx); err != nil {
			cp.Stop()
			log.Fatal(err)
		}
	})
}

// furnish adds the rights of the operator, and the controllers of the peers.
func furnish(ctx context.Context) (err error) {
	if cluster, err = client.NewWithWatch(cp.Config, client.Options{Scheme: kube.NewScheme()}); err != nil {
		return err
	}
	var objects []*unstructured.Unstructured
	// The policies of people are there too, and must not get in the operator's way.
	for _, file := range []string{"rbac/role.yaml", "rbac/blogplatform_promoter_role.yaml", "admission/promotion.yaml", "admission/promotion_override.yaml"} {
		read, err := controlplane.ReadObjects(filepath.Join(cp.Cache.Root, "config", file))
		if err != nil {
			return err
		}
		objects = append(objects, read...)
	}
	objects = append(objects, parse(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: manager-role}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: operator}]
`))
	for _, object := range objects {
		if err := cluster.Create(ctx, object); err != nil {
			return err
		}
	}
	if err := given.Furnish(ctx, cluster); err != nil {
		return err
	}
	if peers, err = faker.New(cp.Config, faker.Options{}); err != nil {
		return err
	}
	peers.Start(ctx)
	statuses, err = record(ctx)
	return err
}

func parse(text string) *unstructured.Unstructured {
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

// withoutPeer tells the faker that an issuer or StorageClass does not exist, until the returned function is called.
func withoutPeer(name string) (appears func()) {
	set := func(change func()) {
		missingMu.Lock()
		defer missingMu.Unlock()
		change()
		peers.Missing(missing...)
	}
	set(func() { missing = append(missing, name) })
	return func() {
		set(func() { missing = slices.DeleteFunc(missing, func(other string) bool { return other == name }) })
	}
}
