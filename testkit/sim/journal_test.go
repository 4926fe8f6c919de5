package sim_test

import (
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
	"anode/testkit/sim"
)

// recorder is a flooder that writes down what its journal answers.
type recorder struct {
	*flooder
	w       *recording
	node    sim.Node
	epoch   uint64
	rooms   []int64
	lost    []messages.Range
	dropped map[messages.BatchID]uint64
	forgot  []uint64
}

// answer is an answer of a journal.
type answer struct {
	at     time.Duration
	node   sim.Node
	batch  *wire.Sealed
	result core.Result
	local  bool
}

// recording is a mesh of recorders.
type recording struct {
	*world
	answers []answer
	nodes   []*recorder // the last life of each
}

func (r *recorder) Local(now core.Now, b *wire.Sealed) {
	r.w.answers = append(r.w.answers, answer{r.w.Now(), r.node, b, core.Stored, true})
	r.flooder.Local(now, b)
}

func (r *recorder) Appended(now core.Now, b *wire.Sealed, result core.Result) {
	r.w.answers = append(r.w.answers, answer{r.w.Now(), r.node, b, result, false})
	r.flooder.Appended(now, b, result)
}

func (r *recorder) Room(_ core.Now, bytes int64) { r.rooms = append(r.rooms, bytes) }

func (r *recorder) Lost(now core.Now, origin messages.NodeID, epoch uint64, lost messages.Range) {
	r.lost = append(r.lost, lost)
	r.flooder.Lost(now, origin, epoch, lost)
}

func (r *recorder) Dropped(now core.Now, origin messages.NodeID, epoch, floor uint64) {
	r.dropped[messages.BatchID{Origin: origin, Epoch: epoch}] = floor
	r.flooder.Dropped(now, origin, epoch, floor)
}

func (r *recorder) Forgotten(now core.Now, origin messages.NodeID, epoch uint64) {
	r.forgot = append(r.forgot, epoch)
	r.flooder.Forgotten(now, origin, epoch)
}

func (r *recorder) Renewed(_ core.Now, epoch uint64) { r.epoch = epoch }

func record(t *testing.T, nodes int, change func(*sim.Config)) *recording {
	t.Helper()
	w := &recording{nodes: make([]*recorder, 100)}
	cfg := sim.Config{Nodes: nodes, Seed: 1, Duration: time.Hour}
	if change != nil {
		change(&cfg)
	}
	cfg.New = func(c core.Config) (sim.Core, error) {
		node := sim.Node(slices.IndexFunc(w.nodes, func(r *recorder) bool { return r == nil || r.cfg.Node == c.Node }))
		r := &recorder{flooder: newFlooder(c), w: w, node: node, epoch: c.Epoch, dropped: make(map[messages.BatchID]uint64)}
		w.nodes[node] = r
		return r, nil
	}
	s, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.world = &world{Sim: s, t: t}
	return w
}

// play adds a script and runs to a time.
func (w *recording) play(script string, to time.Duration) {
	w.t.Helper()
	if err := w.Play(script); err != nil {
		w.t.Fatal(err)
	}
	w.to(to)
	for _, v := range w.Violations() {
		w.t.Error(v)
	}
}

// of are the answers of a node's journal.
func (w *recording) of(node sim.Node) []answer {
	return slices.DeleteFunc(slices.Clone(w.answers), func(a answer) bool { return a.node != node })
}

// An origin numbers without a gap, with a clock that never goes back, and its journal answers in its time.
func TestOriginsNumberInOrder(t *testing.T) {
	w := record(t, 3, nil)
	w.play("1s load at=0 rate=100 size=1000 records=3\n2s clock 0 -1h", 3*time.Second)
	list := w.of(0)
	if len(list) < 150 {
		t.Fatalf("%d batches", len(list))
	}
	var last messages.HLC
	for i, a := range list {
		b := a.batch
		if !a.local || b.Sequence != uint64(i+1) || b.First <= last || b.Last != b.First+2 || b.Count != 3 || len(b.Bytes()) != 1000 {
			t.Fatalf("batch %d is %+v", i+1, b.Header)
		}
		last = b.Last
	}
	if got := len(w.of(1)); got < len(list)-10 {
		t.Errorf("node 1 has %d of %d", got, len(list))
	}
}

