package source

import (
	"container/list"
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages/spec"
)

// act is what a host gets of sources.
type act int

const (
	connects act = iota
	requests
	sends
	acts
)

const (
	// connectEvery is from one connection to a host to the next, where no spec says otherwise: fifty a second.
	connectEvery = 20 * time.Millisecond
	// mostClaims is how many hosts one source is known to use; beyond, the one used first is forgotten.
	mostClaims = 256
)

// hosts spreads what the sources of a node ask of each host: many that start at once do not storm it. What a
// host gets is spaced evenly, first come, first served, and of several specs the lowest rate counts, so that
// within no second (or minute, or hour) it gets more than one of them says. A source of this node counts from its first use of
// a host until it is paused or gone; of all the mesh's, the budgets that are told. The mutex is a leaf.
type hosts struct {
	clock func() time.Time

	// share gives this node's part of a pace; nil, or a nil function in it, is all of it.
	share atomic.Pointer[func(host string, every time.Duration) time.Duration]
	// budgets gives the lowest budget of the mesh's sources of a host, nil where there is none; nil knows none.
	budgets atomic.Pointer[func(host string) *spec.Budget]

	mu     sync.Mutex
	byName map[string]*host
	claims map[*job][]string
	// swept is how many were left when those without a use were forgotten last.
	swept int
}

// host is one host, its sources, and who waits for it.
type host struct {
	users map[*job]struct{}
	gates [acts]gate
}

// gate lets one pass every so often.
type gate struct {
	of      *hosts
	host    string
	what    act
	every   time.Duration // 0: no bound; of all nodes together, as the sources of this one say
	last    time.Time
	waiting list.List // of chan struct{}
	timer   *time.Timer
}

func newHosts(clock func() time.Time) *hosts {
	return &hosts{clock: clock, byName: make(map[string]*host), claims: make(map[*job][]string)}
}

// hostName is a host by which budgets count: without a port that is its scheme's.
func hostName(name string) string {
	name = strings.ToLower(name)
	if bare, port, err := net.SplitHostPort(name); err == nil && (port == "443" || port == "80") {
		return bare
	}
	if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
		return name[1 : len(name)-1]
	}
	return name
}

// pass waits until a source may do one more act on a host.
func (h *hosts) pass(ctx context.Context, j *job, name string, what act) error {
	h.mu.Lock()
	g := &h.claim(j, hostName(name)).gates[what]
	now := h.clock()
	if g.waiting.Len() == 0 && g.left(now) <= 0 {
		g.last = now
		h.mu.Unlock()
		return context.Cause(ctx)
	}
	turn := make(chan struct{})
	place := g.waiting.PushBack(turn)
	h.arm(g, now)
	h.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	g.waiting.Remove(place) // no harm where its turn came
	if g.waiting.Len() == 0 && g.timer != nil {
		g.timer.Stop()
	}
	return context.Cause(ctx)
}

// left is how long until one may pass.
func (g *gate) left(now time.Time) time.Duration {
	every := g.pace()
	if every == 0 || g.last.IsZero() {
		return 0
	}
	left := g.last.Add(every).Sub(now)
	return min(left, every) // a clock that was put back
}

// pace is from one to the next on this node. It is asked for each time, and nothing is saved up: where it changes, one
// may pass sooner or later, and no more.
func (g *gate) pace() time.Duration {
	every := g.every
	if budgets := g.of.budgets.Load(); budgets != nil && *budgets != nil {
		every = max(every, rates((*budgets)(g.host))[g.what])
	}
	share := g.of.share.Load()
	if every == 0 || share == nil || *share == nil {
		return every
	}
	return max((*share)(g.host, every), 0)
}

// mostAsleep is how long a gate sleeps at most until it looks whether its pace changed.
const mostAsleep = time.Second

// arm wakes the gate for the first who waits.
func (h *hosts) arm(g *gate, now time.Time) {
	left := min(max(0, g.left(now)), mostAsleep)
	if g.timer == nil {
		g.timer = time.AfterFunc(left, func() { h.open(g) })
		return
	}
	g.timer.Reset(left)
}

// open lets those pass who may.
func (h *hosts) open(g *gate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock()
	for first := g.waiting.Front(); first != nil && g.left(now) <= 0; first = g.waiting.Front() {
		g.last = now
		close(g.waiting.Remove(first).(chan struct{}))
	}
	if g.waiting.Len() > 0 {
		h.arm(g, now)
	}
}

