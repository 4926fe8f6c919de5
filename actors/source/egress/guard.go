package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrRefused marks an address to which sources may not connect.
var ErrRefused = errors.New("address is not allowed")

// RefusedError says which address was refused, and why.
type RefusedError struct {
	Addr netip.Addr
	// Class is what the address is, such as "loopback".
	Class string
}

// Error names the address and how to allow it.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is %s: %v; an operator can allow it with --allow-private %s",
		e.Addr, e.Class, ErrRefused, netip.PrefixFrom(e.Addr, e.Addr.BitLen()))
}

// Unwrap makes errors.Is find ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// Config is what a Guard is made of.
type Config struct {
	// Allow are the networks that are allowed besides public addresses.
	Allow []netip.Prefix
	// Own are single addresses with their ports that are allowed too: where this node itself
	// serves feeds.
	Own []netip.AddrPort
	// DialTimeout bounds resolving and connecting; 10 s when zero.
	DialTimeout time.Duration
	// Resolver resolves names; nil means the system's.
	Resolver *net.Resolver
}

const dialTimeout = 10 * time.Second

// Guard decides where sources may connect to.
type Guard struct {
	allow  []netip.Prefix
	own    []netip.AddrPort
	dialer net.Dialer
}

// New makes a guard; an invalid prefix is an error.
func New(cfg Config) (*Guard, error) {
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = dialTimeout
	}
	g := &Guard{}
	for _, own := range cfg.Own {
		g.own = append(g.own, netip.AddrPortFrom(own.Addr().WithZone("").Unmap(), own.Port()))
	}
	var faults []error
	for _, p := range cfg.Allow {
		if !p.IsValid() {
			faults = append(faults, fmt.Errorf("egress: Allow: %s is no network", p))
			continue
		}
		g.allow = append(g.allow, unmapped(p))
	}
	g.dialer = net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: 15 * time.Second, Resolver: cfg.Resolver, ControlContext: g.control}
	return g, errors.Join(faults...)
}

// unmapped makes ::ffff:a.b.c.d/96+n the same as a.b.c.d/n.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}

// DialContext connects as net.Dialer does, to allowed addresses only. Of several addresses of a
// name the allowed ones are tried; the error names a refused one only when none worked.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := g.dialer.DialContext(ctx, network, address)
	if refused := (*RefusedError)(nil); errors.As(err, &refused) {
		host, _, splitErr := net.SplitHostPort(address)
		if splitErr != nil {
			host = address
		}
		return nil, fmt.Errorf("connect to %s: %w", host, refused)
	}
	return conn, err
}

// control runs between resolving and connecting, once for each address.
func (g *Guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("egress: %q is no address: %w", address, err)
	}
	if slices.Contains(g.own, netip.AddrPortFrom(target.Addr().WithZone("").Unmap(), target.Port())) {
		return nil
	}
	return g.Check(target.Addr())
}

// Check tells whether sources may connect to an address: nil, or a *RefusedError.
func (g *Guard) Check(addr netip.Addr) error {
	addr = addr.WithZone("").Unmap()
	if g.allowed(addr) {
		return nil
	}
	if class := classOf(addr); class != "" {
		return &RefusedError{Addr: addr, Class: class}
	}
	inner, form := embedded(addr)
	if form == "" || g.allowed(inner) {
		return nil
	}
	if class := classOf(inner); class != "" {
		return &RefusedError{Addr: addr, Class: fmt.Sprintf("a form (%s) of %s, which is %s", form, inner, class)}
	}
	return nil
}

func (g *Guard) allowed(addr netip.Addr) bool {
	for _, p := range g.allow {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
