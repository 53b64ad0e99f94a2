package server

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxAddresses bounds the memory of an AddressLimit: the address that has
	// asked the longest ago is forgotten first.
	maxAddresses = 16 << 10
	// networkBits is how much of an IPv6 address names a customer; the rest is
	// theirs to choose.
	networkBits = 64
)

// ClientAddress returns the address that a request came from: of those in
// X-Forwarded-For, the one that the outermost of that many trusted proxies
// wrote. What stands before it was written by the client. With no trusted proxy
// it is the connection's own. Of an IPv6 address it returns the /64.
func ClientAddress(r *http.Request, trustedHops int) netip.Addr {
	text, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		text = r.RemoteAddr
	}
	if trustedHops > 0 {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		// Fewer than there must be: the request came around a proxy, and the
		// first address is the best that is known.
		if hop := strings.TrimSpace(hops[max(0, len(hops)-trustedHops)]); hop != "" {
			text = hop
		}
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	address = address.Unmap().WithZone("")
	if address.Is6() {
		if network, err := address.Prefix(networkBits); err == nil {
			return network.Addr()
		}
	}
	return address
}

// AddressLimit bounds the requests of one client address, in this process.
type AddressLimit struct {
	rate  rate.Limit
	burst int
	hops  int
	now   func() time.Time

	mu      sync.Mutex
	buckets map[netip.Addr]*list.Element
	recent  *list.List // of *bucket, the last to ask first
}

type bucket struct {
	address netip.Addr
	limiter *rate.Limiter
}

// NewAddressLimit allows each address so many requests at once, and refills
// them evenly within the time. trustedHops is as in [ClientAddress].
func NewAddressLimit(requests int, within time.Duration, trustedHops int) *AddressLimit {
	return &AddressLimit{
		rate: rate.Limit(float64(requests) / within.Seconds()), burst: requests, hops: trustedHops, now: time.Now,
		buckets: map[netip.Addr]*list.Element{}, recent: list.New(),
	}
}

// Allow reports whether the request is within the limit, and if not, how long
// to wait until one is. Where proxies stand before this process, a request that
// came through none is the platform's own, such as a check or an analysis, and
// is not counted.
func (l *AddressLimit) Allow(r *http.Request) (wait time.Duration, ok bool) {
	if l.hops > 0 && r.Header.Get("X-Forwarded-For") == "" {
		return 0, true
	}
	limiter, now := l.limiter(ClientAddress(r, l.hops)), l.now()
	reservation := limiter.ReserveN(now, 1)
	if wait := reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait, false
	}
	return 0, true
}

func (l *AddressLimit) limiter(address netip.Addr) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if element, known := l.buckets[address]; known {
		l.recent.MoveToFront(element)
		return element.Value.(*bucket).limiter
	}
	if l.recent.Len() >= maxAddresses {
		oldest := l.recent.Remove(l.recent.Back()).(*bucket)
		delete(l.buckets, oldest.address)
	}
	b := &bucket{address, rate.NewLimiter(l.rate, l.burst)}
	l.buckets[address] = l.recent.PushFront(b)
	return b.limiter
}
