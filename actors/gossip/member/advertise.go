package member

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// Where the default route is looked for: addresses of documentation (RFC 5737, 3849), to which nothing is sent.
const elsewhere4, elsewhere6 = "192.0.2.1", "2001:db8::1"

// advertise is the address that others are told. log gets a word about a choice that may surprise.
func (l *List) advertise(ctx context.Context) (netip.AddrPort, error) {
	local := l.network.Local()
	if !local.IsValid() {
		return netip.AddrPort{}, errors.New("member: it listens at no IP address")
	}
	at, err := l.chooseAddress(ctx, local)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("member: %w", err)
	}
	if fault := unfit(at.Addr()); fault != "" {
		return netip.AddrPort{}, fmt.Errorf("member: advertised address %s: %s", at, fault)
	}
	if len(l.cfg.Keys) == 0 && !(at.Addr().IsLoopback() && local.Addr().IsLoopback()) {
		return netip.AddrPort{}, fmt.Errorf("member: it listens at %s and is advertised as %s without a cluster secret: only loopback may do without", local, at)
	}
	return at, nil
}

func (l *List) chooseAddress(ctx context.Context, local netip.AddrPort) (netip.AddrPort, error) {
	switch {
	case l.cfg.Advertise != "":
		return l.configured(ctx, local)
	case !local.Addr().IsUnspecified():
		return local, nil
	}
	var seeds []netip.Addr
	for _, seed := range l.cfg.Seeds {
		host, _, _ := splitSeed(seed) // New checked it
		seeds = append(seeds, l.mayResolve(ctx, host)...)
		if len(l.routes(seeds).far) > 0 {
			break // the others can't better it, and may be slow to resolve
		}
	}
	if at := l.routes(seeds).best(); at.IsValid() {
		return netip.AddrPortFrom(at, local.Port()), nil
	}
	loopback := netip.IPv6Loopback()
	if local.Addr().Is4() {
		loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	l.cfg.Logger.Warn("no route leads anywhere: only nodes on this machine can reach this one; --advertise-mesh tells another address", "address", loopback)
	return netip.AddrPortFrom(loopback, local.Port()), nil
}

// configured resolves the address that was given.
func (l *List) configured(ctx context.Context, local netip.AddrPort) (netip.AddrPort, error) {
	host, port, err := splitAdvertise(l.cfg.Advertise)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if port == 0 {
		port = local.Port()
	}
	list, err := l.resolve(ctx, host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("advertised address %q: %w", l.cfg.Advertise, err)
	}
	best := list[0]
	for _, ip := range list {
		if unfit(ip) == "" && ip.Is4() == local.Addr().Is4() {
			best = ip
			break
		}
	}
	return netip.AddrPortFrom(best, port), nil
}

// resolve gives the addresses of a name or IP, one at least.
func (l *List) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	list, err := l.network.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	return list, nil
}

// mayResolve is resolve for who can do without.
func (l *List) mayResolve(ctx context.Context, host string) []netip.Addr {
	list, err := l.resolve(ctx, host)
	if err != nil {
		return nil
	}
	return list
}

// unfit says why an address can't be advertised; empty means it can.
func unfit(ip netip.Addr) string {
	switch {
	case !ip.IsValid():
		return "it is no address"
	case ip.IsUnspecified():
		return "it means all addresses of a machine, not one"
	case ip.IsMulticast():
		return "it is of a group, not of a machine"
	case ip.IsLinkLocalUnicast():
		return "it is good on one link only"
	}
	return ""
}
