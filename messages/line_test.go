package messages_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anode/messages"
)

const lineOrigin messages.NodeID = "o"

func header(epoch, sequence uint64, prior messages.Position) *messages.Header {
	return &messages.Header{
		Origin: lineOrigin, Epoch: epoch, Sequence: sequence, Count: 5, Prior: prior,
		First: messages.HLC(epoch*1000 + sequence*10), Last: messages.HLC(epoch*1000 + sequence*10 + 4),
	}
}

func at(epoch, sequence uint64, index uint32) messages.Position {
	return messages.Position{Origin: lineOrigin, Epoch: epoch, Sequence: sequence, Index: index}
}

// drawn is the line that the comment of messages.Line draws.
func drawn() *messages.Line {
	l := messages.NewLine(lineOrigin)
	for s := uint64(1); s <= 5; s++ {
		l.Hold(header(7, s, messages.Position{}))
	}
	l.Hold(header(8, 1, at(7, 3, 4)))
	l.Hold(header(8, 2, messages.Position{}))
	l.Hold(header(9, 1, at(7, 4, 4)))
	for _, s := range []uint64{2, 4, 5} {
		l.Hold(header(9, s, messages.Position{}))
	}
	return l
}

func TestReadingRuleOnTheDrawnLine(t *testing.T) {
	batch := func(epoch, sequence uint64, skip uint32) messages.Step {
		return messages.Step{Kind: messages.StepBatch, Batch: messages.BatchID{Origin: lineOrigin, Epoch: epoch, Sequence: sequence}, Skip: skip}
	}
	wait := batch(9, 3, 0)
	wait.Kind, wait.Hole = messages.StepWait, messages.Range{From: 3, To: 3}
	for name, c := range map[string]struct {
		after messages.Position
		want  messages.Step
	}{
		"the beginning":                        {at(0, 0, 0), batch(7, 1, 0)},
		"within a batch":                       {at(7, 2, 1), batch(7, 2, 2)},
		"the end of a batch":                   {at(7, 2, messages.IndexEnd), batch(7, 3, 0)},
		"the named end goes on in epoch 9":     {at(7, 4, messages.IndexEnd), batch(9, 1, 0)},
		"what is late is passed":               {at(7, 5, 4), batch(9, 1, 0)},
		"an epoch off the line is passed":      {at(8, 1, 0), batch(9, 1, 0)},
		"an unknown epoch goes on in the next": {at(6, 50, 0), batch(7, 1, 0)},
		"a hole is awaited":                    {at(9, 2, messages.IndexEnd), wait},
		"behind the hole":                      {at(9, 3, messages.IndexEnd), batch(9, 4, 0)},
		"the head":                             {at(9, 5, 4), messages.Step{Kind: messages.StepHead}},
		"ahead of this node":                   {at(9, 80, 0), messages.Step{Kind: messages.StepHead}},
		"a later epoch":                        {at(12, 1, 0), messages.Step{Kind: messages.StepHead}},
	} {
		if got := drawn().Next(c.after); got != c.want {
			t.Errorf("%s: after %s comes %+v, want %+v", name, c.after, got, c.want)
		}
	}
	l := drawn()
	if !l.Late(7, 5) || l.Late(7, 4) || !l.Late(8, 1) || l.Late(9, 1) || l.Head() != at(9, 5, 4) {
		t.Errorf("late or head is wrong: %s", l.Head())
	}
}

