package harness

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

// Operator is a manager that runs in this process, with the rights of the real one.
type Operator struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// operator is the user that operators are, unless a setting says otherwise.
const operator = "operator"

// gateways are the namespaces into which operators here may write.
var gateways = []string{"istio-ingress", "gateway-late", "gateway-gone", "gateway-stuck"}

// Setting changes how an operator runs, or the client that it has.
type Setting func(*controllers.Options, *rest.Config)

// Through has every request of the operator pass a transport.
func Through(wrap func(http.RoundTripper) http.RoundTripper) Setting {
	return func(_ *controllers.Options, config *rest.Config) { config.Wrap(wrap) }
}

// WithoutMesh has an operator run where there is no service mesh.
func WithoutMesh(options *controllers.Options, _ *rest.Config) {
	options.MeshDataPlane = controllers.MeshDataPlaneAbsent
}

// Start runs an operator until it is stopped, or the test ends.
func Start(t testing.TB, settings ...Setting) *Operator {
	t.Helper()
	o, err := run(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Stop)
	return o
}

func run(settings ...Setting) (*Operator, error) {
	clientConfig := kube.Config(ControlPlane.Config)
	clientConfig.Impersonate.UserName = operator
	options := controllers.Options{GatewayNamespaces: gateways, MeshDataPlane: controllers.MeshDataPlaneRequired, NewProviders: Providers.New, MaxConcurrentReconciles: 4}
	for _, set := range settings {
		set(&options, clientConfig)
	}
	managerOptions := kube.ManagerOptions(options.WatchNamespaces, options.GatewayNamespaces)
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
	o := &Operator{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		if err := mgr.Start(ctx); err != nil && ctx.Err() == nil {
			panic(err)
		}
	}()
	return o, nil
}

// Stop ends the operator, and waits until it has ended.
func (o *Operator) Stop() {
	o.cancel()
	<-o.done
}

var shared struct {
	sync.Once
	err error
}

// ShareOperator runs one operator for all tests that run side by side. Go
// starts them when those that have operators of their own are over.
func ShareOperator(t *testing.T) {
	t.Helper()
	t.Parallel()
	shared.Do(func() { _, shared.err = run() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
}
