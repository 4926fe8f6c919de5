package fabric

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Config is what a Fabric begins with. Zeros stand for the defaults.
type Config struct {
	// Seed is where chance comes from.
	Seed uint64
	// Delay is what a way takes: 1 ms; Jitter is the most that it takes besides.
	Delay, Jitter time.Duration
	// Loss is how much of what is sent is lost, 0 to 1.
	Loss float64
	// Window is how many bytes of a stream's direction are under way or unread at most: 256 KiB.
	Window int
}

const (
	defaultDelay  = time.Millisecond
	defaultWindow = 256 << 10
)

// Validate names all faults.
func (c *Config) Validate() error {
	var faults []error
	if c.Delay < 0 || c.Jitter < 0 || c.Window < 0 {
		faults = append(faults, errors.New("delays and windows must not be negative"))
	}
	if c.Loss < 0 || c.Loss >= 1 {
		faults = append(faults, fmt.Errorf("a loss of %v: 0 to below 1 is possible", c.Loss))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("fabric: %w", err)
	}
	return nil
}

// Fabric is a network in memory.
type Fabric struct {
	cfg Config

	mu sync.Mutex // guards what follows; those of ways and streams are taken under it
	// machines are the addresses that somebody listened at some time; true is that it is up.
	machines map[netip.Addr]bool
	ports    map[netip.AddrPort]*Port
	names    map[string][]netip.Addr
	ways     map[pair]*way
	streams  map[*stream]struct{}
	// ephemeral is the last port that a stream was dialled from.
	ephemeral uint16
}

// pair is a direction between two machines.
type pair struct{ from, to netip.Addr }

// New makes a Fabric.
func New(cfg Config) (*Fabric, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Delay == 0 {
		cfg.Delay = defaultDelay
	}
	if cfg.Window == 0 {
		cfg.Window = defaultWindow
	}
	return &Fabric{
		cfg: cfg, machines: make(map[netip.Addr]bool), ports: make(map[netip.AddrPort]*Port), names: make(map[string][]netip.Addr),
		ways: make(map[pair]*way), streams: make(map[*stream]struct{}),
	}, nil
}

// Listen opens a port, for streams and datagrams. Only one may be open at an address.
func (f *Fabric) Listen(at netip.AddrPort) (*Port, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ports[at] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(at), Err: errors.New("address already in use")}
	}
	p := newPort(f, at)
	f.ports[at] = p
	f.machines[at.Addr()] = true
	return p, nil
}

// Name gives a name its addresses; none: it is not known any more.
func (f *Fabric) Name(name string, to ...netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names[name] = slices.Clone(to)
}

func (f *Fabric) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if list := f.names[name]; len(list) > 0 {
		return slices.Clone(list), nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// Cut cuts the way from a machine to another. The way back is another one.
func (f *Fabric) Cut(from, to netip.Addr) { f.turn(from, to, true) }

// Heal ends a cut.
func (f *Fabric) Heal(from, to netip.Addr) { f.turn(from, to, false) }

// Delay sets what a way takes.
func (f *Fabric) Delay(from, to netip.Addr, delay, jitter time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.way(pair{from, to}).change(func(w *way) { w.delay, w.jitter = delay, jitter })
}

// Lose sets how much of what goes a way is lost, 0 to below 1.
func (f *Fabric) Lose(from, to netip.Addr, loss float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.way(pair{from, to}).change(func(w *way) { w.loss = min(max(loss, 0), mostLoss) })
}

func (f *Fabric) turn(from, to netip.Addr, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.way(pair{from, to})
	if !w.setCut(cut) {
		return
	}
	for s := range f.streams {
		s.turned(w, cut)
	}
}

// way is that between two machines. Its caller has mu.
func (f *Fabric) way(p pair) *way {
	w := f.ways[p]
	if w == nil {
		w = newWay(&f.cfg, p)
		f.ways[p] = w
	}
	return w
}

// between are the way there and the way back.
func (f *Fabric) between(from, to netip.Addr) (there, back *way) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.way(pair{from, to}), f.way(pair{to, from})
}

// at is who listens at an address; known tells whether a machine is there.
func (f *Fabric) at(to netip.AddrPort) (p *Port, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ports[to], f.machines[to.Addr()]
}

// from is an address to dial from.
func (f *Fabric) from(host netip.Addr) netip.AddrPort {
	const first = 32768
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ephemeral++
	return netip.AddrPortFrom(host, first+f.ephemeral%(first-1))
}

func (f *Fabric) keep(s *stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams[s] = struct{}{}
}

func (f *Fabric) forget(s *stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.streams, s)
}

// leave takes a port out, and gives the streams that it has an end of.
func (f *Fabric) leave(p *Port) (open []*conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ports[p.local] == p {
		delete(f.ports, p.local)
	}
	for s := range f.streams {
		for i := range s.ends {
			if s.ends[i].port == p {
				open = append(open, &s.ends[i])
			}
		}
	}
	return open
}
