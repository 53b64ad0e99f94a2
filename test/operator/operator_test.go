package operator

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"blogplatform.io/operator/controllers"
	"blogplatform.io/operator/internal/kube"
)

// operator is a manager that runs in this process, with the rights of the real one.
type operator struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// gateways are the namespaces into which operators here may write.
var gateways = []string{"istio-ingress", "gateway-late", "gateway-gone", "gateway-stuck"}

type setting func(*controllers.Options, *rest.Config)

// through has every request of the operator pass a transport.
func through(wrap func(http.RoundTripper) http.RoundTripper) setting {
	return func(_ *controllers.Options, config *rest.Config) { config.Wrap(wrap) }
}

func withoutMesh(options *controllers.Options, _ *rest.Config) {
	options.MeshDataPlane = controllers.MeshDataPlaneAbsent
}

// start runs an operator until it is stopped, or the test ends.
func start(t testing.TB, settings ...setting) *operator {
	t.Helper()
	o, err := run(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.stop)
	return o
}

func run(settings ...setting) (*operator, error) {
	clientConfig := kube.Config(cp.Config)
	clientConfig.Impersonate.UserName = "operator"
	options := controllers.Options{GatewayNamespaces: gateways, MeshDataPlane: controllers.MeshDataPlaneRequired, Providers: providers, MaxConcurrentReconciles: 4}
	for _, set := range settings {
		set(&options, clientConfig)
	}
	managerOptions := kube.ManagerOptions()
	managerOptions.Metrics = server.Options{BindAddress: "0"}
	managerOptions.Controller = config.Controller{SkipNameValidation: new(true)}
	managerOptions.GracefulShutdownTimeout = new(5 * time.Second)
	mgr, err := manager.New(clientConfig, managerOptions)
	if err != nil {
		return nil, err
	}
	if err := controllers.Setup(mgr, options); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &operator{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		if err := mgr.Start(ctx); err != nil && ctx.Err() == nil {
			panic(err)
		}
	}()
	return o, nil
}

func (o *operator) stop() {
	o.cancel()
	<-o.done
}

var shared struct {
	sync.Once
	err error
}

// shareOperator runs one operator for all tests that run side by side. Go
// starts them when those that have operators of their own are over.
func shareOperator(t *testing.T) {
	t.Helper()
	t.Parallel()
	shared.Do(func() { _, shared.err = run() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
}
