package member

import (
	"fmt"
	"net/netip"
	"slices"
)

// routes are the addresses of this machine from which packets leave, each fit to be advertised.
type routes struct {
	// far are those of packets to other machines, in the order of their addresses.
	far []netip.Addr
	// near are those of this machine that were asked for: it is among its own seeds.
	near []netip.Addr
	// usual is that of the default route; zero where there is none.
	usual netip.Addr
}

// routes asks for the routes to some addresses. It does not block.
func (l *List) routes(to []netip.Addr) routes {
	var r routes
	for _, ip := range to {
		from := l.routeFrom(ip)
		switch {
		case !from.IsValid():
		case from == ip.Unmap() || from.IsLoopback():
			r.near = append(r.near, from)
		default:
			r.far = append(r.far, from)
		}
	}
	for _, ip := range []string{elsewhere4, elsewhere6} {
		if from := l.routeFrom(netip.MustParseAddr(ip)); from.IsValid() {
			r.usual = from
			break
		}
	}
	return r
}

// routeFrom is the address from which packets to another leave; zero where that can't be advertised, or is not listened at.
func (l *List) routeFrom(to netip.Addr) netip.Addr {
	from, err := l.network.Route(to)
	if from = from.Unmap(); err != nil || unfit(from) != "" || l.network.Local().Addr().Is4() && !from.Is4() {
		return netip.Addr{}
	}
	return from
}

// best is the address at which others may reach this node; zero where nothing leads anywhere. A machine of several networks
// may have its own name in each: which of them is the mesh's only others tell.
func (r routes) best() netip.Addr {
	for _, list := range [][]netip.Addr{r.far, r.near} {
		if len(list) > 0 {
			return list[0]
		}
	}
	return r.usual
}

// better is the address to advertise instead of one; zero where that stays. It stays while it is this machine's (own) and
// packets to any other machine leave from it, so that a seed that is away for a while changes nothing.
func (r routes) better(at netip.Addr, own bool) netip.Addr {
	best := r.best()
	switch {
	case best == at || best.IsLoopback():
		return netip.Addr{}
	case own && (len(r.far) == 0 || slices.Contains(r.far, at)):
		return netip.Addr{}
	}
	return best
}

// errMoved is the error of a List that others can't reach any more: it is made anew, and advertises another address.
type errMoved struct{ from, to netip.Addr }

func (e errMoved) Error() string {
	return fmt.Sprintf("others reach this node no more at %s, but at %s: it joins anew", e.from, e.to)
}

// watchRoutes ends the List when it should advertise another address, and two rounds in a row said the same of it.
func (r *run) watchRoutes(outcomes []outcome) {
	if r.cfg.Advertise != "" || !r.network.Local().Addr().IsUnspecified() || r.left {
		return
	}
	var others []netip.Addr
	for _, o := range outcomes {
		others = append(others, o.names...)
	}
	for _, m := range r.table.there() {
		others = append(others, m.Addr.Addr())
	}
	at := r.transport.at.Addr()
	from, err := r.network.Route(at)
	to := r.routes(others).better(at, err == nil && from.Unmap() == at)
	if to.IsValid() && to == r.moving {
		r.fail(errMoved{from: at, to: to})
	}
	r.moving = to
}