// A later epoch names where the line stood: what the disk had, or others know, whichever is higher.
func TestEpochsAreOneLine(t *testing.T) {
	w := record(t, 2, func(c *sim.Config) { c.Sync = time.Second })
	w.play("1s load at=0 rate=20\n5500ms crash 0 back=1s", 8*time.Second)
	list := w.of(0)
	first := slices.IndexFunc(list, func(a answer) bool { return a.batch.Epoch > list[0].batch.Epoch })
	if first < 0 {
		t.Fatal("there is no second epoch")
	}
	next, before := list[first].batch, list[first-1].batch
	if next.Sequence != 1 || next.Prior != before.Position() || before.Prior != (messages.Position{}) {
		t.Errorf("%s names %s, after %s", next.ID(), next.Prior, before.Position())
	}
	// A power cut takes what was not synced: the last second's.
	w.play("9500ms crash 0 machine power back=1s", 9600*time.Millisecond)
	list = w.of(0)
	epoch := list[len(list)-1].batch.Epoch
	lost := slices.DeleteFunc(slices.Clone(list), func(a answer) bool {
		return a.batch.Epoch != epoch || w.Holds(0, a.batch.ID())
	})
	if len(lost) < 5 || lost[0].at < 9*time.Second || lost[0].at > 9100*time.Millisecond {
		t.Errorf("%d batches were lost, the first from %s", len(lost), lost[0].at)
	}
	kept := lost[0].batch.Sequence - 1
	w.to(12 * time.Second)
	list = w.of(0)
	first = slices.IndexFunc(list, func(a answer) bool { return a.batch.Epoch > epoch })
	if p := list[first].batch.Prior; p.Epoch != epoch || p.Sequence != kept {
		t.Errorf("the next epoch names %s, want %d-%d", p, epoch, kept)
	}
}

// A node that is told so numbers with a higher epoch, which names what it was told.
func TestEpochsAreRenewed(t *testing.T) {
	w := record(t, 2, nil)
	w.play("1s load at=0 rate=20", 2*time.Second)
	old := w.nodes[0].epoch
	told := messages.Position{Origin: w.ID(0), Epoch: old, Sequence: 500, Index: 2}
	w.nodes[0].put(core.Output{Kind: core.Renew, Epoch: old + 1e12, Prior: told})
	w.wake()
	w.to(3 * time.Second)
	list := w.of(0)
	b := list[len(list)-1].batch
	if w.nodes[0].epoch != old+1e12+1 || b.Epoch != w.nodes[0].epoch {
		t.Errorf("it numbers with %d, and was told of %d", b.Epoch, old+1e12)
	}
	first := slices.IndexFunc(list, func(a answer) bool { return a.batch.Epoch > old })
	if list[first].batch.Prior != told {
		t.Errorf("it names %s, want %s", list[first].batch.Prior, told)
	}
}

// A journal that fails says so and holds nothing; one that stalls answers later, in order.
func TestJournalsFailAndStall(t *testing.T) {
	w := record(t, 2, nil)
	w.play("1s load at=0 rate=50\n2s journal fail 1 for=1s", 3*time.Second)
	failed := slices.DeleteFunc(w.of(1), func(a answer) bool { return a.result != core.Failed })
	if len(failed) < 30 || w.Holds(1, failed[0].batch.ID()) {
		t.Errorf("%d appends have failed", len(failed))
	}
	w = record(t, 2, nil)
	w.play("1s load at=0 rate=50\n2s journal stall 1 for=1s", 4*time.Second)
	list := w.of(1)
	for i, a := range list {
		if a.batch.Sequence != uint64(i+1) || a.at > 2010*time.Millisecond && a.at < 3*time.Second {
			t.Fatalf("answer %d is of %s at %s", i, a.batch.ID(), a.at)
		}
	}
	if len(list) < 140 {
		t.Errorf("%d answers", len(list))
	}
}

// Retention by bytes drops whole segments, oldest first, and tells the core.
func TestRetentionDropsTheOldest(t *testing.T) {
	w := record(t, 2, func(c *sim.Config) { c.RetentionBytes = 80_000 })
	w.play("1s load at=0 rate=100 size=1000 for=3s", 5*time.Second)
	sealed := uint64(len(w.of(0)))
	for node := range sim.Node(2) {
		held := uint64(w.Held(node))
		if held < 65 || held > 80 {
			t.Errorf("node %d holds %d batches of 1,000 bytes, in 80,000", node, held)
		}
		id := messages.BatchID{Origin: w.ID(0), Epoch: w.of(0)[0].batch.Epoch}
		if floor := w.nodes[node].dropped[id]; floor != sealed-held+1 {
			t.Errorf("node %d holds %d of %d and was told of the floor %d", node, held, sealed, floor)
		}
		if rooms := w.nodes[node].rooms; len(rooms) == 0 || rooms[0] != 80_000 || rooms[len(rooms)-1] > 20_000 {
			t.Errorf("node %d was told of room for %v", node, rooms)
		}
	}
}

