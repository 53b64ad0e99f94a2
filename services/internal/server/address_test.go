package server

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"
)

func TestAClientsAddressIsWhatTrustedProxiesSay(t *testing.T) {
	for name, c := range map[string]struct {
		remote    string
		forwarded []string
		hops      int
		want      string
	}{
		"no proxy":                        {"192.0.2.1:5", nil, 0, "192.0.2.1"},
		"a header that nobody may send":   {"192.0.2.1:5", []string{"203.0.113.9"}, 0, "192.0.2.1"},
		"one proxy":                       {"10.0.0.1:5", []string{"198.51.100.7"}, 1, "198.51.100.7"},
		"a client that makes one up":      {"10.0.0.1:5", []string{"203.0.113.9, 198.51.100.7"}, 1, "198.51.100.7"},
		"a made up one in its own header": {"10.0.0.1:5", []string{"203.0.113.9", "198.51.100.7"}, 1, "198.51.100.7"},
		"two proxies":                     {"10.0.0.1:5", []string{"203.0.113.9, 198.51.100.7, 10.0.0.2"}, 2, "198.51.100.7"},
		"fewer than there must be":        {"10.0.0.1:5", []string{"198.51.100.7"}, 3, "198.51.100.7"},
		"no header behind a proxy":        {"10.0.0.1:5", nil, 1, "10.0.0.1"},
		"an IPv6 network":                 {"10.0.0.1:5", []string{"2001:db8:1:2:3:4:5:6"}, 1, "2001:db8:1:2::"},
		"IPv4 in IPv6":                    {"10.0.0.1:5", []string{"::ffff:198.51.100.7"}, 1, "198.51.100.7"},
		"what is no address":              {"10.0.0.1:5", []string{"<script>"}, 1, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		for _, value := range c.forwarded {
			r.Header.Add("X-Forwarded-For", value)
		}
		if got := ClientAddress(r, c.hops).String(); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestOneAddressCannotUseUpWhatOthersNeed(t *testing.T) {
	l := NewAddressLimit(10, 10*time.Second, 1)
	now := time.Unix(0, 0)
	l.now = func() time.Time { return now }
	ask := func(address string) (time.Duration, bool) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-For", address)
		return l.Allow(r)
	}
	for i := range 10 {
		if _, ok := ask("198.51.100.7"); !ok {
			t.Fatalf("request %d is refused", i)
		}
	}
	if wait, ok := ask("198.51.100.7"); ok || wait != time.Second {
		t.Errorf("request 11: %s %t", wait, ok)
	}
	// All readers come through one proxy: the others do not suffer.
	if _, ok := ask("198.51.100.8"); !ok {
		t.Error("another address is refused")
	}
	for range 100 {
		if _, ok := l.Allow(httptest.NewRequest("GET", "/", nil)); !ok {
			t.Fatal("a check of our own is refused")
		}
	}
	now = now.Add(time.Second)
	if _, ok := ask("198.51.100.7"); !ok {
		t.Error("a second later it is still refused")
	}
}

func TestManyAddressesDoNotUseUpMemory(t *testing.T) {
	l := NewAddressLimit(10, time.Second, 1)
	for i := range 2 * maxAddresses {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
		l.Allow(r)
	}
	if len(l.buckets) != maxAddresses || l.recent.Len() != maxAddresses {
		t.Errorf("%d buckets, %d in the list", len(l.buckets), l.recent.Len())
	}
}
