package sim_test

import (
	"slices"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// flooder is a core that sends everything to everybody, and to whom it meets all that it has: simple enough to be
// right. What a test replaces is wrong.
type flooder struct {
	cfg      core.Config
	now      core.Now
	outputs  []core.Output
	wanted   []messages.NodeID
	links    []messages.NodeID
	batches  []*wire.Sealed
	from     map[*wire.Sealed]messages.NodeID
	received int
	heard    []frame.Frame
	// queued is what was said of the queue to each peer.
	queued map[messages.NodeID]int
	down   int
	served []messages.Range
	parts  int

	// push replaces what is done with a batch that came, due what is said to be due, met what is done when a link is up.
	push func(f *flooder, peer messages.NodeID, p *frame.Push)
	due  func(f *flooder) time.Duration
	met  func(f *flooder, peer messages.NodeID)
	got  func(f *flooder, peer messages.NodeID, x frame.Frame)
}

func newFlooder(cfg core.Config) *flooder {
	return &flooder{cfg: cfg, from: make(map[*wire.Sealed]messages.NodeID), queued: make(map[messages.NodeID]int)}
}

func (f *flooder) put(o core.Output) { f.outputs = append(f.outputs, o) }

func (f *flooder) send(peer messages.NodeID, x frame.Frame, class core.Class) {
	f.put(core.Output{Kind: core.Send, Peer: peer, Frame: x, Class: class})
}

func (f *flooder) Members(now core.Now, m *core.Members) {
	f.now = now
	for _, id := range m.Neighbours(f.cfg.Node, func(messages.NodeID) bool { return false }) {
		if !slices.Contains(f.wanted, id) {
			f.wanted = append(f.wanted, id)
			f.put(core.Output{Kind: core.Dial, Peer: id})
		}
	}
}

func (f *flooder) LinkUp(now core.Now, peer messages.NodeID, _ *frame.Hello) {
	f.now = now
	f.links = append(f.links, peer)
	if f.met != nil {
		f.met(f, peer)
	}
	for _, b := range f.batches {
		f.send(peer, &frame.Push{Batch: b, Hop: 1, Repair: true}, core.Repair)
	}
}

func (f *flooder) LinkDown(now core.Now, peer messages.NodeID) {
	f.now = now
	f.down++
	f.links = slices.DeleteFunc(f.links, func(id messages.NodeID) bool { return id == peer })
	if slices.Contains(f.wanted, peer) {
		f.put(core.Output{Kind: core.Dial, Peer: peer})
	}
}

func (f *flooder) Receive(now core.Now, peer messages.NodeID, x frame.Frame) {
	f.now = now
	if f.got != nil {
		f.got(f, peer, x)
	}
	p, ok := x.(*frame.Push)
	if !ok {
		return
	}
	f.received++
	if f.push != nil {
		f.push(f, peer, p)
		return
	}
	f.take(peer, p)
}

// take appends what is new.
func (f *flooder) take(peer messages.NodeID, p *frame.Push) {
	if _, known := f.from[p.Batch]; known || f.Lines()[p.Batch.Origin] != nil && f.Lines()[p.Batch.Origin].Holds(p.Batch.Epoch, p.Batch.Sequence) {
		return
	}
	f.from[p.Batch] = peer
	f.put(core.Output{Kind: core.Append, Batch: p.Batch, Peer: peer})
}

func (f *flooder) Local(now core.Now, b *wire.Sealed) {
	f.now = now
	f.from[b] = ""
	f.hold(b)
}

func (f *flooder) Appended(now core.Now, b *wire.Sealed, result core.Result) {
	f.now = now
	if result == core.Stored {
		f.hold(b)
	} else {
		delete(f.from, b)
	}
}

func (f *flooder) hold(b *wire.Sealed) {
	f.cfg.Lines.Open(b.Origin).Hold(&b.Header)
	f.batches = append(f.batches, b)
	for _, peer := range f.links {
		if peer != f.from[b] {
			f.send(peer, &frame.Push{Batch: b, Hop: 1}, core.Live)
		}
	}
}

func (f *flooder) Queued(_ core.Now, peer messages.NodeID, bytes int) { f.queued[peer] = bytes }
func (f *flooder) Lost(_ core.Now, origin messages.NodeID, epoch uint64, lost messages.Range) {
	f.cfg.Lines.Open(origin).Lose(epoch, lost)
}

func (f *flooder) Dropped(_ core.Now, origin messages.NodeID, epoch, floor uint64) {
	f.cfg.Lines.Open(origin).Raise(epoch, floor)
}

func (f *flooder) Forgotten(_ core.Now, origin messages.NodeID, epoch uint64) {
	f.cfg.Lines.Open(origin).Forget(epoch)
}

func (f *flooder) Served(_ core.Now, _ messages.NodeID, _ uint64, missing []messages.Range) {
	f.served = append(f.served, missing...)
}

func (f *flooder) Claim(_ core.Now, peer messages.NodeID) {
	f.put(core.Output{Kind: core.Close, Peer: peer})
}
func (f *flooder) Heard(core.Now, messages.NodeID) { f.parts++ }

func (*flooder) Room(core.Now, int64)              {}
func (*flooder) Renewed(core.Now, uint64)          {}
func (*flooder) Register(core.Now, []frame.Event)  {}
func (*flooder) Publish(core.Now, frame.Ephemeral) {}
func (f *flooder) Tick(now core.Now)               { f.now = now }

func (f *flooder) Due() time.Duration {
	if f.due != nil {
		return f.due(f)
	}
	return 1 << 62
}

func (f *flooder) Take(list []core.Output) []core.Output {
	list = append(list, f.outputs...)
	f.outputs = f.outputs[:0]
	return list
}

func (f *flooder) Hello(messages.NodeID) frame.Hello { return frame.Hello{Node: f.cfg.Node} }
func (f *flooder) Lines() messages.Lines             { return f.cfg.Lines }
func (*flooder) Stats() core.Stats                   { return core.Stats{} }