// Retention by age drops what is old, and forgets in the end that it was there.
func TestRetentionForgets(t *testing.T) {
	w := record(t, 2, func(c *sim.Config) { c.RetentionAge = 8 * time.Second })
	w.play("1s load at=0 rate=20 for=2s\n5s crash 0 back=1s\n7s load at=0 rate=5", 40*time.Second)
	if len(w.nodes[1].forgot) != 1 || w.nodes[1].forgot[0] != w.of(0)[0].batch.Epoch {
		t.Errorf("node 1 forgot %v, want the epoch before the restart", w.nodes[1].forgot)
	}
	if held := w.Held(1); held < 30 || held > 60 {
		t.Errorf("it holds %d batches of 8 to 9 seconds at 5 a second", held)
	}
}

// What is damaged is told of, and not held.
func TestDamageIsTold(t *testing.T) {
	w := record(t, 2, nil)
	w.play("1s load at=0 rate=50 for=1s\n3s damage 1 20%", 4*time.Second)
	held, sealed := w.Held(1), len(w.of(0))
	lost := messages.Ranges(w.nodes[1].lost)
	if lost.Len() < 5 || held != sealed-int(lost.Len()) {
		t.Errorf("%d of %d are held, %v are lost", held, sealed, lost)
	}
}

// A pull is served in its order, up to its bytes, with a word on what is not there.
func TestPullsAreServed(t *testing.T) {
	w := record(t, 2, func(c *sim.Config) { c.Readers = -1 })
	w.play("1s load at=0 rate=50 size=1000 for=1s", 3*time.Second)
	epoch := w.of(0)[0].batch.Epoch
	serve := func(p *frame.Pull) []uint64 {
		w.nodes[1].heard = nil
		w.nodes[1].got = func(f *flooder, _ messages.NodeID, x frame.Frame) { f.heard = append(f.heard, x) }
		p.Origin, p.Epoch = w.ID(0), epoch
		w.nodes[0].put(core.Output{Kind: core.Serve, Peer: w.ID(1), Pull: p, Class: core.Repair})
		w.wake()
		w.to(w.Now() + time.Second)
		var list []uint64
		for _, x := range w.nodes[1].heard {
			if p := x.(*frame.Push); p.Repair {
				list = append(list, p.Batch.Sequence)
			}
		}
		return list
	}
	ranges := []messages.Range{{From: 3, To: 5}, {From: 8, To: 9}}
	if got := serve(&frame.Pull{Ranges: ranges, Bytes: 1 << 20}); !slices.Equal(got, []uint64{3, 4, 5, 8, 9}) {
		t.Errorf("%v came", got)
	}
	if got := serve(&frame.Pull{Ranges: ranges, Bytes: 3500, Descending: true}); !slices.Equal(got, []uint64{5, 4, 3}) {
		t.Errorf("%v came, of 3,500 bytes", got)
	}
	if got := serve(&frame.Pull{Ranges: ranges, Bytes: 10}); !slices.Equal(got, []uint64{3}) {
		t.Errorf("%v came, of 10 bytes: one may pass it", got)
	}
	if len(w.nodes[0].served) != 0 {
		t.Errorf("%v is said to be missing", w.nodes[0].served)
	}
	serve(&frame.Pull{Ranges: []messages.Range{{From: 1, To: 2}, {From: 1000, To: 1002}}, Bytes: 1 << 20})
	if got := w.nodes[0].served; len(got) != 1 || got[0] != (messages.Range{From: 1000, To: 1002}) {
		t.Errorf("%v is said to be missing", got)
	}
}

// History is on the disks before the start, and those that join get it.
func TestHistoryIsOnTheDisks(t *testing.T) {
	w := record(t, 3, nil)
	w.play("0s history at=0-1 on=0-1 batches=100 size=1KiB age=1h", time.Second)
	for node, want := range []int{200, 200, 0} {
		if got := w.Held(sim.Node(node)); got != want {
			t.Errorf("node %d holds %d, want %d", node, got, want)
		}
	}
	lines := w.nodes[0].Lines()
	if d := lines[w.ID(1)].Digest(); len(d) != 1 || d[0].Head != 100 || len(d[0].Holes) != 0 {
		t.Errorf("node 0 knows %+v", d)
	}
	if w.nodes[0].epoch <= lines[w.ID(0)].Head().Epoch {
		t.Error("the epoch is not after that of the history")
	}
}
