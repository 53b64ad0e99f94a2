package content

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"blogplatform.io/operator/hack/cluster/component"
)

// Next says what a person can do with the cluster now that it is complete, as lines to copy.
func Next(ctx context.Context, c *component.Cluster) (string, error) {
	if err := c.Connect(); err != nil {
		return "", err
	}
	config, err := liveProvider(ctx, c)
	if err != nil {
		return "", err
	}
	var platforms bytes.Buffer
	if err := c.Kubectl(ctx, &platforms, "get", "blogplatforms", "--all-namespaces"); err != nil {
		return "", err
	}
	addresses := []string{providerAddress(c.HTTPSPort)}
	for _, e := range []environment{staging, production} {
		platform, err := readSample(c, e)
		if err != nil {
			return "", err
		}
		addresses = append(addresses, address(platform, c.HTTPSPort))
	}
	return platforms.String() + next(c, addresses, config.Users), nil
}

// next is the text. addresses are those of the provider, of staging and of production.
func next(c *component.Cluster, addresses []string, people []providerUser) string {
	var text strings.Builder
	fmt.Fprintf(&text, `
Look at the blogs:     %s
                       %s
Trust them:            import %s into the browser as an authority for web sites
Sign in (%s):
`, addresses[1], addresses[2], c.Authority(), addresses[0])
	for i, who := range people {
		role := "a Reader until an Admin says otherwise"
		if i == 0 {
			role = "the first Admin"
		}
		fmt.Fprintf(&text, "                       %-20s password %-8s %s\n", who.UserName, who.Password, role)
	}
	fmt.Fprintf(&text, `From another machine:  ssh -L %[1]d:127.0.0.1:%[1]d %[2]s   and then the same addresses

Use the cluster:       eval "$(make env)"
                       kubectl get blogplatforms -A
Release this checkout: make plugin release VERSION=v0.2.0
                       kubectl blog status -n %[3]s --watch
Give a release up:     kubectl blog abort -n %[3]s
Read the logs:         %[4]s
End the cluster:       make down
`, c.HTTPSPort, "USER@THIS-MACHINE", staging.namespace, c.Path("log"))
	return text.String()
}
