//go:build e2e

package stories

import (
	"os"
	"testing"

	"blogplatform.io/operator/services/internal/testing/asgardeo"
)

// TestTheLifeOfABlogOnACluster is the same on a blog that the operator runs, at
// the address BLOGPLATFORM_URL. What differs is who lives there.
func TestTheLifeOfABlogOnACluster(t *testing.T) {
	address := os.Getenv("BLOGPLATFORM_URL")
	if address == "" {
		t.Fatal("set BLOGPLATFORM_URL to the address of a blog of the local cluster")
	}
	users, err := asgardeo.DemoPeople()
	if err != nil {
		t.Fatal(err)
	}
	w := &town{url: address, people: map[string]asgardeo.User{"amara": users[0], "noah": users[1], "rita": users[2]}}
	w.life(t, chromium(t))
}
