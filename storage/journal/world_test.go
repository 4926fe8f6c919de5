package journal_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/journal"
	"anode/storage/memory"
	"anode/testkit/faults"
	"anode/testkit/storagetest"
)

const dir = "data/journal"

// long tells whether tests try all that they can, which takes minutes.
func long() bool { return os.Getenv("ANODE_LONG") != "" }

// seeds is how many seeds a test tries: 60, 20 with -short, 300 with ANODE_LONG=1, or as JOURNAL_SEEDS says.
func seeds(t testing.TB) uint64 {
	if n, err := strconv.ParseUint(os.Getenv("JOURNAL_SEEDS"), 10, 32); err == nil {
		return n
	}
	switch {
	case long():
		return 300
	case testing.Short():
		return 20
	}
	return 60
}

func chance(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x9e3779b9)) }

// copyState copies what a State holds.
func copyState(t testing.TB, from storage.State) *memory.State {
	t.Helper()
	to := memory.NewState()
	for _, bucket := range []string{"journal.floors", "journal.gone", "journal.horizon", "journal.clock"} {
		for pair := range from.Each(bucket) {
			if err := errors.Join(pair.Err, to.Put(storage.Change{Bucket: bucket, Key: pair.Key, Value: pair.Value})); err != nil {
				t.Fatal(err)
			}
		}
	}
	return to
}

// world is a journal on a disk that can be cut, with what it should hold.
type world struct {
	testing.TB
	cfg    journal.Config
	disk   *faults.Disk
	state  *memory.State
	now    time.Time
	j      *journal.Journal
	own    *storagetest.Origin
	peer   *storagetest.Origin
	epoch  uint64
	all    map[messages.BatchID]wire.Sealed
	synced map[messages.BatchID]bool
	done   map[messages.BatchID]bool // their Append returned
	family map[messages.BatchID]storage.Family
}

func newWorld(t testing.TB, cfg journal.Config) *world {
	w := &world{
		TB: t, cfg: cfg, disk: faults.NewDisk(0), state: memory.NewState(), now: time.UnixMilli(storagetest.Start), epoch: 1,
		peer: storagetest.NewOrigin(storagetest.Peer, 1, storagetest.Start),
		all:  make(map[messages.BatchID]wire.Sealed), synced: make(map[messages.BatchID]bool), done: make(map[messages.BatchID]bool), family: make(map[messages.BatchID]storage.Family),
	}
	w.open()
	return w
}

// open opens the journal on the disk as it is, and begins a new epoch.
func (w *world) open() {
	w.Helper()
	w.cfg.Dir, w.cfg.FS, w.cfg.State, w.cfg.Self = dir, w.disk, w.state, storagetest.Self
	w.cfg.Clock = func() time.Time { return w.now }
	j, err := journal.Open(w.cfg)
	if err != nil {
		w.Fatalf("open: %v", err)
	}
	w.j = j
	w.Cleanup(func() { _ = j.Close() })
	head := j.Head(storagetest.Self)
	w.epoch = max(w.epoch, head.Epoch) + 1
	w.own = storagetest.NewOrigin(storagetest.Self, w.epoch, w.now.UnixMilli())
	if head.Sequence > 0 {
		w.own.Restart(w.epoch, head)
	}
}

// next seals the next batch of an origin with a payload of so many bytes.
func (w *world) next(o *storagetest.Origin, size int) wire.Sealed {
	b := make([]byte, size)
	r := chance(o.Sequence + 1 + o.Epoch<<20)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	d := messages.Draft{Stream: "test.a", ContentType: "application/octet-stream", NativeID: strconv.FormatUint(o.Sequence, 10), Payload: b}
	return o.Next(w, d)
}

// append appends batches, and remembers them where that succeeds.
func (w *world) append(family storage.Family, batches ...wire.Sealed) error {
	_, err := w.j.Append(family, batches)
	if err == nil {
		w.remember(family, batches...)
		for _, s := range batches {
			w.done[s.ID()] = true
		}
	}
	return err
}

func (w *world) remember(family storage.Family, batches ...wire.Sealed) {
	for _, s := range batches {
		w.all[s.ID()] = s
		w.family[s.ID()] = family
	}
}

// sync syncs, and remembers what is durable then.
func (w *world) sync() error {
	var before []messages.BatchID
	for id := range w.done {
		before = append(before, id)
	}
	err := w.j.Sync()
	if err == nil {
		for _, id := range before {
			w.synced[id] = true
		}
	}
	return err
}

// holds wants every synced batch to be held and no other batch than those appended; what is not
// held must be told as a hole, a gap, or be beyond the head.
func (w *world) holds() {
	w.Helper()
	for id, s := range w.all {
		got, err := w.j.Read(id)
		switch {
		case err == nil && !bytes.Equal(got.Bytes(), s.Bytes()):
			w.Fatalf("batch %s has other bytes", id)
		case err != nil && w.synced[id]:
			w.Fatalf("batch %s was synced and is lost: %v", id, err)
		}
	}
	w.walks(storagetest.Self)
	w.walks(storagetest.Peer)
}

// walks reads an origin's line to its end: in order, only what was appended, each to be read.
func (w *world) walks(origin messages.NodeID) (read int) {
	w.Helper()
	at := messages.Position{Origin: origin}
	var last messages.BatchID
	for range 100_000 {
		step := w.j.Next(at)
		switch step.Kind {
		case messages.StepBatch:
			if step.Batch.Epoch < last.Epoch || step.Batch.Epoch == last.Epoch && step.Batch.Sequence <= last.Sequence {
				w.Fatalf("%s comes after %s", step.Batch, last)
			}
			last = step.Batch
			got, err := w.j.Read(step.Batch)
			if errors.Is(err, storage.ErrDamaged) {
				continue // it is a hole now: the next step says so
			}
			want, known := w.all[step.Batch]
			if err != nil || !known || !bytes.Equal(got.Bytes(), want.Bytes()) {
				w.Fatalf("batch %s on the line: known %v, %v", step.Batch, known, err)
			}
			read++
			at = got.Position().BatchEnd()
		case messages.StepGap:
			at = step.Gap.To
		case messages.StepWait:
			at = messages.Position{Origin: origin, Epoch: step.Batch.Epoch, Sequence: step.Hole.To, Index: messages.IndexEnd}
		default:
			return read
		}
	}
	w.Fatalf("the line of %s does not end: at %s", origin, at)
	return 0
}
