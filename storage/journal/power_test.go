package journal_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/faults"
)

func TestPowerCutLosesNothingSynced(t *testing.T) {
	for seed := range seeds(t) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { powerCuts(t, seed) })
	}
}

// powerCuts runs a random load, cuts the power at a random operation, and goes on with what is left.
func powerCuts(t *testing.T, seed uint64) {
	r := chance(seed)
	w := newWorld(t, journal.Config{SegmentBytes: 1 << (11 + r.IntN(4))})
	for range 5 {
		var cut *faults.Disk
		var state *memory.State
		var synced map[messages.BatchID]bool
		kill := r.IntN(4) == 0
		w.disk.AtOp(w.disk.Ops()+1+r.IntN(60), func() {
			if cut = w.disk.Cut(r); kill {
				cut = w.disk.Kill()
			}
			state, synced = copyState(t, w.state), maps.Clone(w.synced)
			if kill { // what was appended survives the process
				maps.Copy(synced, w.done)
			}
		})
		for cut == nil {
			w.load(r.IntN(10), r.IntN(900))
		}
		w.disk, w.state, w.synced = cut, state, synced
		w.now = w.now.Add(time.Second)
		w.open()
		w.holds()
		if stats := w.j.Stats(); stats.Refused != "" || stats.Full != "" {
			t.Fatalf("stats %+v", stats)
		}
		w.prune()
	}
}

// prune forgets what was not held after a restart: its place may be taken by nothing else, but
// it may come again from a peer.
func (w *world) prune() {
	for id := range w.all {
		if _, err := w.j.Read(id); err != nil {
			delete(w.all, id)
			delete(w.done, id)
		} else {
			w.synced[id] = true // Open made it durable
		}
	}
	if head := w.j.Head(w.peer.ID); head.Sequence > 0 {
		w.peer.Restart(w.peer.Epoch+1, head)
	} else {
		w.peer.Restart(w.peer.Epoch+1, messages.Position{})
	}
}

// load does one thing that a node does.
func (w *world) load(what, size int) {
	w.Helper()
	var err error
	switch {
	case what < 4:
		var batches []wire.Sealed
		for range what + 1 {
			batches = append(batches, w.next(w.own, size))
		}
		w.remember(storage.Own, batches...) // a cut may leave it although Append did not return
		err = w.append(storage.Own, batches...)
	case what < 6:
		one := w.next(w.peer, size)
		w.remember(storage.Live, one)
		err = w.append(storage.Live, one)
	case what < 9:
		err = w.sync()
	default:
		w.now = w.now.Add(10 * time.Second)
		err = w.j.Maintain(w.now)
	}
	if err != nil {
		w.Fatal(err)
	}
}

func TestTornTailIsCutSilentlyAndAllElseIsDamage(t *testing.T) {
	w := newWorld(t, journal.Config{})
	var batches []wire.Sealed
	for range 3 {
		batches = append(batches, w.next(w.own, 700))
		if err := errors.Join(w.append(storage.Own, batches[len(batches)-1]), w.sync()); err != nil {
			t.Fatal(err)
		}
	}
	name := dir + "/0000000000000001-own.seg"
	whole := w.disk.Bytes(name)
	last := len(whole) - 12 - len(batches[2].Bytes())
	for _, c := range []struct {
		name string
		make func(b []byte) []byte
		torn bool
		held int
		lost bool
	}{
		{"whole", func(b []byte) []byte { return b }, false, 3, false},
		{"zeros behind the end", func(b []byte) []byte { return append(b, make([]byte, 5000)...) }, false, 3, false},
		{"ends in the last batch", func(b []byte) []byte { return b[:len(b)-1] }, true, 2, false},
		{"ends in the last frame's header", func(b []byte) []byte { return b[:last+5] }, true, 2, false},
		{"ends after the last frame's header", func(b []byte) []byte { return b[:last+12] }, true, 2, false},
		{"the last batch turns to zeros", func(b []byte) []byte { clear(b[last+300:]); return b }, true, 2, false},
		{"the last batch turns to zeros, and more zeros follow", func(b []byte) []byte { clear(b[last+300:]); return append(b, make([]byte, 9000)...) }, true, 2, false},
		{"a bit of the last batch", func(b []byte) []byte { b[last+300] ^= 1; return b }, false, 2, true},
		{"the last batch ends in other bytes", func(b []byte) []byte { b[len(b)-1] ^= 0xff; return b }, false, 2, true},
		{"the second batch turns to zeros", func(b []byte) []byte { clear(b[last-400 : last]); return b }, false, 2, true},
		{"the last frame is torn and the second damaged", func(b []byte) []byte { b[last-100] ^= 4; return b[:len(b)-9] }, true, 1, true},
		{"a torn header of the segment", func(b []byte) []byte { return b[:20] }, false, 0, false},
		{"the segment's header turns to zeros", func(b []byte) []byte { clear(b[16:]); return b }, true, 0, false},
		{"nothing", func([]byte) []byte { return nil }, false, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newWorld(t, journal.Config{})
			v.all = w.all
			v.disk = faults.NewDisk(0)
			v.disk.Put(name, c.make(append([]byte(nil), whole...)))
			v.open()
			v.holds()
			s := v.j.Stats()
			if s.Batches != uint64(c.held) || (s.Damaged > 0) != c.lost {
				t.Fatalf("%d batches are held, %d damaged; want %d, damage %v", s.Batches, s.Damaged, c.held, c.lost)
			}
			if c.torn && s.Torn != 1 {
				t.Fatalf("%d torn ends", s.Torn)
			}
			if d := v.j.Digest()["self"]; c.lost && (len(d) != 1 || len(d[0].Holes) != 1) {
				t.Fatalf("what was damaged is no hole: %+v", d)
			}
		})
	}
}
