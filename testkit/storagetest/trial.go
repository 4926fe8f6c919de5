package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// trial is a journal under test with what most checks do to it.
type trial struct {
	*testing.T
	open   func(t *testing.T, cfg Config) Opened
	opened Opened
	storage.Journal
}

// start opens a journal.
func (t *trial) start(cfg Config) {
	t.opened = t.open(t.T, cfg)
	t.Journal = t.opened.Journal
}

// again runs a check on the journal as it is, after a restart, and after the death of the
// process, where the implementation survives these.
func (t *trial) again(check func()) {
	t.Helper()
	check()
	for _, kill := range []bool{true, false, false} {
		if t.opened.Reopen != nil && !t.Failed() {
			t.Journal = t.opened.Reopen(kill)
			check()
		}
	}
}

// put appends and wants each batch to be what is named.
func (t *trial) put(family storage.Family, want storage.Held, batches ...wire.Sealed) {
	t.Helper()
	held, err := t.Append(family, batches)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	for i, h := range held {
		if h != want {
			t.Fatalf("append of %s: held %d, want %d", batches[i].ID(), h, want)
		}
	}
	if len(held) != len(batches) {
		t.Fatalf("append of %d batches told of %d", len(batches), len(held))
	}
}

// has wants batches to be read as they are.
func (t *trial) has(batches ...wire.Sealed) {
	t.Helper()
	for i := range batches {
		got, err := t.Read(batches[i].ID())
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if !bytes.Equal(got.Bytes(), batches[i].Bytes()) || got.Header != batches[i].Header {
			t.Fatalf("read of %s gave other bytes", batches[i].ID())
		}
	}
}

// lacks wants batches not to be held.
func (t *trial) lacks(ids ...messages.BatchID) {
	t.Helper()
	for _, id := range ids {
		if _, err := t.Read(id); !errors.Is(err, storage.ErrNotHeld) {
			t.Fatalf("read of %s: %v, want not held", id, err)
		}
	}
}

// walk reads an origin's line by the reading rule until it waits or ends, as text.
func (t *trial) walk(origin messages.NodeID) string {
	t.Helper()
	at := messages.Position{Origin: origin}
	var told []string
	for range 10_000 {
		switch step := t.Next(at); step.Kind {
		case messages.StepBatch:
			s, err := t.Read(step.Batch)
			if err != nil {
				t.Fatalf("the next batch can't be read: %v", err)
			}
			told = append(told, fmt.Sprintf("%d-%d", s.Epoch, s.Sequence))
			at = s.Position().BatchEnd()
		case messages.StepGap:
			told = append(told, fmt.Sprintf("%s(%d-%d)", step.Gap.Reason, step.Gap.To.Epoch, step.Gap.To.Sequence))
			at = step.Gap.To
		case messages.StepWait:
			return strings.Join(append(told, fmt.Sprintf("wait(%d-%d)", step.Batch.Epoch, step.Batch.Sequence)), " ")
		default:
			return strings.Join(told, " ")
		}
	}
	t.Fatal("the line does not end")
	return ""
}

func (t *trial) walks(origin messages.NodeID, want string) {
	t.Helper()
	if got := t.walk(origin); got != want {
		t.Fatalf("the line of %s reads %q, want %q", origin, got, want)
	}
}

func (t *trial) maintain() {
	t.Helper()
	if err := t.Maintain(time.Now()); err != nil {
		t.Fatal(err)
	}
}

// fill appends batches of random bytes, about 100 KiB each, so that retention has something to drop.
func (t *trial) fill(family storage.Family, o *Origin, n int) []wire.Sealed {
	t.Helper()
	payload := make([]byte, 100<<10)
	list := make([]wire.Sealed, n)
	for i := range list {
		for k, x := 0, uint64(o.Sequence+1)*0x9e3779b97f4a7c15; k < len(payload); k++ {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			payload[k] = byte(x)
		}
		d := Draft("test.fill", string(payload))
		d.ContentType = "application/octet-stream"
		list[i] = o.Next(t, d)
		t.put(family, storage.HeldNew, list[i])
	}
	if err := t.Sync(); err != nil {
		t.Fatal(err)
	}
	return list
}

// scanned gives the sequences that a scan yields.
func (t *trial) scanned(q storage.Scan) []uint64 {
	t.Helper()
	var list []uint64
	for ref, err := range t.Scan(q) {
		if err != nil {
			t.Fatal(err)
		}
		if s, err := t.Read(ref.ID); err != nil || s.First != ref.First || s.Last != ref.Last {
			t.Fatalf("%+v: %v", ref, err)
		}
		list = append(list, ref.ID.Sequence)
	}
	return list
}

// bulk is a draft of 100 KB that does not compress.
func bulk() messages.Draft {
	b := make([]byte, 100_000)
	for i, x := 0, uint64(88172645463325252); i < len(b); i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return messages.Draft{Stream: "test.bulk", ContentType: "application/octet-stream", Payload: b}
}
