//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"blogplatform.io/operator/hack/timefactor"
	"blogplatform.io/operator/internal/kube"
)

// environment is one of the two samples.
type environment struct {
	namespace string
	host      string
	instances int
}

const platform = "blog"

var (
	staging      = environment{namespace: "g11-stg", host: "stg.blog.localhost", instances: 1}
	production   = environment{namespace: "g11-prod", host: "prod.blog.localhost", instances: 2}
	environments = []environment{staging, production}
	dataServices = []string{"user", "content", "comment"}

	config    *rest.Config
	clientset *kubernetes.Clientset
	cluster   client.Client
	httpsPort string
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard()) // the clients' own log
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func connect() (err error) {
	httpsPort = os.Getenv("BLOGPLATFORM_HTTPS_PORT")
	kubeconfig := os.Getenv("BLOGPLATFORM_KUBECONFIG")
	if httpsPort == "" || kubeconfig == "" {
		return fmt.Errorf("set BLOGPLATFORM_KUBECONFIG and BLOGPLATFORM_HTTPS_PORT, or run make e2e")
	}
	if config, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
		return err
	}
	if clientset, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	cluster, err = client.New(config, client.Options{Scheme: kube.NewScheme()})
	return err
}

// eventually waits until check returns nil, as long as the limit scaled by
// timefactor, and fails the test with its last error otherwise. It works in cleanups, too, where the test's own context has ended.
func eventually(t testing.TB, limit time.Duration, what string, check func(ctx context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(context.WithoutCancel(t.Context()), time.Second, timefactor.Scale(limit), true, func(ctx context.Context) (bool, error) {
		// What the end of the limit interrupts says less than the answer before.
		if err := check(ctx); err == nil || last == nil || ctx.Err() == nil {
			last = err
		}
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: not within %s: %v", what, timefactor.Scale(limit), last)
	}
}

// browser is a client that reaches a host through the local cluster's gateway,
// follows no redirect and keeps no connection, so that every request is routed anew.
func browser() *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", httpsPort))
			},
			// The certificate comes from a CA that only this cluster knows; that it names the host is checked below.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