func TestGapsSayWhy(t *testing.T) {
	l := drawn()
	l.GiveUp(9, messages.Range{From: 1, To: 100})
	l.Raise(7, 3)
	for name, c := range map[string]struct {
		after, to messages.Position
		reason    messages.Reason
	}{
		"given up":  {at(9, 2, messages.IndexEnd), at(9, 3, messages.IndexEnd), messages.ReasonMissing},
		"retention": {at(0, 0, 0), at(7, 2, messages.IndexEnd), messages.ReasonRetention},
	} {
		want := messages.Step{Kind: messages.StepGap, Gap: messages.Gap{Origin: lineOrigin, From: c.after, To: c.to, Reason: c.reason}}
		if got := l.Next(c.after); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestReaderGetsEachBatchOrAGap: over any order of what happens to a line, a reader that reads
// between gets every batch on it once and in order, or a gap over it.
func TestGivingUpOfAnUnknownEpochChangesNothing(t *testing.T) {
	l := drawn()
	l.GiveUp(8_000, messages.Range{From: 1, To: 9})
	if d, want := l.Digest(), drawn().Digest(); !reflect.DeepEqual(d, want) {
		t.Fatalf("%+v, want %+v", d, want)
	}
}

func TestReaderGetsEachBatchOrAGap(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := messages.NewLine(lineOrigin)
		var all []*messages.Header
		var prior messages.Position
		ends := make(map[uint64]uint64)
		for epoch := range uint64(rapid.IntRange(1, 3).Draw(r, "epochs")) {
			n := uint64(rapid.IntRange(1, 6).Draw(r, "batches"))
			for s := uint64(1); s <= n; s++ {
				p := messages.Position{}
				if s == 1 {
					p = prior
				}
				all = append(all, header(epoch+1, s, p))
			}
			end := uint64(rapid.IntRange(1, int(n)).Draw(r, "named end"))
			ends[epoch+1], prior = end, at(epoch+1, end, 4)
		}
		last := all[len(all)-1]
		ends[last.Epoch] = last.Sequence // nothing names an end of the newest
		// The first batches are known early: until an epoch's is, the end of the one before is open.
		slices.SortStableFunc(all, func(a, b *messages.Header) int {
			return boolInt(a.Sequence > 1) - boolInt(b.Sequence > 1)
		})
		firsts := len(ends)
		order := append(slices.Clone(all[:firsts]), rapid.Permutation(all[firsts:]).Draw(r, "order")...)
		x := reader{r: r, line: l, seen: make(map[messages.BatchID]int)}
		for i, h := range order {
			if i < firsts || rapid.IntRange(0, 5).Draw(r, "comes") > 0 {
				l.Hold(h)
			}
			if i >= firsts {
				x.disturb(all)
			}
		}
		for _, h := range all { // in the end all that is absent is gone
			l.Lose(h.Epoch, messages.Range{From: h.Sequence, To: max(h.Sequence, ends[h.Epoch])})
			l.GiveUp(h.Epoch, messages.Range{From: 1, To: math.MaxUint64})
		}
		x.read()
		for _, h := range all {
			if n := x.seen[h.ID()]; h.Sequence <= ends[h.Epoch] && n != 1 {
				r.Fatalf("%s was delivered or named %d times: %v", h.ID(), n, x.log)
			} else if n > 1 {
				r.Fatalf("late %s came %d times: %v", h.ID(), n, x.log)
			}
		}
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// reader follows the rule and notes what it is told of each batch.
type reader struct {
	r    *rapid.T
	line *messages.Line
	at   messages.Position
	seen map[messages.BatchID]int
	log  []string
}

// disturb has something happen to the line, or the reader read.
func (x *reader) disturb(all []*messages.Header) {
	h := rapid.SampledFrom(all).Draw(x.r, "batch")
	switch rapid.IntRange(0, 6).Draw(x.r, "what") {
	case 0:
		if x.line.Holds(h.Epoch, h.Sequence) {
			x.line.Lose(h.Epoch, messages.Range{From: h.Sequence, To: h.Sequence})
		}
	case 1:
		x.line.GiveUp(h.Epoch, messages.Range{From: h.Sequence, To: h.Sequence})
	case 2:
		x.line.Raise(h.Epoch, h.Sequence)
	default:
		x.read()
	}
}

// read goes on until it must wait.
func (x *reader) read() {
	x.at.Origin = lineOrigin
	for {
		step := x.line.Next(x.at)
		x.log = append(x.log, fmt.Sprintf("%d %s %s..%s", step.Kind, step.Batch, step.Gap.From, step.Gap.To))
		switch step.Kind {
		case messages.StepBatch:
			if !x.line.Holds(step.Batch.Epoch, step.Batch.Sequence) || step.Skip != 0 || step.Batch.End().Compare(x.at) <= 0 {
				x.r.Fatalf("after %s: %+v", x.at, step)
			}
			x.seen[step.Batch]++
			x.at = step.Batch.End()
		case messages.StepGap:
			if step.Gap.To.Compare(x.at) <= 0 || step.Gap.From != x.at {
				x.r.Fatalf("after %s: %+v", x.at, step)
			}
			for epoch := uint64(1); epoch <= 3; epoch++ {
				for s := uint64(1); s <= 6; s++ {
					if p := at(epoch, s, messages.IndexEnd); p.Compare(x.at) > 0 && p.Compare(step.Gap.To) <= 0 {
						x.seen[messages.BatchID{Origin: lineOrigin, Epoch: epoch, Sequence: s}]++
					}
				}
			}
			x.at = step.Gap.To
		default:
			return
		}
	}
}

// An epoch says what was before it when its first batch was seen, or what that names was told.
func TestPriorOfAnEpoch(t *testing.T) {
	l := messages.NewLine("a")
	named := messages.Position{Origin: "a", Epoch: 7, Sequence: 4, Index: 1}
	l.Hold(&messages.Header{Origin: "a", Epoch: 7, Sequence: 1, Count: 1})
	l.Hold(&messages.Header{Origin: "a", Epoch: 8, Sequence: 2, Count: 1})
	l.Name(9, named)
	for epoch, want := range map[uint64]struct {
		prior messages.Position
		known bool
	}{7: {messages.Position{}, true}, 8: {}, 9: {named, true}, 10: {}} {
		if prior, known := l.Prior(epoch); prior != want.prior || known != want.known {
			t.Errorf("before %d: %s, %t, want %s, %t", epoch, prior, known, want.prior, want.known)
		}
	}
}
