package sim

import (
	"strings"
	"testing"

	"anode/messages"
)

// What a reader may meet after a position, and what not.
func TestReadersOrderIsChecked(t *testing.T) {
	s, err := New(Config{Nodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	n := s.nodes[0]
	seal := func(epoch, count uint64, prior messages.Position) *flow {
		f := s.truth.flow("n00001", epoch)
		f.prior = prior
		for q := range count {
			s.truth.seal(f, messages.Header{Origin: "n00001", Epoch: epoch, Sequence: q + 1, Count: 3}, 10)
			n.disk.shelf(f).put(q + 1)
		}
		return f
	}
	at := func(epoch, sequence uint64, index uint32) messages.Position {
		return messages.Position{Origin: "n00001", Epoch: epoch, Sequence: sequence, Index: index}
	}
	end := uint32(messages.IndexEnd)
	seal(5, 9, messages.Position{})
	n.disk.shelf(seal(7, 4, at(5, 8, 2))).take(4)
	for _, test := range []struct {
		at              messages.Position
		epoch, sequence uint64
		want            string
	}{
		{at(0, 0, 0), 5, 1, ""},
		{at(5, 3, end), 5, 4, ""},
		{at(5, 3, 1), 5, 3, ""},
		{at(5, 8, end), 7, 1, ""},
		{at(5, 9, end), 7, 1, ""},
		{at(5, 3, end), 5, 3, "after"},
		{at(5, 3, end), 5, 2, "after"},
		{at(5, 3, end), 5, 5, "what is between is skipped"},
		{at(5, 7, end), 7, 1, "the epoch follows n00001-5-8-2"},
		{at(5, 9, end), 7, 2, "beginning is skipped"},
		{at(7, 3, end), 7, 4, "which the journal does not hold"},
		{at(7, 4, end), 7, 5, "which nobody sealed"},
		{at(5, 9, end), 6, 1, "which nobody sealed"},
		{at(7, 1, end), 5, 9, "after"},
	} {
		s.violations = nil
		s.checkRead(n, &reader{}, test.at, messages.BatchID{Origin: "n00001", Epoch: test.epoch, Sequence: test.sequence})
		text := ""
		for _, v := range s.violations {
			text += v.Text
		}
		if (test.want == "") != (text == "") || !strings.Contains(text, test.want) {
			t.Errorf("%d-%d after %s: %q, want %q", test.epoch, test.sequence, test.at, text, test.want)
		}
	}
}

func TestHistogramKnowsQuantiles(t *testing.T) {
	var h histogram
	for v := range int64(100_000) {
		h.add(v)
	}
	for share, want := range map[float64]int64{0: 0, 0.5: 50_000, 0.99: 99_000, 1: 99_999} {
		if got := int64(h.at(share)); got < want || got > want+want/30+1 {
			t.Errorf("below %d lie %g of them, want %d", got, share, want)
		}
	}
	h.add(1 << 62)
	if q := h.quantiles(); q.Count != 100_001 || q.Max != 1<<62 {
		t.Errorf("%+v", q)
	}
}
