package content

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"blogplatform.io/operator/hack/cluster/component"
	"blogplatform.io/operator/hack/cluster/node"
)

func TestWhatToDoNextCanBeCopied(t *testing.T) {
	c := &component.Cluster{Settings: node.Settings{State: "/home/me/my blog/.cluster", HTTPSPort: 9443}}
	addresses := []string{"https://id.blog.localhost:9443", "https://stg.blog.localhost:9443", "https://prod.blog.localhost:9443"}
	people := []providerUser{{UserName: "admin@example.com", Password: "admin"}, {UserName: "reader@example.com", Password: "reader"}}
	want := `
Look at the blogs:     https://stg.blog.localhost:9443
                       https://prod.blog.localhost:9443
Trust them:            import /home/me/my blog/.cluster/ca.crt into the browser as an authority for web sites
Sign in (https://id.blog.localhost:9443):
                       admin@example.com    password admin    the first Admin
                       reader@example.com   password reader   a Reader until an Admin says otherwise
From another machine:  ssh -L 9443:127.0.0.1:9443 USER@THIS-MACHINE   and then the same addresses

Use the cluster:       eval "$(make env)"
                       kubectl get blogplatforms -A
Release this checkout: make plugin release VERSION=v0.2.0
                       kubectl blog status -n g11-stg --watch
Give a release up:     kubectl blog abort -n g11-stg
Read the logs:         /home/me/my blog/.cluster/log
End the cluster:       make down
`
	if diff := cmp.Diff(want, next(c, addresses, people)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
