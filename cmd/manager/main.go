// Command manager runs the operator.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"
	_ "time/tzdata" // windows of promotions have time zones, and the image has no database of them

	"github.com/go-logr/logr"
	_ "golang.org/x/crypto/x509roots/fallback" // identity providers have certificates of public authorities, and the image has none
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"blogplatform.io/operator/controllers"
	"blogplatform.io/operator/internal/discovery"
	"blogplatform.io/operator/internal/kube"
	"blogplatform.io/operator/internal/metrics"
)

// flags are the choices of whoever deploys the operator. The flag --kubeconfig
// is added by controller-runtime.
type flags struct {
	leaderElect       bool
	healthAddress     string
	metricsAddress    string
	pprofAddress      string
	watchNamespaces   string
	gatewayNamespaces string
	providerNetworks  discovery.Networks
	dataPlane         string
	concurrency       int
	logLevel          slog.Level
	logFormat         string
}

// syncTimeout is less than the second that the kubelet waits for an answer.
const syncTimeout = 500 * time.Millisecond

// gcPercent is how much garbage, in percent of the live heap, is let be. Most of
// that heap is the cache, so that the usual doubling would buy nothing.
const gcPercent = 40

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

// cacheSynced fails as long as a kind that is watched was not listed yet. So an
// operator that lacks a right never replaces the one before.
func cacheSynced(informers cache.Informers) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), syncTimeout)
		defer cancel()
		if !informers.WaitForCacheSync(ctx) {
			return errors.New("not all kinds that are watched have been listed")
		}
		return nil
	}
}

func run() error {
	f, err := parse()
	if err != nil {
		return err
	}
	logger := logr.FromSlogHandler(f.logHandler(os.Stderr))
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)

	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	watched, gateways := namespaces(f.watchNamespaces), namespaces(f.gatewayNamespaces)
	options := kube.ManagerOptions(watched, gateways)
	options.LeaderElection = f.leaderElect
	options.HealthProbeBindAddress = f.healthAddress
	options.PprofBindAddress = f.pprofAddress
	options.Metrics = server.Options{BindAddress: f.metricsAddress, SecureServing: true, FilterProvider: metrics.OnlyReaders}
	manager, err := ctrl.NewManager(kube.Config(config), options)
	if err != nil {
		return fmt.Errorf("reach the cluster: %w", err)
	}
	err = controllers.Setup(manager, controllers.Options{
		WatchNamespaces:   watched,
		GatewayNamespaces: gateways,
		MeshDataPlane:     controllers.MeshDataPlane(f.dataPlane),
		NewProviders: func(changed func(discovery.Provider)) controllers.Providers {
			return discovery.NewAsker(f.providerNetworks, changed)
		},
		MaxConcurrentReconciles: f.concurrency,
		Metrics:                 ctrlmetrics.Registry,
	})
	if err != nil {
		return err
	}
	if err := errors.Join(manager.AddHealthzCheck("ping", healthz.Ping), manager.AddReadyzCheck("cache", cacheSynced(manager.GetCache()))); err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

// namespaces reads names that are separated by commas.
func namespaces(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

func parse() (flags, error) {
	var f flags
	flag.BoolVar(&f.leaderElect, "leader-elect", false, "work only while holding the lease, so that several managers may run")
	flag.StringVar(&f.healthAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	flag.StringVar(&f.metricsAddress, "metrics-bind-address", "0", "address of /metrics, over HTTPS and for those who may get it; 0 for none")
	flag.StringVar(&f.pprofAddress, "pprof-bind-address", "0", "address of /debug/pprof; 0 for none")
	flag.StringVar(&f.watchNamespaces, "watch-namespaces", "", "namespaces whose BlogPlatforms are looked after, separated by commas; all by default")
	flag.StringVar(&f.gatewayNamespaces, "gateway-namespaces", "istio-ingress", "namespaces of ingress gateways into which certificates may be written, separated by commas")
	flag.Func("identity-provider-networks", "networks of identity providers whose addresses are not public, such as 10.20.0.0/16, separated by commas; none by default", func(value string) (err error) {
		f.providerNetworks, err = discovery.ParseNetworks(value)
		return err
	})
	flag.StringVar(&f.dataPlane, "mesh-dataplane", string(controllers.MeshDataPlaneRequired), "required: nothing starts where pods get no sidecar; absent: it does, unprotected")
	flag.IntVar(&f.concurrency, "max-concurrent-reconciles", 10, "how many BlogPlatforms are worked on at the same time")
	flag.TextVar(&f.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	flag.StringVar(&f.logFormat, "log-format", "json", "json or text")
	flag.Parse()
	switch controllers.MeshDataPlane(f.dataPlane) {
	case controllers.MeshDataPlaneRequired, controllers.MeshDataPlaneAbsent:
	default:
		return f, fmt.Errorf("--mesh-dataplane=%s: choose required or absent", f.dataPlane)
	}
	if f.logFormat != "json" && f.logFormat != "text" {
		return f, fmt.Errorf("--log-format=%s: choose json or text", f.logFormat)
	}
	return f, nil
}

func (f flags) logHandler(out io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: f.logLevel, ReplaceAttr: nameSource}
	if f.logFormat == "text" {
		return slog.NewTextHandler(out, options)
	}
	return slog.NewJSONHandler(out, options)
}

// nameSource replaces an event source by its name: controller-runtime logs the source itself, whose functions JSON cannot hold.
func nameSource(_ []string, a slog.Attr) slog.Attr {
	if src, ok := a.Value.Any().(source.Source); ok {
		a.Value = slog.StringValue(fmt.Sprint(src))
	}
	return a
}
