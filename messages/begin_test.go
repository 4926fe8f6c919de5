package messages_test

import (
	"testing"

	"anode/messages"
)

// begun is a line that holds so many batches of epochs, each an epoch and its first and last sequence.
func begun(runs ...[3]uint64) *messages.Line {
	l := messages.NewLine(lineOrigin)
	for _, r := range runs {
		for s := r[1]; s <= r[2]; s++ {
			l.Hold(header(r[0], s, messages.Position{}))
		}
	}
	return l
}

// named is a line as begun makes it, whose epoch 200 names the third batch of 100 as what was before it.
func named(runs ...[3]uint64) *messages.Line {
	l := begun(runs...)
	l.Hold(header(200, 1, at(100, 3, 4)))
	return l
}

// The time is 150: of epoch 100 what was received then may be owed, of epoch 200 all.
func TestWhereAnOriginBeginsThatIsNotListed(t *testing.T) {
	end := func(epoch, sequence uint64) messages.Position { return at(epoch, sequence, messages.IndexEnd) }
	gave := func(l *messages.Line, epoch, from, to uint64) *messages.Line {
		l.GiveUp(epoch, messages.Range{From: from, To: to})
		return l
	}
	raised := func(l *messages.Line, epoch, floor uint64) *messages.Line {
		l.Raise(epoch, floor)
		return l
	}
	forgot := func(l *messages.Line, epoch uint64) *messages.Line {
		l.Forget(epoch)
		return l
	}
	none := messages.Position{}
	since := at(150, 0, 0)
	for _, c := range []struct {
		name        string
		line        *messages.Line
		sought, met messages.Position
		at, until   messages.Position
		known       bool
	}{
		{"nothing is held", begun(), at(0, 0, 0), none, none, none, false},
		{"only a floor is known", raised(begun(), 100, 5), end(100, 4), none, at(0, 0, 0), none, true},
		{"all is older", begun([3]uint64{100, 1, 5}), at(100, 5, 4), none, end(100, 5), none, true},
		{"held down to what is older", begun([3]uint64{100, 1, 5}), end(100, 3), none, end(100, 3), none, true},
		{"held from the first", begun([3]uint64{200, 1, 5}), at(0, 0, 0), none, at(0, 0, 0), none, true},
		{"retention took it", raised(begun([3]uint64{100, 1, 5}), 100, 3), at(0, 0, 0), none, at(0, 0, 0), none, true},

		{"a new epoch of which the first is absent", begun([3]uint64{200, 4, 5}), end(200, 3), end(200, 3), none, none, false},
		{"the same, and it was not live", begun([3]uint64{200, 4, 5}), end(200, 3), none, none, none, false},
		{"the first has come", begun([3]uint64{200, 1, 1}, [3]uint64{200, 4, 5}), at(0, 0, 0), end(200, 3), at(0, 0, 0), since, true},
		{"of a hole in it nothing is passed", begun([3]uint64{200, 1, 1}, [3]uint64{200, 4, 5}), end(200, 3), none, end(200, 1), none, true},
		{"the first was given up", gave(begun([3]uint64{200, 4, 5}), 200, 1, 1), end(200, 3), none, at(200, 0, 0), none, true},

		{"an old epoch from its middle", begun([3]uint64{100, 4, 5}), end(100, 3), end(100, 4), at(100, 0, 0), end(100, 4), true},
		{"the same, and it was not live", begun([3]uint64{100, 4, 5}), end(100, 3), none, none, none, false},
		{"an old epoch, held below", begun([3]uint64{100, 1, 2}, [3]uint64{100, 5, 6}), end(100, 4), end(100, 5), end(100, 2), end(100, 5), true},
		{"a hole above what was sought", begun([3]uint64{100, 1, 2}, [3]uint64{100, 5, 6}), end(100, 1), end(100, 4), end(100, 1), end(100, 4), true},
		{"an old epoch above a floor", raised(begun([3]uint64{100, 4, 5}), 100, 3), end(100, 3), end(100, 3), at(0, 0, 0), end(100, 3), true},
		{"the same with what retention forgot", forgot(begun([3]uint64{50, 1, 1}, [3]uint64{100, 4, 5}), 50), at(0, 0, 0), end(100, 3), at(100, 0, 0), end(100, 3), true},
		{"what is absent was given up", gave(begun([3]uint64{100, 4, 5}), 100, 1, 3), end(100, 3), none, at(100, 0, 0), none, true},
		{"its clock is behind", begun([3]uint64{100, 4, 5}), at(100, 5, 4), end(100, 4), end(100, 4), none, true},

		{"the epoch before is absent", named(), end(100, 3), none, none, none, false},
		{"the same, and it was live", named(), end(100, 3), end(100, 3), at(100, 0, 0), end(100, 3), true},
		{"the same, and it was live later", named([3]uint64{200, 2, 5}), end(100, 3), end(200, 4), at(100, 0, 0), since, true},
		{"the end of the epoch before is older", named([3]uint64{100, 1, 3}), end(100, 3), none, end(100, 3), none, true},
		{"the epoch before is held in part", named([3]uint64{100, 1, 2}), end(100, 3), end(100, 3), end(100, 2), end(100, 3), true},
		{"the epoch before is forgotten", forgot(named([3]uint64{100, 1, 3}), 100), end(100, 3), none, at(100, 0, 0), none, true},
		{"an epoch that ended before is not looked at", func() *messages.Line {
			l := begun()
			l.Hold(header(140, 1, at(100, 3, 4)))
			return l
		}(), end(100, 3), none, end(100, 3), none, true},
		{"the epoch before is not copied yet", begun([3]uint64{100, 1, 3}), end(120, 3), none, none, none, false},
	} {
		got, known := c.line.Begin(150, c.sought, c.met)
		if want := (messages.Beginning{At: c.at, Until: c.until}); known != c.known || known && got != want {
			t.Errorf("%s: %v %+v, want %v %+v", c.name, known, got, c.known, want)
		}
	}
}

// The drawings of Line.Begin.
func TestBeginningsAsDrawn(t *testing.T) {
	old := begun([3]uint64{100, 1, 3}, [3]uint64{100, 7, 9})
	sought, met := at(100, 6, messages.IndexEnd), at(100, 8, messages.IndexEnd)
	if got, known := old.Begin(150, sought, met); !known || got.At != at(100, 3, messages.IndexEnd) || got.Until != met {
		t.Errorf("met at 8: %v %+v", known, got)
	}
	if got, known := old.Begin(150, sought, messages.Position{}); known {
		t.Errorf("not met: %+v", got)
	}
	fresh := begun([3]uint64{200, 4, 6})
	if got, known := fresh.Begin(150, at(200, 3, messages.IndexEnd), at(200, 5, messages.IndexEnd)); known {
		t.Errorf("a new epoch: %+v", got)
	}
	fresh.Hold(header(200, 1, messages.Position{}))
	if got, known := fresh.Begin(150, at(0, 0, 0), at(200, 5, messages.IndexEnd)); !known || got.At != at(0, 0, 0) {
		t.Errorf("its first batch: %v %+v", known, got)
	}
}
