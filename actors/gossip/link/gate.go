package link

import (
	"net"
	"net/netip"
	"sync"
)

// gate bounds how many connections are in a stage before they are trusted, of all addresses and of each. It is
// safe for concurrent use: mu guards all of it.
type gate struct {
	most, each int

	mu   sync.Mutex
	in   int
	from map[string]int
}

func newGate(most, each int) *gate { return &gate{most: most, each: each, from: make(map[string]int)} }

// enter lets a connection in, if there is room. Who is in has to leave.
func (g *gate) enter(addr net.Addr) bool {
	host := hostOf(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in >= g.most || g.from[host] >= g.each {
		return false
	}
	g.in++
	g.from[host]++
	return true
}

func (g *gate) leave(addr net.Addr) {
	host := hostOf(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in--
	if g.from[host]--; g.from[host] <= 0 {
		delete(g.from, host)
	}
}

// hostBits is how much of an IPv6 address names a host: who has one address has the network of 64 bits around it.
const hostBits = 64

// hostOf is what stands for one host among addresses.
func hostOf(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return addr.String()
	}
	ip := tcp.AddrPort().Addr().Unmap()
	if ip.Is6() {
		return netip.PrefixFrom(ip.WithZone(""), hostBits).Masked().String()
	}
	return ip.String()
}
