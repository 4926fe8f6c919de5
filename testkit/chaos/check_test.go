package chaos_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// id is a position of one of two origins.
func id(origin string, sequence int) string { return fmt.Sprintf("%s-100-%d-0", origin, sequence) }

// record is what a datum becomes.
func record(origin string, sequence, number int) chaos.Record {
	return chaos.Record{ID: id(origin, sequence), Stream: "chaos.p1", NativeID: fmt.Sprint("1.", number), Data: chaos.Datum{Publisher: 1, Number: number}}
}

func records(list ...chaos.Record) chaos.Message {
	return chaos.Message{Op: "records", Stream: "chaos.p1", Records: list, Pos: list[len(list)-1].ID}
}

// good is a history in which nothing is wrong: origin a numbers 1, 2, 3 and 5, origin b numbers 4; 5 was tried twice. A reader
// moves from one node to the other.
func good() *chaos.History {
	a1, a2, a3, a4, b1 := record("a", 1, 1), record("a", 2, 2), record("a", 3, 3), record("a", 4, 5), record("b", 1, 4)
	try := func(at int, r chaos.Record, outcome chaos.Outcome) chaos.Publish {
		p := chaos.Publish{Datum: r.Data, Node: "n", Begin: time.Duration(at) * time.Second, End: time.Duration(at+1) * time.Second, Outcome: outcome}
		if outcome == chaos.Acknowledged {
			p.ID = r.ID
		}
		return p
	}
	return &chaos.History{
		Publishes: []chaos.Publish{
			try(1, a1, chaos.Acknowledged), try(2, a2, chaos.Acknowledged), try(3, a3, chaos.Acknowledged), try(4, b1, chaos.Acknowledged),
			try(5, a4, chaos.Unknown), try(6, a4, chaos.Acknowledged),
		},
		Held: map[string][]chaos.Record{"n1": {a1, a2, a3, b1, a4}, "n2": {b1, a1, a2, a3, a4}},
		Readers: []chaos.Reader{{Name: "r", Sessions: []chaos.Session{
			{Node: "n1", Messages: []chaos.Message{
				{Op: "subscribed"}, records(a1), records(a2), {Op: "live"}, {Op: "cursor", After: []string{id("a", 2)}},
			}},
			{Node: "n2", After: []string{id("a", 2)}, Messages: []chaos.Message{
				{Op: "subscribed", After: []string{id("a", 2)}}, records(a3), records(b1), {Op: "live"}, records(a4),
			}},
		}}},
	}
}

func TestAGoodHistoryHasNoFault(t *testing.T) {
	if faults := chaos.Check(good()); len(faults) > 0 {
		t.Fatal(faults)
	}
}

func TestWhatIsNamedInAGapIsNoSilentHole(t *testing.T) {
	for _, reason := range []string{"retention", "late"} {
		h := good()
		h.Wiped = map[string]bool{"a": reason == "late"}
		s := &h.Readers[0].Sessions[1]
		s.Messages[1] = chaos.Message{Op: "gap", Origin: "a", From: id("a", 2), To: id("a", 3), Reason: reason}
		if faults := chaos.Check(h); len(faults) > 0 {
			t.Errorf("%s: %v", reason, faults)
		}
	}
}

func TestAReaderOfTheLatestHasNoClaimToWhatIsOlder(t *testing.T) {
	h := good()
	r := &h.Readers[0]
	r.Latest = true
	r.Sessions[0].Messages = []chaos.Message{{Op: "subscribed", After: []string{id("a", 2), "@100"}}, {Op: "live"}}
	r.Sessions[1].After = append(r.Sessions[1].After, "@100")
	if faults := chaos.Check(h); len(faults) > 0 {
		t.Fatal(faults)
	}
	r.Sessions[1].Messages = slices.Delete(r.Sessions[1].Messages, 1, 2)
	if len(chaos.Check(h)) == 0 {
		t.Fatal("it has none to what is newer either")
	}
	r.Sessions[1].Messages = slices.Insert(r.Sessions[1].Messages, 1, records(record("a", 3, 3)))
	r.Latest = false
	if len(chaos.Check(h)) == 0 {
		t.Fatal("one that began with the earliest has none either")
	}
}

func TestAReaderOfTheLatestHasAClaimToAllOfAnOriginThatTurnsUp(t *testing.T) {
	h := good()
	r := &h.Readers[0]
	r.Latest = true
	r.Sessions[0].Messages = []chaos.Message{{Op: "subscribed", After: []string{"@100"}}, records(record("a", 1, 1)), records(record("a", 2, 2)), {Op: "live"}}
	if faults := chaos.Check(h); len(faults) > 0 {
		t.Fatal(faults)
	}
	r.Sessions[0].Messages = slices.Delete(r.Sessions[0].Messages, 1, 2)
	if faults := chaos.Check(h); len(faults) != 1 || faults[0].Promise != chaos.Silent {
		t.Fatalf("one that began with the second record: %v", faults)
	}
}