// claim makes a source one of a host's.
func (h *hosts) claim(j *job, name string) *host {
	at := h.byName[name]
	if at == nil {
		h.sweep()
		at = &host{users: make(map[*job]struct{})}
		for what := range at.gates {
			at.gates[what] = gate{of: h, host: name, what: act(what)}
		}
		h.byName[name] = at
	}
	if _, known := at.users[j]; known {
		return at
	}
	alone := len(at.users) == 0 // who was here before gave its limits up
	at.users[j] = struct{}{}
	mine := append(h.claims[j], name)
	if len(mine) > mostClaims {
		h.leave(j, mine[0])
		mine = mine[1:]
	}
	h.claims[j] = mine
	for what, every := range j.paces() {
		if g := &at.gates[what]; every > g.every || alone {
			g.every = every
			h.rearm(g)
		}
	}
	return at
}

// release gives up all that a source has to do with hosts.
func (h *hosts) release(j *job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range h.claims[j] {
		h.leave(j, name)
	}
	delete(h.claims, j)
}

// leave takes a source off a host, with its limits.
func (h *hosts) leave(j *job, name string) {
	at := h.byName[name]
	delete(at.users, j)
	if len(at.users) == 0 { // what it got lately still counts
		return
	}
	var paces [acts]time.Duration
	for other := range at.users {
		for what, every := range other.paces() {
			paces[what] = max(paces[what], every)
		}
	}
	for what := range at.gates {
		if g := &at.gates[what]; g.every != paces[what] {
			g.every = paces[what]
			h.rearm(g)
		}
	}
}

// rearm takes a changed pace over.
func (h *hosts) rearm(g *gate) {
	if g.waiting.Len() > 0 {
		h.arm(g, h.clock())
	}
}

// sweep forgets, once in a while, the hosts that no source uses and that got nothing lately.
func (h *hosts) sweep() {
	if len(h.byName) < 2*h.swept+64 {
		return
	}
	now := h.clock()
	for name, at := range h.byName {
		if len(at.users) == 0 && at.rested(now) {
			delete(h.byName, name)
		}
	}
	h.swept = len(h.byName)
}

func (at *host) rested(now time.Time) bool {
	for what := range at.gates {
		if g := &at.gates[what]; g.left(now) > 0 || g.waiting.Len() > 0 {
			return false
		}
	}
	return true
}

// paces are the times from one act to the next that a source's spec asks for; 0 is no bound.
func (j *job) paces() [acts]time.Duration {
	paces := rates(j.spec.Budget)
	if paces[connects] == 0 {
		paces[connects] = connectEvery
	}
	return paces
}

// rates are the times from one act to the next of a budget, which may be nil; 0 is no bound.
func rates(b *spec.Budget) [acts]time.Duration {
	if b == nil {
		return [acts]time.Duration{}
	}
	return [acts]time.Duration{connects: b.Connects.Every, requests: b.Requests.Every, sends: b.Sends.Every}
}

// pass waits until the source may do one more act on a host, as the budgets of all sources say.
func (l *Line) pass(ctx context.Context, host string, what act) error {
	defer l.hold()()
	return l.cfg.hosts.pass(ctx, l.job, host, what)
}

// Pace waits until the source may send its feed one more message: a hundred at once, then fifty a
// second, so that no feed is flooded, should it answer each answer; and not more than budgets say.
func (l *Line) Pace(ctx context.Context) error {
	if err := pause(ctx, func() time.Duration { return l.job.sends.wait(l.cfg.Clock()) }); err != nil {
		return err
	}
	if host := l.host.Load(); host != nil {
		return l.pass(ctx, *host, sends)
	}
	return nil
}

// pause sleeps for as long as it is told, until that is 0.
func pause(ctx context.Context, wait func() time.Duration) error {
	for {
		left := wait()
		if left == 0 {
			return nil
		}
		if err := Sleep(ctx, left); err != nil {
			return err
		}
	}
}

// Sleep waits for so long, or until ctx ends: then its cause is the error.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// SetShare gives what is asked at each act on a host for this node's part of the pace that the mesh has there: every is
// from one act to the next of all nodes, the answer that of this node. It must neither block nor call back; nil: all is this node's.
func (s *Sources) SetShare(share func(host string, every time.Duration) time.Duration) {
	s.cfg.hosts.share.Store(&share)
}

// SetBudgets gives what is asked at each act on a host for the lowest budget of all sources that the mesh has there; nil where there is
// none. It must neither block nor call back.
func (s *Sources) SetBudgets(budgets func(host string) *spec.Budget) {
	s.cfg.hosts.budgets.Store(&budgets)
}
