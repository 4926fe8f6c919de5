package gossip

import (
	"testing"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
)

// sealed is a batch of some bytes.
func sealed(t *testing.T, sequence uint64, bytes int) *wire.Sealed {
	t.Helper()
	s, _, _, err := wire.NewSealer(wire.None).Seal(wire.Place{
		BatchID: messages.BatchID{Origin: "aaaa", Epoch: 1, Sequence: sequence}, First: 1,
	}, []messages.Draft{{Stream: "s", ContentType: "text/plain", Payload: make([]byte, bytes)}})
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

// What the journal did comes in order; own batches beyond the bound are left out, which is said, and what others are told
// is not.
func TestOwnBatchesBeyondTheBoundAreLeftToTheJournal(t *testing.T) {
	m := newMail()
	const size = 900_000
	sent := uint64(0)
	for n := 0; n <= mostOwn/size+3; n++ {
		sent++
		m.own(sealed(t, sent, size))
	}
	m.appended(sealed(t, 1, 1), core.Stored)
	m.renewed(7)
	select {
	case <-m.stir:
	default:
		t.Error("nobody is woken")
	}
	l := m.take()
	if !l.behind {
		t.Error("it does not say that own batches are missing")
	}
	last, bytes := uint64(0), 0
	for i := range l.news[:len(l.news)-2] {
		own := l.news[i].own
		if own == nil || own.Sequence != last+1 {
			t.Fatalf("%d: %+v comes after %d", i, l.news[i], last)
		}
		last, bytes = own.Sequence, bytes+len(own.Bytes())
	}
	if last == 0 || last >= sent || bytes > mostOwn {
		t.Errorf("%d of %d wait, with %d bytes", last, sent, bytes)
	}
	tail := l.news[len(l.news)-2:]
	if tail[0].batch == nil || tail[0].result != core.Stored || tail[1].epoch != 7 {
		t.Errorf("%+v", tail)
	}
	m.own(sealed(t, sent+1, 1))
	if l := m.take(); l.behind || len(l.news) != 1 {
		t.Errorf("after that %+v", l)
	}
}
