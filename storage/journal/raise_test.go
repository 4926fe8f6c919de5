package journal_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

// A floor that was raised stands after the process was killed and after the power was cut, wherever its batches are.
func TestARaisedFloorStandsAfterACrash(t *testing.T) {
	for seed := range seeds(t) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := chance(seed)
			w := newWorld(t, journal.Config{SegmentBytes: 1 << (11 + r.IntN(4))})
			floors := make(map[messages.NodeID]uint64)
			for range 4 {
				for range r.IntN(30) {
					w.load(r.IntN(10), r.IntN(900))
				}
				for _, o := range []*storagetest.Origin{w.own, w.peer} {
					floor := 1 + uint64(r.IntN(int(o.Sequence)+3))
					if err := w.j.Raise(o.ID, o.Epoch, floor); err != nil {
						t.Fatal(err)
					}
					floors[o.ID] = floor
					for id := range w.all {
						if id.Origin == o.ID && id.Epoch == o.Epoch && id.Sequence < floor {
							delete(w.all, id)
						}
					}
				}
				epochs := map[messages.NodeID]uint64{w.own.ID: w.own.Epoch, w.peer.ID: w.peer.Epoch}
				if r.IntN(2) == 0 {
					w.disk = w.disk.Kill()
				} else {
					w.disk = w.disk.Cut(r)
				}
				w.state = copyState(t, w.state)
				w.now = w.now.Add(time.Second)
				w.open()
				for id, floor := range floors {
					if got := floorOf(w.j, id, epochs[id]); got != floor {
						t.Fatalf("the floor of %s-%d is %d, want %d", id, epochs[id], got, floor)
					}
					for s := uint64(1); s < floor; s++ {
						if _, err := w.j.Read(messages.BatchID{Origin: id, Epoch: epochs[id], Sequence: s}); !errors.Is(err, storage.ErrNotHeld) {
							t.Fatalf("%s-%d-%d is below the floor: %v", id, epochs[id], s, err)
						}
					}
				}
				w.holds()
				w.prune()
			}
		})
	}
}

// floorOf is the floor of an epoch, 1 where nothing is known of it.
func floorOf(j *journal.Journal, origin messages.NodeID, epoch uint64) uint64 {
	for _, d := range j.Digest()[origin] {
		if d.Epoch == epoch {
			return d.Floor
		}
	}
	return 1
}

// refusing is a State that takes nothing.
type refusing struct {
	*memory.State
	err error
}

func (s *refusing) Put(changes ...storage.Change) error {
	if s.err != nil {
		return s.err
	}
	return s.State.Put(changes...)
}

// What can't be remembered is not done: after a restart readers would get what they were told is gone.
func TestAFloorThatCanNotBeRememberedIsNotRaised(t *testing.T) {
	state := &refusing{State: memory.NewState(), err: errors.New("broken")}
	j := must(t, journal.Config{Dir: t.TempDir(), State: state, Self: storagetest.Self})
	list := storagetest.NewOrigin(storagetest.Peer, 3, storagetest.Start).Run(t, 5)
	put(t, j, storage.Live, list...)
	if err := j.Raise(storagetest.Peer, 3, 4); !errors.Is(err, state.err) {
		t.Fatalf("raise: %v", err)
	}
	if got := floorOf(j, storagetest.Peer, 3); got != 1 {
		t.Fatalf("the floor is %d", got)
	}
	if _, err := j.Read(list[0].ID()); err != nil {
		t.Fatal(err)
	}
	state.err = nil
	if err := j.Raise(storagetest.Peer, 3, 4); err != nil || floorOf(j, storagetest.Peer, 3) != 4 {
		t.Fatalf("the floor is %d: %v", floorOf(j, storagetest.Peer, 3), err)
	}
}

// What retention drops below a raised floor leaves the floor, and what the epoch's first batch names.
func TestRetentionBelowARaisedFloor(t *testing.T) {
	w := newWorld(t, journal.Config{SegmentBytes: 1 << 20, RetentionAge: time.Hour})
	first := w.next(w.peer, 100)
	w.peer.Restart(2, first.Position())
	var second []messages.BatchID
	for range 5 {
		b := w.next(w.peer, 100)
		second = append(second, b.ID())
		if err := w.append(storage.Live, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.sync(), w.j.Raise(storagetest.Peer, 2, 9)); err != nil {
		t.Fatal(err)
	}
	for range 3 { // less than twice the age: what was emptied is still remembered
		w.now = w.now.Add(39 * time.Minute)
		if err := w.j.Maintain(w.now); err != nil {
			t.Fatal(err)
		}
	}
	if s := w.j.Stats(); s.Batches != 0 {
		t.Fatalf("%d batches are left", s.Batches)
	}
	for range 2 {
		if got := floorOf(w.j, storagetest.Peer, 2); got != 9 {
			t.Fatalf("the floor is %d", got)
		}
		want := messages.BatchID{Origin: storagetest.Peer, Epoch: 1, Sequence: 1}
		if step := w.j.Next(messages.Position{Origin: storagetest.Peer}); step.Kind != messages.StepWait || step.Batch != want {
			t.Fatalf("the line begins with %+v: what epoch 2 names is forgotten", step)
		}
		if _, err := w.j.Read(second[4]); !errors.Is(err, storage.ErrNotHeld) {
			t.Fatal(err)
		}
		w.disk, w.state = w.disk.Kill(), copyState(t, w.state)
		w.open()
	}
}
