package core

import (
	"math/rand/v2"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// Core is the part of a node's gossip that decides: a state machine of which the methods are the inputs, and
// Take gives the outputs. It has no clock, no goroutine and does no I/O; what it chooses at random follows from
// Config.Seed. It is for one goroutine.
type Core struct {
	cfg     Config
	rand    *rand.Rand
	now     Now
	begun   bool
	opened  bool // what the journal held at the start is taken up
	started Now
	outputs []Output
	stats   Stats

	overlay  overlay
	links    map[messages.NodeID]*link
	slots    [Slots]*link
	up, live mask // links that are up; of those, the ones that are not silent
	// linked is how long at least one link was up, until now.
	linked time.Duration
	beatAt time.Duration

	lines   messages.Lines
	origins map[messages.NodeID]*origin
	// order is the origins by when they were met: what walks over all of them must be the same each time.
	order []*origin
	self  *origin

	changed    []*flow // whose heads are to be announced
	announceAt time.Duration
	work       agenda
	old        backfill
	days       days
	digestAt   time.Duration

	appending int
	stall     stall
	gaps      []gap // the oldest first

	refresh refresh
	above   above
	// past is the highest epoch that is known to have been this node's before.
	past     uint64
	stopped  bool
	nextPull uint64
	// pulls are the flows of the open pulls, by the pulls' numbers.
	pulls  map[uint64]*flow
	pushes []frame.Push

	registry registry
	status   map[statusKey]*report
	fresh    []*report // that are to be told
	sought   []*report // that others have
	// compared counts digests that were sent, so that versions of records are told with some of them.
	compared int
}

// New makes a core.
func New(cfg Config) (*Core, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Core{
		cfg: cfg, rand: rand.New(rand.NewPCG(cfg.Seed, 0x614e6f6465)),
		links: make(map[messages.NodeID]*link), lines: cfg.Lines, origins: make(map[messages.NodeID]*origin),
		pulls: make(map[uint64]*flow), status: make(map[statusKey]*report), old: newBackfill(), days: newDays(),
	}
	c.overlay = newOverlay()
	c.registry = newRegistry(cfg.Registry)
	for _, id := range cfg.Lines.Origins() {
		c.adopt(id)
	}
	c.self = c.meet(cfg.Node)
	c.nextPull = uint64(c.rand.Uint32()) // an answer of a former life is none of this one
	return c, nil
}

// Lines are what the node holds, as the core knows it. They must not be changed.
func (c *Core) Lines() messages.Lines { return c.lines }

// begin takes the time of an input.
func (c *Core) begin(now Now) {
	now.Mono = max(now.Mono, c.now.Mono, 1) // 0 is never
	if !c.begun {
		c.begun, c.started, c.now = true, now, now
		// Nodes that start together should not beat together.
		c.beatAt = now.Mono + time.Duration(c.rand.Int64N(int64(c.beat())))
		c.digestAt = now.Mono + time.Duration(c.rand.Int64N(int64(c.cfg.Digest)))
		c.open()
	}
	if passed := now.Mono - c.now.Mono; passed > 0 && c.up != 0 {
		c.linked += passed
	}
	c.now = now
}

// open takes up what the journal holds with holes in it.
func (c *Core) open() {
	for _, o := range c.order {
		c.chain(o)
		for e := range o.line.Epochs() {
			if len(o.line.GivenUp(e.Epoch)) > 0 {
				c.regret(o.id, e.Epoch)
			}
		}
	}
	c.opened = true
}

// end does what is due.
func (c *Core) end() {
	if c.now.Mono >= c.beatAt {
		c.beatAt = max(c.beatAt+c.beat(), c.now.Mono+c.beat()/2)
		c.pulse()
	}
	c.doWork()
	if c.old.due {
		c.fill()
	}
	if len(c.changed) > 0 && c.now.Mono >= c.announceAt {
		c.announce()
	}
}

// beat is how often links, digests and old holes are looked after.
func (c *Core) beat() time.Duration { return c.cfg.Ping / 2 }

func (c *Core) pulse() {
	c.tend()
	c.watch()
	c.tendOverlay()
	c.climb()
	if c.now.Mono >= c.digestAt {
		c.digestAt = c.now.Mono + c.cfg.Digest
		c.compare()
		c.sweep()
	}
	c.fill()
	c.tendGaps()
	c.tellStatus()
	c.seek()
}

func (c *Core) due() time.Duration {
	at := c.beatAt
	if len(c.changed) > 0 {
		at = min(at, c.announceAt)
	}
	if f := c.work.first(); f != nil {
		at = min(at, f.due)
	}
	return at
}

func (c *Core) put(o Output) { c.outputs = append(c.outputs, o) }

// receive takes a frame from a link.
func (c *Core) receive(peer messages.NodeID, f frame.Frame) {
	l := c.links[peer]
	if l == nil || l.closing {
		c.stats.Ignored++
		return
	}
	c.hear(l)
	switch f := f.(type) {
	case *frame.Push:
		c.push(l, f)
	case *frame.Have:
		c.have(l, f)
	case *frame.Pull:
		c.serve(l, f)
	case *frame.End:
		c.ended(l, f)
	case *frame.Graft:
		c.graft(l, f)
	case *frame.Prune:
		c.prune(l, f)
	case *frame.Digest:
		c.digest(l, f)
	case *frame.Registry:
		c.learn(l, f)
	case *frame.Status:
		c.show(l, f)
	case *frame.Versions:
		c.versions(l, f)
	case *frame.Ping:
		c.send(l, &frame.Pong{Nonce: f.Nonce, Time: f.Time}, Control)
	case *frame.Pong:
		c.pong(l, f)
	case *frame.Bye:
		c.close(l, "the peer says: "+f.Reason)
	default:
		c.stats.Ignored++
	}
}
