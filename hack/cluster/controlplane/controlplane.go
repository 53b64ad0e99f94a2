package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/hack/build"
	"blogplatform.io/operator/hack/timefactor"
)

// PGOCRDVariable names a file with another PostgresCluster CRD than the local
// cluster's, to be installed in its place.
const PGOCRDVariable = "BLOGPLATFORM_PGO_CRD"

// Options of a control plane for tests.
type Options struct {
	// ControllerManager runs kube-controller-manager too: garbage collection, namespaces, Jobs.
	ControllerManager bool
	// WithoutCRDs leaves out all CRDs; a test installs those it wants by InstallCRDs.
	WithoutCRDs bool
}

// ControlPlane is a running control plane for tests.
type ControlPlane struct {
	// Config is for a user that may do everything.
	Config *rest.Config
	// Kubeconfig is the path of a kubeconfig for that user.
	Kubeconfig string
	// AuditLog is the path of the audit log: one JSON object (audit.k8s.io/v1 Event) a line.
	AuditLog string
	// Cache finds what else was built.
	Cache *build.Cache

	dir       string
	processes []*Process
}

// Start starts a control plane in a temporary folder. It builds Kubernetes
// first if the cache does not hold it, and removes what control planes left whose
// process was killed. Stop ends it.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	root, err := build.RepositoryRoot()
	if err != nil {
		return nil, err
	}
	cache, err := build.NewCache(root, announce())
	if err != nil {
		return nil, err
	}
	if err := removeLeftovers(os.TempDir(), isGone); err != nil {
		return nil, fmt.Errorf("removing what earlier control planes left: %w", err)
	}
	dir, err := os.MkdirTemp("", folderOf(os.Getpid()))
	if err != nil {
		return nil, err
	}
	cp := &ControlPlane{dir: dir, Cache: cache}
	if err := cp.start(ctx, options); err != nil {
		cp.Stop()
		return nil, fmt.Errorf("starting a control plane: %w", err)
	}
	return cp, nil
}

// announce says once that Kubernetes is being built, because that takes minutes.
func announce() func(string) {
	var once sync.Once
	return func(string) {
		once.Do(func() { fmt.Fprintln(os.Stderr, "building Kubernetes for the tests: about 10 minutes, once") })
	}
}

func (cp *ControlPlane) start(ctx context.Context, options Options) error {
	program, err := Program.Build(ctx, cp.Cache)
	if err != nil {
		return err
	}
	servers := Servers{Dir: cp.dir, Bin: filepath.Join(cp.dir, "bin"), Address: net.IPv4(127, 0, 0, 1), ServiceRange: "10.96.0.0/16"}
	if err := Link(servers.Bin, Programs(program)); err != nil {
		return err
	}
	if err := freePorts(&servers.APIPort, &servers.EtcdPort, &servers.EtcdPeerPort); err != nil {
		return err
	}
	if err := servers.Prepare(); err != nil {
		return err
	}
	cp.AuditLog, cp.Kubeconfig = servers.AuditLog(), filepath.Join(cp.dir, "admin.kubeconfig")
	if cp.Config, err = clientcmd.BuildConfigFromFlags("", cp.Kubeconfig); err != nil {
		return err
	}
	cp.Config.QPS = -1 // a test waits for the API server, not for a rate limit of its own
	cp.processes = []*Process{servers.Etcd(), servers.APIServer()}
	if options.ControllerManager {
		cp.processes = append(cp.processes, servers.ControllerManager())
	}
	for _, process := range cp.processes {
		if err := process.Start(filepath.Join(cp.dir, "log")); err != nil {
			return err
		}
		if process.Name == "kube-apiserver" {
			if err := WaitReady(ctx, cp.Config, process); err != nil {
				return err
			}
		}
	}
	if options.WithoutCRDs {
		return nil
	}
	return cp.installCRDs(ctx)
}

func (cp *ControlPlane) installCRDs(ctx context.Context) error {
	crds, err := CRDs(ctx, cp.Cache)
	if err != nil {
		return err
	}
	if file := os.Getenv(PGOCRDVariable); file != "" {
		other, err := ReadObjects(file)
		if err != nil {
			return err
		}
		crds = append(crds[:len(crds)-1], other...) // the PostgresCluster is the last of the peers
	}
	c, err := client.New(cp.Config, client.Options{})
	if err != nil {
		return err
	}
	return InstallCRDs(ctx, c, crds)
}

// WaitReady waits until the API server says that it is ready.
func WaitReady(ctx context.Context, config *rest.Config, server *Process) error {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, timefactor.Scale(2*time.Minute), true, func(ctx context.Context) (bool, error) {
		select {
		case <-server.Exited():
			return false, server.Err()
		default:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/readyz", nil)
		if err != nil {
			return false, err
		}
		response, err := httpClient.Do(request)
		if err != nil {
			return false, nil // not listening yet
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
}

// Stop ends all processes and removes the folder.
func (cp *ControlPlane) Stop() {
	for i := len(cp.processes) - 1; i >= 0; i-- {
		cp.processes[i].Stop(timefactor.Scale(5 * time.Second))
	}
	if err := os.RemoveAll(cp.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// Runner is what Main needs of *testing.M.
type Runner interface{ Run() int }

// Main is the body of a TestMain: it starts a control plane, hands it to use,
// runs the tests, ends the control plane and exits.
func Main(m Runner, options Options, use func(*ControlPlane)) {
	cp, err := Start(context.Background(), options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	use(cp)
	code := m.Run()
	cp.Stop()
	os.Exit(code)
}

// freePorts finds ports that nothing listens on at the moment.
func freePorts(ports ...*int) (err error) {
	for _, port := range ports {
		listener, listenErr := net.Listen("tcp", "127.0.0.1:0")
		if listenErr != nil {
			return listenErr
		}
		defer func() { err = errors.Join(err, listener.Close()) }()
		*port = listener.Addr().(*net.TCPAddr).Port
	}
	return nil
}