func TestEachFaultIsFound(t *testing.T) {
	first := func(h *chaos.History) *chaos.Session { return &h.Readers[0].Sessions[0] }
	second := func(h *chaos.History) *chaos.Session { return &h.Readers[0].Sessions[1] }
	drop := func(h *chaos.History, id string) {
		for name, list := range h.Held {
			h.Held[name] = slices.DeleteFunc(slices.Clone(list), func(r chaos.Record) bool { return r.ID == id })
		}
	}
	for name, test := range map[string]struct {
		promise string
		spoil   func(h *chaos.History)
	}{
		"an acknowledged record is nowhere": {chaos.Lost, func(h *chaos.History) { drop(h, id("a", 2)) }},
		"a duplicate is nowhere": {chaos.Lost, func(h *chaos.History) {
			h.Publishes[1].ID = ""
			drop(h, id("a", 2))
		}},
		"another record has the id that was answered": {chaos.Lost, func(h *chaos.History) { h.Publishes[1].ID, h.Publishes[0].ID = id("a", 1), id("a", 2) }},
		"a record comes from nowhere": {chaos.Invented, func(h *chaos.History) {
			for name := range h.Held {
				h.Held[name] = append(h.Held[name], record("b", 2, 77))
			}
		}},
		"an origin stores a native id twice": {chaos.StoredTwice, func(h *chaos.History) {
			for name := range h.Held {
				h.Held[name] = append(h.Held[name], record("a", 5, 2))
			}
		}},
		"a node lists a record twice": {chaos.StoredTwice, func(h *chaos.History) { h.Held["n1"] = append(h.Held["n1"], h.Held["n1"][0]) }},
		"one id is two records": {chaos.Forked, func(h *chaos.History) {
			h.Held["n2"] = slices.Clone(h.Held["n2"])
			h.Held["n2"][1] = record("a", 1, 2)
		}},
		"a node lacks a record":       {chaos.NotEqual, func(h *chaos.History) { h.Held["n2"] = h.Held["n2"][1:] }},
		"a held id can't be read":     {chaos.Malformed, func(h *chaos.History) { h.Held["n2"] = append(h.Held["n2"], chaos.Record{ID: "a-1"}) }},
		"a later record stands below": {chaos.Misnumbered, func(h *chaos.History) { h.Publishes[0].Begin, h.Publishes[0].End = 10*time.Second, 11*time.Second }},
		"a record comes twice": {chaos.Doubled, func(h *chaos.History) {
			first(h).Messages = append(first(h).Messages, records(record("a", 2, 2)))
		}},
		"a record comes that the cursor covers": {chaos.Doubled, func(h *chaos.History) {
			second(h).Messages = slices.Insert(second(h).Messages, 1, records(record("a", 2, 2)))
		}},
		"two records are exchanged": {chaos.Disordered, func(h *chaos.History) {
			m := first(h).Messages
			m[1], m[2] = m[2], m[1]
		}},
		"a record comes below what was named": {chaos.Disordered, func(h *chaos.History) {
			second(h).Messages = slices.Insert(second(h).Messages, 1, chaos.Message{Op: "cursor", After: []string{id("a", 3)}})
		}},
		"a cursor goes back": {chaos.WentBack, func(h *chaos.History) { first(h).Messages[4].After = []string{id("a", 1)} }},
		"a node that is behind hands out a smaller cursor": {chaos.WentBack, func(h *chaos.History) {
			second(h).Messages[0].After = []string{id("a", 1)}
		}},
		"a message's position goes back": {chaos.WentBack, func(h *chaos.History) { second(h).Messages[4].Pos = id("a", 1) }},
		"a record is passed over in silence": {chaos.Silent, func(h *chaos.History) {
			second(h).Messages = slices.Delete(second(h).Messages, 1, 2)
		}},
		"a move loses a record": {chaos.Silent, func(h *chaos.History) {
			second(h).After = []string{id("a", 3)}
			second(h).Messages = slices.Delete(second(h).Messages, 0, 2)
		}},
		"a gap covers what is held": {chaos.FalseGap, func(h *chaos.History) {
			second(h).Messages[1] = chaos.Message{Op: "gap", Origin: "a", From: id("a", 2), To: id("a", 3), Reason: "missing"}
		}},
		"what was acknowledged comes late": {chaos.FalseGap, func(h *chaos.History) {
			second(h).Messages[1] = chaos.Message{Op: "gap", Origin: "a", From: id("a", 2), To: id("a", 3), Reason: "late"}
		}},
		"a gap covers nothing": {chaos.Malformed, func(h *chaos.History) {
			second(h).Messages[3] = chaos.Message{Op: "gap", Origin: "a", From: id("a", 3), To: id("a", 3), Reason: "missing"}
		}},
		"a reader never comes to the end": {chaos.Unread, func(h *chaos.History) {
			second(h).Messages = second(h).Messages[:4]
		}},
		"a node refuses what it has to take": {chaos.Malformed, func(h *chaos.History) {
			h.Publishes[4].Outcome, h.Publishes[4].Why = chaos.Refused, "500 internal"
		}},
		"a node answers with an error": {chaos.Malformed, func(h *chaos.History) {
			second(h).Messages[3] = chaos.Message{Op: "error", Code: "invalid_start"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			test.spoil(h)
			faults := chaos.Check(h)
			if !slices.ContainsFunc(faults, func(f chaos.Fault) bool { return f.Promise == test.promise }) {
				t.Errorf("want %q, found %v", test.promise, faults)
			}
		})
	}
}

func TestANodeMayRefuseWhatItHasNoRoomFor(t *testing.T) {
	for _, why := range []string{"unavailable", "storage_full"} {
		h := good()
		h.Publishes[4].Outcome, h.Publishes[4].Why = chaos.Refused, why
		if faults := chaos.Check(h); len(faults) > 0 {
			t.Errorf("%s: %v", why, faults)
		}
	}
}

func TestOfManyFaultsTheFirstAreToldAndTheOthersCounted(t *testing.T) {
	h := &chaos.History{}
	for n := range 25 {
		h.Publishes = append(h.Publishes, chaos.Publish{Datum: chaos.Datum{Number: n}, Outcome: chaos.Acknowledged, ID: id("a", n)})
	}
	faults := chaos.Check(h)
	if len(faults) != 11 || faults[10].What != "and 15 more" {
		t.Fatalf("%d faults: %v", len(faults), faults)
	}
}
