package discovery

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// ErrNotPublic is the problem of a provider that is not asked, because its address
// is not public and in no network that was allowed. Whether it works is not known.
var ErrNotPublic = errors.New("its address is not public")

// special are networks that the methods of netip.Addr do not know and that lead to no
// public host, or may lead on to a private one (the IANA special-purpose address registries).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// Networks are those whose addresses may be asked though they are not public.
type Networks []netip.Prefix

// ParseNetworks reads networks in CIDR notation, such as 10.20.0.0/16, separated by commas.
func ParseNetworks(list string) (Networks, error) {
	var networks Networks
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("network %q: %w", text, err)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// refuse is a net.Dialer's Control. It judges the address that is about to be
// connected, so that a name cannot lead to another one after it was looked at.
func (n Networks) refuse(_, address string, _ syscall.RawConn) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrNotPublic
	}
	ip := parsed.Addr().Unmap()
	in := func(network netip.Prefix) bool { return network.Contains(ip) }
	if slices.ContainsFunc(n, in) || ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(special, in) {
		return nil
	}
	return ErrNotPublic
}
