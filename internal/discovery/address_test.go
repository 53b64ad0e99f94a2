package discovery

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// TestAProviderAtAnAddressThatIsNotPublicIsNotAsked: whoever writes a BlogPlatform
// must not learn through the operator what listens inside the cluster.
func TestAProviderAtAnAddressThatIsNotPublicIsNotAsked(t *testing.T) {
	p, asked := provider(t, good)
	byName := p
	byName.Issuer = strings.Replace(p.Issuer, "127.0.0.1", "localhost", 1)
	for name, provider := range map[string]Provider{
		"by its address": p, "by a name that leads to it": byName,
		"the metadata of a cloud's machine": {Issuer: "https://169.254.169.254/token"},
	} {
		if problem := askerOf(nil)(provider); !errors.Is(problem, ErrNotPublic) {
			t.Errorf("%s: %v", name, problem)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("it was asked %d times", asked.Load())
	}
	if problem := askerOf(Networks{netip.MustParsePrefix("127.0.0.0/8")})(p); problem != nil {
		t.Errorf("one that is allowed: %v", problem)
	}
}

func TestWhichAddressesAreAsked(t *testing.T) {
	allowed, err := ParseNetworks("10.96.0.0/16,fd00:1::/32")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseNetworks("10.96.0.0/16,10.97.0.1"); err == nil || !strings.Contains(err.Error(), "10.97.0.1") {
		t.Errorf("an address without a length: %v", err)
	}
	for address, want := range map[string]bool{
		"1.1.1.1:443": true, "[2606:4700::1111]:443": true, "[::ffff:1.1.1.1]:443": true,
		"10.96.3.4:8443": true, "[::ffff:10.96.3.4]:8443": true, "[fd00:1::1]:443": true,
		"10.97.0.1:443": false, "172.16.0.1:443": false, "192.168.0.1:443": false, "[fd00:ec2::254]:443": false,
		"127.0.0.1:443": false, "[::1]:443": false, "[::ffff:127.0.0.1]:443": false, "0.0.0.0:443": false, "[::]:443": false,
		"169.254.169.254:80": false, "[fe80::1%eth0]:443": false, "100.100.100.200:80": false, "192.0.0.192:80": false,
		"224.0.0.1:443": false, "255.255.255.255:443": false, "[64:ff9b::a9fe:a9fe]:80": false, "[2002:7f00:1::]:443": false,
		"no address": false,
	} {
		if err := allowed.refuse("tcp", address, nil); (err == nil) != want {
			t.Errorf("%s is asked: %v", address, err == nil)
		}
	}
}
