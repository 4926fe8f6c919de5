package archive

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
)

func at(seconds float64) time.Time {
	return time.Unix(1e9, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// Who archives what: of self, a, b, which have the same archive, c, which has another one, d, which has none, and e, which takes less.
func TestWhoArchivesWhat(t *testing.T) {
	const place = "here"
	archives := map[messages.NodeID]command.NodeArchive{
		"self": {Place: place, Streams: "m.>"}, "a": {Place: place, Streams: ">"}, "b": {Place: place, Streams: "m.>"},
		"c": {Place: "there", Streams: ">"}, "e": {Place: place, Streams: "m.x"},
	}
	everybody := []messages.NodeID{"self", "a", "b", "c", "d", "e"}
	first := func(origin messages.NodeID, of ...messages.NodeID) (best messages.NodeID) {
		for _, id := range of {
			if best == "" || rank(origin, id) > rank(origin, best) {
				best = id
			}
		}
		return best
	}
	for name, c := range map[string]struct {
		// gone were there until second 0 and are missed, left said so.
		gone, left []messages.NodeID
		at         float64
		// able are who archives what nobody archives for itself.
		able []messages.NodeID
	}{
		"all are there":      {at: 60, able: []messages.NodeID{"self", "a", "b"}},
		"one is just missed": {gone: []messages.NodeID{"a"}, at: 9, able: []messages.NodeID{"self", "a", "b"}},
		"one is dead":        {gone: []messages.NodeID{"a"}, at: 10, able: []messages.NodeID{"self", "b"}},
		"one left":           {left: []messages.NodeID{"a"}, at: 1, able: []messages.NodeID{"self", "b"}},
		"all are dead":       {gone: []messages.NodeID{"a", "b", "c", "d"}, at: 10, able: []messages.NodeID{"self"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := roster{self: "self", has: archives["self"], grace: 10 * time.Second, begun: at(-60), archives: archives}
			members := func(there func(messages.NodeID) bool) (list []command.Member) {
				for _, id := range everybody {
					list = append(list, command.Member{ID: id, There: there(id), Left: contains(c.left, id)})
				}
				return list
			}
			r.members(members(func(id messages.NodeID) bool { return true }), at(-50))
			r.members(members(func(id messages.NodeID) bool { return !contains(c.gone, id) && !contains(c.left, id) }), at(0))
			r.members(members(func(id messages.NodeID) bool { return !contains(c.gone, id) && !contains(c.left, id) }), at(c.at-0.5))
			mine := r.plan(at(c.at))
			for _, origin := range append(everybody, "stranger", "another") {
				want := first(origin, c.able...)
				if contains(c.able, origin) {
					want = origin
				}
				if got := mine(origin); got != (want == "self") {
					t.Errorf("self archives %s: %v, and %s is to", origin, got, want)
				}
			}
		})
	}
}

func contains(list []messages.NodeID, id messages.NodeID) bool {
	for _, one := range list {
		if one == id {
			return true
		}
	}
	return false
}

// Of all nodes that see the same exactly one archives an origin, and nobody archives all.
func TestOneNodeArchivesAnOrigin(t *testing.T) {
	archives := make(map[messages.NodeID]command.NodeArchive)
	var members []command.Member
	for i := range 8 {
		id := messages.NodeID(fmt.Sprint("n", i))
		archives[id] = command.NodeArchive{Place: "here", Streams: ">"}
		members = append(members, command.Member{ID: id, There: true})
	}
	count := make(map[messages.NodeID]int)
	for k := range 800 {
		origin, archivers := messages.NodeID(fmt.Sprint("o", k)), 0
		for id := range archives {
			r := roster{self: id, has: archives[id], grace: time.Second, begun: at(-60), archives: archives}
			r.members(members, at(0))
			if r.plan(at(60))(origin) {
				archivers++
				count[id]++
			}
		}
		if archivers != 1 {
			t.Fatalf("%d nodes archive %s", archivers, origin)
		}
	}
	for id, n := range count {
		if n < 50 || n > 150 {
			t.Errorf("%s archives %d of 800 origins, want about 100", id, n)
		}
	}
}

// A node that has just started archives only what is its, until it has met the others.
func TestWhoIsNotMetYetIsWaitedFor(t *testing.T) {
	r := roster{self: "self", has: command.NodeArchive{Place: "here", Streams: ">"}, grace: 10 * time.Second, begun: at(0)}
	for second, want := range map[float64]bool{0: false, 9: false, 10: true} {
		if mine := r.plan(at(second)); mine("other") != want || !mine("self") {
			t.Errorf("after %v s: other %v, self %v", second, mine("other"), mine("self"))
		}
	}
	r.alone = true
	if !r.plan(at(0))("other") {
		t.Error("who is alone waits for nobody")
	}
}

func TestWhatPeopleAreTold(t *testing.T) {
	behind := func(records uint64, seconds float64) health {
		return health{lag: lag{records: records, batches: records, origins: 1}, seconds: seconds}
	}
	away := behind(12345, 200)
	away.away, away.since, away.why = true, at(0), "connection refused"
	unread, blip := away, away
	blip.seconds = 30
	unread.unread = 1
	refused := behind(3, 100)
	refused.lag.refused, refused.refusal = 3, "too large"
	lost := health{lost: 2, lostAt: at(0)}
	type look struct {
		at   float64
		h    health
		want string
	}
	for name, looks := range map[string][]look{
		"all is archived": {{0, health{}, "ok all is archived"}},
		"at the start":    {{1, health{away: true, since: at(0)}, "ok it does not answer just now"}},
		"live":            {{0, behind(5, 1), "ok 5 records (1 s) behind"}},
		"a blip":          {{0, blip, "ok 12,345 records (30 s) behind"}},
		"away":            {{10, away, "degraded away since 01:46:40, 12,345 records (3 min) behind: connection refused"}},
		"away at first":   {{10, unread, "degraded away since 01:46:40, at least 12,345 records (3 min) behind: connection refused"}},
		"behind": {
			{0, behind(1, 59), "ok 1 record (59 s) behind"},
			{1, behind(1, 60), "degraded 1 record (60 s) behind"},
			{2, behind(1, 30), "degraded 1 record (30 s) behind"},
			{3, behind(1, 19), "ok 1 record (19 s) behind"},
			{4, behind(1, 30), "ok 1 record (30 s) behind"},
		},
		"refused": {{0, refused, "degraded it refuses 3 batches: too large"}},
		"lost":    {{3599, lost, "degraded the journal dropped 2 batches before they were archived"}, {3600, lost, "ok all is archived"}},
	} {
		t.Run(name, func(t *testing.T) {
			var a alarm
			for _, l := range looks {
				state, detail := a.next(&l.h, at(l.at))
				if got := state + " " + detail; got != l.want {
					t.Errorf("at %v s: %q, want %q", l.at, got, l.want)
				}
			}
		})
	}
}

func TestTally(t *testing.T) {
	var one tally
	for s := uint64(1); s <= 3000; s++ {
		one.note(s, uint32(s%3+1))
	}
	set := func(from, to uint64) messages.Ranges { return messages.Ranges{{From: from, To: to}} }
	for _, c := range []struct {
		set  messages.Ranges
		want float64
	}{{nil, 0}, {set(1, 3000), 6000}, {set(1024, 2047), 2048}, {set(5000, 5009), 70}, {messages.Ranges{{From: 1, To: 3000}, {From: 9000, To: 9001}}, 6014}} {
		if got := one.records(c.set, 7); got < c.want-2 || got > c.want+2 {
			t.Errorf("%v has %v records, want %v", c.set, got, c.want)
		}
	}
	one.keep(set(1030, 1031))
	if len(one.blocks) != 1 {
		t.Errorf("%d blocks are kept, want 1", len(one.blocks))
	}
}

// Whatever happens to it, a batch that is held is in one place, and what is pinned is all that is not confirmed for a minute.
func TestBookLosesNothing(t *testing.T) {
	for seed := range uint64(200) {
		b := &book{epochKey: epochKey{"o", 1}}
		random := newRandom(seed)
		now, next := at(0), uint64(0)
		var flying []piece
		for range 300 {
			now = now.Add(time.Duration(random.IntN(5000)) * time.Millisecond)
			switch random.IntN(9) {
			case 0, 1:
				for range random.IntN(5) {
					next++
					b.hear(next)
				}
			case 2, 3:
				if len(b.todo) > 0 {
					flying = append(flying, b.take(random.IntN(2) == 0, 1+random.IntN(4)))
				}
			case 4, 5:
				if len(flying) > 0 {
					i := random.IntN(len(flying))
					p := flying[i]
					flying = append(flying[:i], flying[i+1:]...)
					switch random.IntN(4) {
					case 0:
						b.back(p.Range)
					case 1:
						b.refuse(p.Range)
					default:
						b.wrote(p.Range, note{top: p.To})
					}
				}
			case 6:
				b.confirm(">")
				switch random.IntN(3) {
				case 0:
					b.unconfirmed(note{})
				case 1:
					b.doubt(now)
				default:
					b.confirms(now)
				}
			case 7:
				has := b.confirmed.Minus(nil)
				if random.IntN(3) == 0 && next > 0 { // it forgets, or another one archived
					from := 1 + random.Uint64N(next)
					has = has.Drop(messages.Range{From: from, To: from + 3})
				}
				b.readBack(has, now, settleAfter, false)
			default:
				b.refused = nil
				b.survey(messages.Ranges{{From: 1, To: next}}.Drop(messages.Range{From: next + 1, To: next}), 1)
			}
			open := union(b.open(), b.confirmed.Minus(b.suspect))
			if missing := b.held.Minus(open); len(missing) > 0 {
				t.Fatalf("seed %d: %v are nowhere: %+v", seed, missing, b)
			}
			var sum uint64
			for _, set := range []messages.Ranges{b.todo, b.flying, b.written, b.confirming, b.refused} {
				sum += set.Len()
			}
			if sum != b.open().Len() {
				t.Fatalf("seed %d: a batch is in two places: %+v", seed, b)
			}
			if early := b.settled().Minus(b.confirmed); len(early) > 0 {
				t.Fatalf("seed %d: %v may be dropped, and are not confirmed", seed, early)
			}
			p := pins{settled: map[messages.NodeID]map[uint64]messages.Ranges{"o": {1: b.settled()}}}
			for _, run := range b.open() {
				if !p.pinned("o", 1, run) {
					t.Fatalf("seed %d: %v may be dropped, and is not archived", seed, run)
				}
			}
		}
	}
}

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }
