package content

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/kube"
)

// awaitPage waits until a browser on this machine gets a page of a host.
func awaitPage(ctx context.Context, c *component.Cluster, host, path string) error {
	authority, err := os.ReadFile(c.Authority())
	if err != nil {
		return err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	browser := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(c.HTTPSPort)))
		},
		TLSClientConfig: &tls.Config{RootCAs: trusted},
	}}
	url := fmt.Sprintf("https://%s:%d%s", host, c.HTTPSPort, path)
	return c.Await(ctx, url, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		response, err := browser.Do(request)
		if err != nil {
			return false, kube.Pending(err.Error())
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return false, kube.Pending(response.Status)
		}
		return true, nil
	})
}
