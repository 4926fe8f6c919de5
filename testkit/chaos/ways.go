package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Way is how what one node sends to another gets there. The zero Way is as good as the machine.
type Way struct {
	// Cut: connections are reset, and nothing passes.
	Cut bool
	// Hole: nothing passes, and nobody is told. What is sent over a connection comes when the hole is filled.
	Hole bool
	// Delay is what all takes longer.
	Delay time.Duration
	// Rate is the most bytes a second, of connections and datagrams together; 0 is no limit.
	Rate int64
}

// String is the way in words.
func (w Way) String() string {
	var words []string
	if w.Cut {
		words = append(words, "cut")
	}
	if w.Hole {
		words = append(words, "a hole")
	}
	if w.Delay > 0 {
		words = append(words, fmt.Sprint(w.Delay, " longer"))
	}
	if w.Rate > 0 {
		const bitsOfByte, mega = 8, 1e6
		words = append(words, fmt.Sprintf("%.3g Mbit/s", float64(w.Rate)*bitsOfByte/mega))
	}
	return cmp.Or(strings.Join(words, ", "), "as it was")
}

// Ways are what lies between the nodes of a mesh: a proxy before each node, at the address that it advertises, for TCP
// and UDP. It knows who calls: of datagrams by their address, of connections by the process that owns the socket (Linux).
// Its methods are for many goroutines.
type Ways struct {
	fronts []*front
	// lanes are by who sends and who is sent to.
	lanes [][]*lane
	owner func(of netip.AddrPort, to netip.AddrPort) (int, bool)
	life  context.Context
	end   context.CancelFunc
	work  sync.WaitGroup
}

// front is the proxy before one node.
type front struct {
	node    int
	at      netip.AddrPort
	behind  netip.AddrPort
	streams *net.TCPListener
	packets *net.UDPConn
}

// newWays listens before nodes at the given addresses; begin has it work. owner tells which node owns the socket at an address.
func newWays(behind []netip.AddrPort, owner func(of, to netip.AddrPort) (int, bool)) (*Ways, error) {
	w := &Ways{owner: owner}
	w.life, w.end = context.WithCancel(context.Background())
	for i, at := range behind {
		f, err := newFront(i, at)
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		w.fronts = append(w.fronts, f)
	}
	for i := range behind {
		row := make([]*lane, len(behind))
		for j := range row {
			row[j] = newLane(w.fronts[i].packets, behind[j])
		}
		w.lanes = append(w.lanes, row)
	}
	return w, nil
}

// begin starts what Close waits for.
func (w *Ways) begin() {
	for _, row := range w.lanes {
		for _, l := range row {
			w.work.Go(func() { l.deliver(w.life) })
		}
	}
	for _, f := range w.fronts {
		w.work.Go(func() { w.accept(f) })
		w.work.Go(func() { w.receive(f) })
	}
}

// frontTries is how many free TCP ports are tried for one whose UDP port is free too.
const frontTries = 20

func newFront(node int, behind netip.AddrPort) (*front, error) {
	var last error
	for range frontTries {
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(behind.Addr(), 0)))
		if err != nil {
			return nil, err
		}
		at := tcp.Addr().(*net.TCPAddr).AddrPort()
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err == nil {
			return &front{node, at, behind, tcp, udp}, nil
		}
		last = errors.Join(err, tcp.Close())
	}
	return nil, last
}

// Set says how what one node sends to another gets there from now on.
func (w *Ways) Set(from, to int, way Way) {
	w.lanes[from][to].set(way)
	if way.Cut { // a connection lives by both directions
		w.lanes[to][from].reset()
	}
}

// Both is Set in both directions.
func (w *Ways) Both(a, b int, way Way) {
	w.Set(a, b, way)
	w.Set(b, a, way)
}

// Around is Both for all pairs of the node.
func (w *Ways) Around(node int, way Way) {
	for other := range w.fronts {
		if other != node {
			w.Both(node, other, way)
		}
	}
}

// Part sets all ways between two groups of nodes.
func (w *Ways) Part(a, b []int, way Way) {
	for _, i := range a {
		for _, j := range b {
			w.Both(i, j, way)
		}
	}
}

// Heal makes all ways as good as they were.
func (w *Ways) Heal() {
	for i := range w.lanes {
		for j := range w.lanes[i] {
			w.Set(i, j, Way{})
		}
	}
}

// Close ends all connections and waits.
func (w *Ways) Close() error {
	w.end()
	var errs []error
	for _, f := range w.fronts {
		errs = append(errs, f.streams.Close(), f.packets.Close())
	}
	for _, row := range w.lanes {
		for _, l := range row {
			l.reset()
		}
	}
	w.work.Wait()
	return errors.Join(errs...)
}

// accept takes the connections to a node.
func (w *Ways) accept(f *front) {
	for {
		c, err := f.streams.AcceptTCP()
		if err != nil {
			return
		}
		w.work.Go(func() { w.connect(f, c) })
	}
}

// receive takes the datagrams to a node.
func (w *Ways) receive(f *front) {
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := f.packets.ReadFromUDPAddrPort(buffer)
		if err != nil {
			if w.life.Err() != nil {
				return
			}
			continue // an earlier datagram met a closed port
		}
		for _, sender := range w.fronts {
			if sender.behind == netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) {
				w.lanes[sender.node][f.node].datagram(buffer[:n])
			}
		}
	}
}
