package core_test

import (
	"fmt"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// detect is how long the others take a node for alive that is dead or beyond a partition.
const detect = 2500 * time.Millisecond

// node is a node of a lab: what is around a core.
type node struct {
	lab   *lab
	index int
	id    messages.NodeID
	disk  *disk
	// skew is how far its wall clock is from the others'.
	skew time.Duration

	core *core.Core // nil while it is down
	cfg  core.Config
	// life counts its starts. offset is what its monotonic clock began with.
	life   int
	offset time.Duration
	downAt time.Duration
	// paused: it gets nothing, and later all of backlog at once.
	paused  bool
	backlog []func(*core.Core, core.Now)

	// epoch is what it numbers with, sequence the last that it gave, heard the highest position of its own that
	// others named.
	epoch, sequence uint64
	heard           messages.Position
	version         uint64

	// sockets are the links that are up, told the peers to which one is as far as the core has heard.
	sockets []socket
	told    map[messages.NodeID]bool
	calls   []*call
	claims  []*call

	appends appends
	// shown are the ephemeral records of others, cursors where a reader stands in each origin.
	shown   map[recordKey]frame.Ephemeral
	cursors map[messages.NodeID]messages.Position
	// moved: the reader may go on. ticks counts calls of the core without the time going on.
	moved bool
	ticks int
}

// recordKey names an ephemeral record.
type recordKey struct {
	node messages.NodeID
	kind uint8
}

// start begins a life of a node that is down.
func (n *node) start() {
	n.life++
	n.offset = time.Duration(n.life*7+n.index+1) * time.Hour
	n.epoch = max(n.disk.epoch+1, uint64(n.wall()))
	n.disk.epoch = n.epoch
	n.sequence, n.heard, n.version = 0, messages.Position{}, 0
	n.appends = appends{lag: time.Millisecond}
	n.told = make(map[messages.NodeID]bool)
	n.shown = make(map[recordKey]frame.Ephemeral)
	n.cfg = core.Config{
		Node: n.id, Epoch: n.epoch, Seed: n.lab.rand.Uint64(), Lines: n.disk.restore(), Registry: n.disk.events(),
		Expect: true, Patient: 5 * time.Second,
	}
	if n.lab.tune != nil {
		n.lab.tune(&n.cfg)
	}
	c, err := core.New(n.cfg)
	if err != nil {
		n.lab.Fatalf("%s does not start: %v", n.id, err)
	}
	n.core, n.moved = c, true
	n.lab.tracef(n, "starts with epoch %d", n.epoch)
	n.lab.members()
}

// crash ends a life of a node; machine: its peers hear nothing of it.
func (n *node) crash(machine bool) {
	n.lab.tracef(n, "ends")
	n.core, n.paused, n.backlog = nil, false, nil
	n.downAt = n.lab.now
	n.life++
	for _, k := range n.sockets {
		k.link.hang(k.side, !machine)
	}
	n.sockets, n.calls, n.claims = nil, nil, nil
	n.lab.in(detect, n.lab.members)
}

// listed tells whether memberlist takes the node for alive.
func (n *node) listed() bool { return n.core != nil || n.life > 0 && n.lab.now-n.downAt < detect }

// inLife makes something that is only done while the node lives this life.
func (n *node) inLife(do func()) func() {
	life := n.life
	return func() {
		if n.life == life && n.core != nil {
			do()
		}
	}
}

func (n *node) wall() int64 { return begin + (n.lab.now + n.skew).Milliseconds() }

func (n *node) clock() core.Now { return core.Now{Mono: n.offset + n.lab.now, Wall: n.wall()} }

// due is when the core is to be called.
func (n *node) due() time.Duration {
	if n.core == nil || n.paused {
		return 1 << 62
	}
	return max(n.core.Due()-n.offset, n.lab.now)
}

func (n *node) tick() { n.input(func(c *core.Core, now core.Now) { c.Tick(now) }) }

// input gives the core something, and does what it puts out.
func (n *node) input(give func(*core.Core, core.Now)) {
	switch {
	case n.core == nil:
	case n.paused:
		n.backlog = append(n.backlog, give)
	default:
		give(n.core, n.clock())
		n.drain()
	}
}

// resume gives a paused node all that it missed.
func (n *node) resume() {
	if !n.paused {
		return
	}
	list := n.backlog
	n.paused, n.backlog = false, nil
	for _, give := range list {
		n.input(give)
	}
}

// drain does what the core has put out, until it puts out nothing more.
func (n *node) drain() {
	for n.core != nil {
		list := n.core.Take(nil)
		if len(list) == 0 {
			break
		}
		for i := range list {
			if n.core != nil {
				n.do(&list[i])
			}
		}
	}
	if n.core != nil && n.moved {
		n.moved = false
		n.read()
	}
}

// do does one thing for the core.
func (n *node) do(o *core.Output) {
	if n.lab.seen != nil {
		n.lab.seen(n, fmt.Sprint(o.Kind, o.Class, o.Backfill, o.Peer, id(o.Batch), o.Pull, o.Origin, o.Epoch, o.Range, o.Floor, o.Prior, o.Reason, o.Events, o.Record), o.Frame)
	}
	switch o.Kind {
	case core.Send:
		n.send(o.Peer, o.Frame, o.Class)
	case core.Append:
		n.checkAppend(o.Batch)
		n.append(o.Batch, false)
	case core.Serve:
		peer, pull := o.Peer, o.Pull
		n.lab.in(time.Millisecond, n.inLife(func() { n.serve(peer, pull) }))
	case core.Dial:
		n.lab.tracef(n, "dials %s", o.Peer)
		n.call(n.lab.find(o.Peer))
	case core.Undial:
		n.lab.tracef(n, "does not dial %s any more", o.Peer)
		n.hangUp(n.lab.find(o.Peer))
	case core.Close:
		n.lab.tracef(n, "closes %s: %s", o.Peer, o.Reason)
		n.close(o.Peer)
	case core.Refuse:
		n.refuse(n.lab.find(o.Peer))
	default:
		n.keep(o)
	}
}

// keep does what concerns the disk and what is shown.
func (n *node) keep(o *core.Output) {
	n.moved = true
	switch o.Kind {
	case core.GiveUp:
		n.lab.tracef(n, "gives up %s-%d %s", o.Origin, o.Epoch, o.Range)
		n.disk.flow(o.Origin, o.Epoch).giveUp(o.Range)
	case core.Raise:
		n.lab.tracef(n, "raises %s-%d to %d", o.Origin, o.Epoch, o.Floor)
		n.disk.flow(o.Origin, o.Epoch).raise(o.Floor)
	case core.Renew:
		n.renew(o.Epoch, o.Prior)
	case core.Prior:
		n.hear(o.Prior)
	case core.Learn:
		for _, e := range o.Events {
			n.disk.learn(e)
		}
	case core.Show:
		key := recordKey{o.Record.Node, o.Record.Kind}
		if old, ok := n.shown[key]; ok && !newer(o.Record, &old) {
			n.lab.Fatalf("%s: %s is shown %+v after %+v", n.lab.now, n.id, o.Record, old)
		}
		n.shown[key] = *o.Record
	case core.Cover:
		n.checkCover(o)
	default:
		n.lab.Fatalf("%s: %s puts out %+v", n.lab.now, n.id, o)
	}
}

func newer(a, b *frame.Ephemeral) bool {
	return a.Epoch > b.Epoch || a.Epoch == b.Epoch && a.Version > b.Version
}

func (n *node) hear(p messages.Position) {
	if p.Compare(n.heard) > 0 {
		n.heard = p
	}
}

// renew gives the node another epoch.
func (n *node) renew(above uint64, prior messages.Position) {
	n.hear(prior)
	n.epoch = max(above+1, n.disk.epoch+1, uint64(n.wall()))
	n.disk.epoch, n.sequence = n.epoch, 0
	n.lab.tracef(n, "numbers with epoch %d", n.epoch)
	n.core.Renewed(n.clock(), n.epoch)
}

// publish seals a batch of the node's own, if its journal takes it.
func (n *node) publish(size int) {
	if n.core == nil || n.paused || n.appends.failing || n.appends.stuck {
		return
	}
	n.sequence++
	n.disk.clock = n.disk.clock.Next(time.UnixMilli(n.wall()))
	h := messages.Header{Origin: n.id, Epoch: n.epoch, Sequence: n.sequence, First: n.disk.clock, Last: n.disk.clock, Count: 1}
	if n.sequence == 1 {
		h.Prior = n.prior()
	}
	b := wire.StandIn(h, make([]byte, size))
	n.lab.sealed[b.ID()] = b
	n.append(b, true)
}

// prior is where the node's line stood before its epoch.
func (n *node) prior() messages.Position {
	p := n.disk.last(n.id)
	for _, a := range n.appends.list { // on its way to the disk
		if a.local && a.batch.Position().Compare(p) > 0 {
			p = a.batch.Position()
		}
	}
	if n.heard.Compare(p) > 0 && n.heard.Epoch < n.epoch {
		p = n.heard
	}
	return p
}

// register decides a new value of a register of the registry.
func (n *node) register(key string) {
	if n.core == nil || n.paused {
		return
	}
	e := frame.Event{Key: key, Revision: n.disk.registry[key].Revision + 1, HLC: messages.HLCFromMillis(n.wall()), Node: n.id, Body: []byte(n.lab.now.String())}
	n.disk.learn(e)
	n.input(func(c *core.Core, now core.Now) { c.Register(now, []frame.Event{e}) })
}

// report publishes the node's status.
func (n *node) report() {
	if n.core == nil || n.paused {
		return
	}
	n.version++
	r := frame.Ephemeral{Node: n.id, Kind: 1, Epoch: n.epoch, Version: n.version, Body: []byte(n.lab.now.String())}
	n.input(func(c *core.Core, now core.Now) { c.Publish(now, r) })
}
