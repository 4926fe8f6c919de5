package journal_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
	"anode/storage/journal"
	"anode/testkit/storagetest"
)

// handed is what retention gave before it dropped: the last payload by stream and origin.
type handed struct {
	last  map[string]string
	calls int
	fail  error
}

func (h *handed) take(records []*messages.Record) error {
	h.calls++
	if h.fail != nil {
		return h.fail
	}
	for _, r := range records {
		h.last[fmt.Sprint(r.Stream, " ", r.Position.Origin)] = string(r.Payload)
	}
	return nil
}

func dropping(t *testing.T) (*world, *handed) {
	h := &handed{last: make(map[string]string)}
	return newWorld(t, journal.Config{SegmentBytes: 2048, RetentionBytes: 16 << 10, Dropping: h.take, DroppingOf: "$state.>"}), h
}

// states appends batches, each with a state of one of three sources of each of two origins.
func (w *world) states(from, n int) {
	w.Helper()
	for i := from; i < from+n; i++ {
		w.now = w.now.Add(time.Second)
		draft := func(who string) []messages.Draft {
			return []messages.Draft{
				{Stream: "test.a", Payload: make([]byte, 100)},
				{Stream: messages.Stream(fmt.Sprint("$state.s", i%3)), Payload: fmt.Append(nil, who, i, "a")},
				{Stream: messages.Stream(fmt.Sprint("$state.s", i%3)), Payload: fmt.Append(nil, who, i)},
			}
		}
		w.own.At(w.now.UnixMilli())
		w.good(w.append(storage.Own, w.own.Next(w, draft("own ")...)))
		w.good(w.append(storage.Live, w.peer.Next(w, draft("peer ")...)))
		w.good(w.sync(), w.j.Maintain(w.now))
	}
}

func TestWhatOutlivesASegmentIsHandedOn(t *testing.T) {
	w, h := dropping(t)
	w.states(0, 200)
	if len(h.last) != 6 || h.calls < 10 {
		t.Fatalf("handed on %d times: %v", h.calls, h.last)
	}
	floor := map[string]uint64{"own": w.floor(storagetest.Self), "peer": w.floor(storagetest.Peer)}
	for name, payload := range h.last { // each is the last one below the floor
		var who string
		var n int
		if _, err := fmt.Sscan(payload, &who, &n); err != nil {
			t.Fatal(name, payload, err)
		}
		if below := int(floor[who]) - 2; n > below || n+3 <= below {
			t.Errorf("%s: handed on %d, and the floor is %d", name, n, floor[who])
		}
	}
	h.last = make(map[string]string)
	w.good(w.j.Close()) // what follows has sidecars
	w.open()
	w.states(200, 100)
	if len(h.last) != 6 {
		t.Errorf("after a start: %v", h.last)
	}
}

func TestASegmentStaysWhileWhatOutlivesItIsNotKept(t *testing.T) {
	w, h := dropping(t)
	w.states(0, 40)
	h.fail = errors.New("by the test")
	floor, at := w.floor(storagetest.Self), 40
	for range 40 {
		w.now = w.now.Add(time.Second)
		w.own.At(w.now.UnixMilli())
		w.good(w.append(storage.Own, w.own.Next(w, messages.Draft{Stream: "$state.s0", Payload: fmt.Append(nil, "own ", at)}, messages.Draft{Stream: "test.a", Payload: make([]byte, 500)})), w.sync())
		if err := w.j.Maintain(w.now); err != nil && !errors.Is(err, h.fail) {
			t.Fatal(err)
		}
		at++
	}
	if got := w.floor(storagetest.Self); got != floor {
		t.Fatalf("the floor rose from %d to %d", floor, got)
	}
	h.fail = nil
	w.good(w.j.Maintain(w.now))
	if got := w.floor(storagetest.Self); got == floor {
		t.Fatal("it stays")
	}
	// A full disk is helped by dropping alone.
	h.fail = fmt.Errorf("put: %w", syscall.ENOSPC)
	floor = w.floor(storagetest.Self)
	for i := range 40 {
		w.now = w.now.Add(time.Second)
		w.own.At(w.now.UnixMilli())
		w.good(w.append(storage.Own, w.own.Next(w, messages.Draft{Stream: "$state.s0", Payload: fmt.Append(nil, "own ", at+i)}, messages.Draft{Stream: "test.a", Payload: make([]byte, 500)})), w.sync())
		_ = w.j.Maintain(w.now)
	}
	if got := w.floor(storagetest.Self); got == floor {
		t.Fatal("nothing is dropped while the disk is full")
	}
}

func TestWhatIsInTheOldestQuarterIsTold(t *testing.T) {
	w, _ := dropping(t)
	w.states(0, 10)
	if aging := w.j.Stats().Aging; aging != 0 {
		t.Fatalf("a young journal ages from %d", aging)
	}
	w.states(10, 200)
	sealed, err := w.j.Read(messages.BatchID{Origin: storagetest.Self, Epoch: w.own.Epoch, Sequence: w.floor(storagetest.Self)})
	if err != nil {
		t.Fatal(err)
	}
	oldest, aging, now := sealed.First.Millis(), w.j.Stats().Aging, w.now.UnixMilli()
	if part := float64(aging-oldest) / float64(now-oldest); part < 0.1 || part > 0.5 {
		t.Errorf("%.2f of the journal is its oldest quarter", part)
	}
	byAge := newWorld(t, journal.Config{RetentionAge: 16 * time.Hour})
	byAge.hours(11, 50)
	if aging := byAge.j.Stats().Aging; aging != 0 {
		t.Errorf("after 11 of 16 hours it ages from %d", aging)
	}
	byAge.hours(30, 50)
	if behind := byAge.now.Sub(time.UnixMilli(byAge.j.Stats().Aging)); behind < 11*time.Hour || behind > 15*time.Hour {
		t.Errorf("what came %s ago ages, of 16 hours", behind)
	}
}
