package storagetest

import (
	"flag"
	"maps"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// model tries histories of appends in any order, restarts and scans against a plain map.
func model(t0 *testing.T, t *trial) {
	pool := make([]wire.Sealed, 0, 48)
	for _, origin := range []messages.NodeID{Self, Peer} {
		o := NewOrigin(origin, 2, Start)
		first := o.Run(t, 12)
		o.Restart(5, first[11].Position())
		pool = append(append(pool, first...), o.Run(t, 12)...)
	}
	defer fewer(t0)()
	rapid.Check(t0, func(r *rapid.T) {
		t.start(Config{})
		held := make(map[messages.BatchID]wire.Sealed)
		line := map[messages.NodeID]*messages.Line{Self: messages.NewLine(Self), Peer: messages.NewLine(Peer)}
		r.Repeat(map[string]func(*rapid.T){
			"append": func(r *rapid.T) {
				batches := rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, 6, func(s wire.Sealed) messages.BatchID { return s.ID() }).Draw(r, "batches")
				got, err := t.Append(storage.Family(rapid.IntRange(0, 2).Draw(r, "family")), batches)
				if err != nil {
					r.Fatal(err)
				}
				for i := range batches {
					s := &batches[i]
					_, was := held[s.ID()]
					below := false
					if e, ok := line[s.Origin].Epoch(s.Epoch); ok {
						below = s.Sequence < e.Floor
					}
					if (was || below) != (got[i] == storage.HeldAlready) {
						r.Fatalf("%s: held %d, was there: %v", s.ID(), got[i], was)
					}
					if below {
						continue
					}
					held[s.ID()] = *s
					line[s.Origin].Hold(&s.Header)
				}
			},
			"raise": func(r *rapid.T) {
				s := rapid.SampledFrom(pool).Draw(r, "floor")
				floor := s.Sequence + uint64(rapid.IntRange(0, 1).Draw(r, "above"))
				if floor == 1 || rapid.IntRange(0, 3).Draw(r, "seldom") > 0 {
					return
				}
				if err := t.Raise(s.Origin, s.Epoch, floor); err != nil {
					r.Fatal(err)
				}
				line[s.Origin].Raise(s.Epoch, floor)
				maps.DeleteFunc(held, func(id messages.BatchID, _ wire.Sealed) bool {
					return id.Origin == s.Origin && id.Epoch == s.Epoch && id.Sequence < floor
				})
			},
			"give up": func(r *rapid.T) {
				s := rapid.SampledFrom(pool).Draw(r, "gone")
				gone := messages.Range{From: s.Sequence, To: s.Sequence + uint64(rapid.IntRange(0, 2).Draw(r, "more"))}
				if err := t.GiveUp(s.Origin, s.Epoch, gone); err != nil && len(line[s.Origin].Digest()) > 0 {
					r.Fatal(err)
				}
				line[s.Origin].GiveUp(s.Epoch, gone)
			},
			"sync": func(r *rapid.T) {
				if err := t.Sync(); err != nil {
					r.Fatal(err)
				}
			},
			"reopen": func(r *rapid.T) {
				if t.opened.Reopen != nil {
					t.Journal = t.opened.Reopen(rapid.Bool().Draw(r, "kill"))
				}
			},
			"": func(r *rapid.T) { agree(r, t, pool, held, line) },
		})
	})
}

// fewer has rapid try 40 histories, unless ANODE_LONG or -rapid.checks says otherwise, until what it gives is called.
func fewer(t *testing.T) func() {
	checks := flag.Lookup("rapid.checks")
	if os.Getenv("ANODE_LONG") != "" || checks == nil || checks.Value.String() != checks.DefValue {
		return func() {}
	}
	set := func(to string) {
		if err := checks.Value.Set(to); err != nil {
			t.Fatal(err)
		}
	}
	set("40")
	return func() { set(checks.DefValue) }
}

// agree compares a journal with what it should hold.
func agree(r *rapid.T, t *trial, pool []wire.Sealed, held map[messages.BatchID]wire.Sealed, line map[messages.NodeID]*messages.Line) {
	sequences := make(map[messages.BatchID][]uint64)
	for i := range pool {
		s := &pool[i]
		_, want := held[s.ID()]
		if _, err := t.Read(s.ID()); (err == nil) != want {
			r.Fatalf("read of %s: %v, want held: %v", s.ID(), err, want)
		}
		if want {
			key := messages.BatchID{Origin: s.Origin, Epoch: s.Epoch}
			sequences[key] = append(sequences[key], s.Sequence)
		}
		at := s.Position()
		if got, own, want := t.Next(at), t.Line(s.Origin).Next(at), line[s.Origin].Next(at); got != want || own != want {
			r.Fatalf("next after %s is %+v, on its line %+v, want %+v", at, got, own, want)
		}
	}
	for _, key := range slices.Collect(maps.Keys(sequences)) {
		if got := t.scanned(storage.Scan{Stream: "test.a", Origin: key.Origin, Epoch: key.Epoch}); !slices.Equal(got, sequences[key]) {
			r.Fatalf("scan of %s gave %v, want %v", key, got, sequences[key])
		}
	}
}
