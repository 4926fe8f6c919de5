package core_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// hub is a core with some links, whose frames go nowhere.
type hub struct {
	*core.Core
	now   core.Now
	list  []core.Output
	peers []messages.NodeID
}

func newHub(b testing.TB, links int) *hub {
	c, err := core.New(core.Config{Node: "me", Epoch: 1, Expect: true})
	if err != nil {
		b.Fatal(err)
	}
	h := &hub{Core: c, now: core.Now{Mono: time.Second, Wall: 1_700_000_000_000}}
	members := []messages.NodeID{"me"}
	for i := range links {
		h.peers = append(h.peers, messages.NodeID(fmt.Sprintf("p%02d", i)))
	}
	h.Members(h.now, core.NewMembers(append(members, h.peers...)))
	for _, p := range h.peers {
		h.LinkUp(h.now, p, &frame.Hello{Node: p, Epoch: 1})
	}
	h.done(core.Stored)
	return h
}

// done does what the core asks for: appends are answered.
func (h *hub) done(result core.Result) {
	for {
		h.list = h.Take(h.list[:0])
		if len(h.list) == 0 {
			return
		}
		for i := range h.list {
			if h.list[i].Kind == core.Append {
				h.Appended(h.now, h.list[i].Batch, result)
			}
		}
	}
}

func (h *hub) pass(d time.Duration) {
	h.now.Mono += d
	h.now.Wall += d.Milliseconds()
}

var body = make([]byte, 512)

func batches(origin messages.NodeID, from, n int) []*wire.Sealed {
	list := make([]*wire.Sealed, n)
	for i := range list {
		at := messages.HLCFromMillis(1_700_000_000_000 + int64(from+i))
		list[i] = wire.StandIn(messages.Header{Origin: origin, Epoch: 1, Sequence: uint64(from + i), First: at, Last: at, Count: 1}, body)
	}
	return list
}

// A batch comes by the tree, is appended, and goes on to 8 links: 10,000 a second, so that announcements are in it.
func BenchmarkPush(b *testing.B) {
	h := newHub(b, 9)
	list := batches("origin", 1, b.N)
	pushes := make([]frame.Push, b.N)
	for i := range pushes {
		pushes[i] = frame.Push{Hop: 3, Batch: list[i]}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		h.pass(100 * time.Microsecond)
		if i%1000 == 0 { // the peers are alive
			for _, p := range h.peers {
				h.Heard(h.now, p)
			}
		}
		h.Receive(h.now, h.peers[0], &pushes[i])
		h.done(core.Stored)
	}
	if s := h.Stats(); s.Sent < uint64(b.N)*8 {
		b.Fatalf("%+v", s)
	}
}

// A batch of the node's own goes to 9 links.
func BenchmarkLocal(b *testing.B) {
	h := newHub(b, 9)
	list := batches("me", 1, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		h.pass(100 * time.Microsecond)
		if i%1000 == 0 {
			for _, p := range h.peers {
				h.Heard(h.now, p)
			}
		}
		h.Local(h.now, list[i])
		h.done(core.Stored)
	}
}

// known fills a core with origins that have 100 batches each.
func (h *hub) known(origins int) *frame.Have {
	have := &frame.Have{}
	for o := range origins {
		id := messages.NodeID(fmt.Sprintf("origin%06d", o))
		have.Flows = append(have.Flows, frame.Held{Origin: id, Epoch: 1, Floor: 1, Run: 1, Head: 100, HLC: messages.HLCFromMillis(1_700_000_000_000)})
		for _, s := range batches(id, 1, 100) {
			h.Receive(h.now, h.peers[0], &frame.Push{Batch: s})
			h.done(core.Stored)
		}
	}
	return have
}

// An announcement of 1,000 flows, of which nothing is missing: time a flow.
func BenchmarkHave(b *testing.B) {
	h := newHub(b, 9)
	have := h.known(1000)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		h.Receive(h.now, h.peers[i%len(h.peers)], have)
		h.done(core.Stored)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/flow")
}

// A second of a node with 9 links over which nothing goes but pings and digests, with 1,000 origins.
func BenchmarkIdleSecond(b *testing.B) {
	h := newHub(b, 9)
	h.known(1000)
	before := h.Stats().Control
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for range 8 {
			h.pass(125 * time.Millisecond)
			for _, p := range h.peers {
				h.Receive(h.now, p, &frame.Ping{Nonce: 1})
			}
			h.Tick(h.now)
			h.done(core.Stored)
		}
	}
	b.ReportMetric(float64(h.Stats().Control-before)/float64(b.N), "bytes/s")
}

// What a core takes with 9 links, by the number of origins that it knows.
func BenchmarkMemory(b *testing.B) {
	for _, origins := range []int{0, 10, 1000} {
		b.Run(fmt.Sprint(origins, " origins"), func(b *testing.B) {
			var before, after runtime.MemStats
			var keep []*hub
			for range b.N {
				runtime.GC()
				runtime.ReadMemStats(&before)
				h := newHub(b, 9)
				have := h.known(origins)
				for _, p := range h.peers {
					h.Receive(h.now, p, have)
					h.done(core.Stored)
				}
				h.list = nil
				have = nil
				_ = have
				runtime.GC()
				runtime.ReadMemStats(&after)
				keep = append(keep, h)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc), "B/core")
			runtime.KeepAlive(keep)
		})
	}
}
