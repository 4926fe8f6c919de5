package core_test

import (
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// reply is a peer's answer to a pull.
type reply struct {
	peer messages.NodeID
	end  *frame.End
}

// me is the node of a desk.
const me messages.NodeID = "me"

// desk is one core, whose peers and journal are played by the test: it says what comes in, and looks at what is
// put out. Peers say something now and then, so that their links live, unless they are mute.
type desk struct {
	testing.TB
	*core.Core
	now    core.Now
	linked []messages.NodeID
	mute   map[messages.NodeID]bool
	// replies are how peers answer pulls, while time passes; owed are answers on their way.
	replies map[messages.NodeID]func(*frame.Pull) *frame.End
	owed    []reply
	// out is what was put out since the last look.
	out []core.Output
	// busy: the journal does not answer. appends are those that wait then.
	busy    bool
	appends []*wire.Sealed
	sealed  map[messages.BatchID]*wire.Sealed
}

// newDesk makes a desk. tune, where it is not nil, changes its configuration.
func newDesk(t testing.TB, tune func(*core.Config)) *desk {
	t.Helper()
	cfg := core.Config{Node: me, Epoch: 10, Expect: true, Lines: messages.Lines{}}
	if tune != nil {
		tune(&cfg)
	}
	c, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{
		TB: t, Core: c, now: core.Now{Mono: time.Hour, Wall: begin}, mute: make(map[messages.NodeID]bool), sealed: make(map[messages.BatchID]*wire.Sealed),
		replies: make(map[messages.NodeID]func(*frame.Pull) *frame.End),
	}
	d.Tick(d.now)
	d.drain()
	return d
}

// drain keeps what was put out, and answers for the journal.
func (d *desk) drain() {
	d.Helper()
	for {
		list := d.Take(nil)
		if len(list) == 0 {
			return
		}
		d.out = append(d.out, list...)
		for i := range list {
			d.done(&list[i])
		}
	}
}

func (d *desk) done(o *core.Output) {
	d.Helper()
	switch o.Kind {
	case core.Send:
		if err := frame.Check(o.Frame); err != nil {
			d.Fatalf("%s is sent to %s: %v", describe(o.Frame), o.Peer, err)
		}
		if p, ok := o.Frame.(*frame.Pull); ok && d.replies[o.Peer] != nil {
			d.owed = append(d.owed, reply{o.Peer, d.replies[o.Peer](p)})
		}
	case core.Append:
		if d.appends = append(d.appends, o.Batch); !d.busy {
			d.answer(core.Stored)
		}
	case core.Close:
		if slices.Contains(d.linked, o.Peer) {
			d.down(o.Peer)
		}
	}
}

// answer answers the appends that wait, alike.
func (d *desk) answer(result core.Result) {
	d.Helper()
	list := d.appends
	d.appends = nil
	for _, b := range list {
		d.Appended(d.now, b, result)
	}
	d.drain()
}

// clear forgets what was put out.
func (d *desk) clear() { d.out = nil }

// members says who is alive, besides the node.
func (d *desk) members(peers ...messages.NodeID) {
	d.Members(d.now, core.NewMembers(append(peers, me)))
	d.drain()
}

// link brings links up, and forgets what is said at their beginning.
func (d *desk) link(peers ...messages.NodeID) {
	for _, peer := range peers {
		d.linked = append(d.linked, peer)
		d.LinkUp(d.now, peer, &frame.Hello{Node: peer, Epoch: 1})
	}
	d.drain()
	d.clear()
}

func (d *desk) down(peer messages.NodeID) {
	d.linked = slices.DeleteFunc(d.linked, func(p messages.NodeID) bool { return p == peer })
	d.LinkDown(d.now, peer)
	d.drain()
}

// gets has a frame come in from a peer.
func (d *desk) gets(peer messages.NodeID, f frame.Frame) {
	d.Helper()
	if err := frame.Check(f); err != nil {
		d.Fatalf("the test sends %s: %v", describe(f), err)
	}
	d.Receive(d.now, peer, f)
	d.drain()
}

// pushed has a batch come in by the tree.
func (d *desk) pushed(peer messages.NodeID, b *wire.Sealed) {
	d.Helper()
	d.gets(peer, &frame.Push{Hop: 1, Batch: b})
}

// repaired has a batch come in that was asked for.
func (d *desk) repaired(peer messages.NodeID, b *wire.Sealed) {
	d.Helper()
	d.gets(peer, &frame.Push{Hop: 1, Batch: b, Repair: true})
}

// announced has a peer say that it holds a flow from 1 to a head.
func (d *desk) announced(peer, origin messages.NodeID, epoch, head uint64) {
	d.Helper()
	d.gets(peer, &frame.Have{Flows: []frame.Held{{Origin: origin, Epoch: epoch, Floor: 1, Run: 1, Head: head, HLC: stamp(epoch, head)}}})
}

// batch is the batch of a place, the same each time.
func (d *desk) batch(origin messages.NodeID, epoch, sequence uint64) *wire.Sealed {
	return d.large(origin, epoch, sequence, 300)
}

// large is a batch with so many bytes.
func (d *desk) large(origin messages.NodeID, epoch, sequence uint64, bytes int) *wire.Sealed {
	id := messages.BatchID{Origin: origin, Epoch: epoch, Sequence: sequence}
	if d.sealed[id] == nil {
		d.sealed[id] = wire.StandIn(header(origin, epoch, sequence), make([]byte, bytes))
	}
	return d.sealed[id]
}

// header is that of a batch of a desk: its reading is its sequence after its epoch, in ms.
func header(origin messages.NodeID, epoch, sequence uint64) messages.Header {
	at := stamp(epoch, sequence)
	return messages.Header{Origin: origin, Epoch: epoch, Sequence: sequence, First: at, Last: at, Count: 1}
}

// stamp is the reading of a batch: all are sealed before the desk begins, those of a later epoch later.
func stamp(epoch, sequence uint64) messages.HLC {
	return messages.HLCFromMillis(begin - 1_000_000 + int64(epoch)*10_000 + int64(sequence))
}

// holding has the node hold some of a flow from the start.
func holding(origin messages.NodeID, epoch, from, to uint64) func(*core.Config) {
	return func(c *core.Config) { hold(c.Lines.Open(origin), epoch, from, to) }
}

func hold(line *messages.Line, epoch, from, to uint64) {
	for q := from; q <= to; q++ {
		h := header(line.Origin, epoch, q)
		line.Hold(&h)
	}
}

// local has the node seal a batch of its own.
func (d *desk) local(sequence uint64) {
	d.Helper()
	d.Local(d.now, d.batch(me, 10, sequence))
	d.drain()
}

// alive is how often peers say something.
const alive = 200 * time.Millisecond

// pass lets time pass: the core is called when it wants to be, and peers say something.
func (d *desk) pass(span time.Duration) {
	d.Helper()
	end := d.now.Mono + span
	for d.now.Mono < end {
		next := min(end, (d.now.Mono/alive+1)*alive)
		beat := next == (d.now.Mono/alive+1)*alive
		if due := d.Due(); due < next {
			next, beat = max(due, d.now.Mono), false
		}
		d.now = core.Now{Mono: next, Wall: begin + (next - time.Hour).Milliseconds()}
		if beat {
			for _, peer := range slices.Clone(d.linked) {
				if !d.mute[peer] {
					d.Receive(d.now, peer, &frame.Pong{Time: int64(d.now.Mono)})
				}
			}
		}
		d.Tick(d.now)
		d.drain()
		d.reply()
	}
}

func (d *desk) reply() {
	d.Helper()
	owed := d.owed
	d.owed = nil
	for _, r := range owed {
		if slices.Contains(d.linked, r.peer) {
			d.gets(r.peer, r.end)
		}
	}
}

// denying has peers answer all pulls with that they hold nothing of it.
func (d *desk) denying(peers ...messages.NodeID) {
	for _, peer := range peers {
		d.replies[peer] = func(p *frame.Pull) *frame.End { return &frame.End{ID: p.ID, NotHeld: p.Ranges} }
	}
}

// sent are the frames of a type that were sent to a peer since the last look.
func sent[F frame.Frame](d *desk, peer messages.NodeID) (list []F) {
	for i := range d.out {
		if f, ok := d.out[i].Frame.(F); ok && d.out[i].Kind == core.Send && d.out[i].Peer == peer {
			list = append(list, f)
		}
	}
	return list
}

// got tells which sequences of a flow were pushed to a peer since the last look.
func (d *desk) got(peer, origin messages.NodeID, epoch uint64) (list []uint64) {
	for _, p := range sent[*frame.Push](d, peer) {
		if b := p.Batch; b.Origin == origin && b.Epoch == epoch {
			list = append(list, b.Sequence)
		}
	}
	return list
}

// asked tells what a peer was asked for since the last look: all ranges of all pulls of a flow.
func (d *desk) asked(peer, origin messages.NodeID, epoch uint64) (list []messages.Range) {
	for _, p := range sent[*frame.Pull](d, peer) {
		if p.Origin == origin && p.Epoch == epoch {
			list = append(list, p.Ranges...)
		}
	}
	return list
}

// put are the outputs of a kind since the last look.
func (d *desk) put(kind core.Kind) (list []core.Output) {
	for i := range d.out {
		if d.out[i].Kind == kind {
			list = append(list, d.out[i])
		}
	}
	return list
}

// peers are those of the outputs of a kind, in order.
func (d *desk) peers(kind core.Kind) (list []messages.NodeID) {
	for _, o := range d.put(kind) {
		list = append(list, o.Peer)
	}
	return list
}

// same fails the test unless two lists are alike.
func same[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// none fails the test unless a list is empty.
func none[T any](t testing.TB, what string, got []T) {
	t.Helper()
	if len(got) > 0 {
		t.Errorf("%s: %v, want none", what, got)
	}
}

func list[T any](items ...T) []T { return items }

func run(from, to uint64) messages.Range { return messages.Range{From: from, To: to} }
