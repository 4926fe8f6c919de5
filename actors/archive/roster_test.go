package archive

import (
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage/memory"
)

// What a node's archive refuses for good others archive, as long as there are others; and nodes that name one database differently share its work.
func TestWhoCanArchive(t *testing.T) {
	const self, other, third = "self", "other", "third"
	type has = command.NodeArchive
	here := has{Place: "h1", Streams: ">"}
	refused := has{Place: "h1", Streams: ">", Refused: true}
	known := func(place, database string) has { return has{Place: place, Database: database, Streams: ">"} }
	for name, c := range map[string]struct {
		self, other has
		// want are who archives what is self's, other's, and who has no archive.
		want [3][]messages.NodeID
	}{
		"both can":                    {here, here, [3][]messages.NodeID{{self}, {other}, {self, other}}},
		"the other one is refused":    {here, refused, [3][]messages.NodeID{{self}, {self}, {self}}},
		"this one is refused":         {refused, here, [3][]messages.NodeID{{other}, {other}, {other}}},
		"both are refused":            {refused, refused, [3][]messages.NodeID{{self}, {other}, {self, other}}},
		"another place":               {here, has{Place: "h2", Streams: ">"}, [3][]messages.NodeID{{self}, {self}, {self}}},
		"one database, named twice":   {known("h1", "d"), known("h2", "d"), [3][]messages.NodeID{{self}, {other}, {self, other}}},
		"two databases of one name":   {known("h1", "d"), known("h1", "e"), [3][]messages.NodeID{{self}, {self}, {self}}},
		"one was not connected yet":   {known("h1", "d"), here, [3][]messages.NodeID{{self}, {other}, {self, other}}},
		"named twice, and refused":    {known("h1", "d"), has{Place: "h2", Database: "d", Streams: ">", Refused: true}, [3][]messages.NodeID{{self}, {self}, {self}}},
		"refused, and the other less": {refused, has{Place: "h1", Streams: "m.>"}, [3][]messages.NodeID{{self}, {self}, {self}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := roster{self: self, has: c.self, grace: 10 * time.Second, begun: at(-60), archives: map[messages.NodeID]has{other: c.other}}
			r.members([]command.Member{{ID: self, There: true}, {ID: other, There: true}, {ID: third, There: true}}, at(-50))
			of := r.archivers(at(0))
			for i, origin := range []messages.NodeID{self, other, third} {
				if got := of(origin); !contains(c.want[i], got) {
					t.Errorf("%s archives %s, want one of %s", got, origin, c.want[i])
				}
				if mine := r.plan(at(0))(origin); mine != (of(origin) == self) {
					t.Errorf("self archives %s: %v", origin, mine)
				}
			}
		})
	}
}

// A node whose archive is refused for good tells so, to people and to others, and archives nothing where another one can; what the archive has not the
// journal keeps meanwhile.
func TestAnArchiveThatIsRefusedForGoodIsAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine := memory.NewArchive(memory.ArchiveConfig{})
		theirs := mine.With(memory.ArchiveConfig{})
		w := newWorld(t, "self", memory.NewJournal(memory.Config{Self: "self"}), mine)
		var told []command.NodeArchive
		w.changed = func(has command.NodeArchive) bool {
			told = append(told, has)
			return len(told)%2 == 0 // one is lost
		}
		w.start()
		w.a.Archives(archives{"other": Register(theirs)})
		w.a.Members(members{{ID: "self", There: true}, {ID: "other", There: true}})
		pass(12 * time.Second)
		w.publish("self", 3)
		pass(3 * time.Second)
		if v := w.view(); v.State != command.StateOK || v.Figures["origins"] != 1 {
			t.Errorf("before: %+v", v)
		}
		mine.Refuse(errGone)
		w.publish("self", 3)
		pass(3 * time.Second)
		const want = "connection refused: it is not used until this node starts again, and other nodes archive what is here"
		if v := w.view(); v.State != command.StateFailed || v.Detail != want || v.Hint == "" || v.Figures["origins"] != 0 {
			t.Errorf("refused: %+v", v)
		}
		if n := len(told); n != 4 || told[0] != told[1] || told[0].Refused || told[2] != told[3] || !told[2].Refused {
			t.Errorf("others are told %+v", told)
		}
		if !w.a.Pinned("self", 1, messages.Range{From: 4, To: 6}) {
			t.Error("what is not archived is not kept")
		}
		w.a.Members(members{{ID: "self", There: true}})
		pass(12 * time.Second)
		const alone = "connection refused: it is not used until this node starts again, and what is here waits in the journal"
		if v := w.view(); v.State != command.StateFailed || v.Detail != alone || v.Figures["origins"] != 1 {
			t.Errorf("alone: %+v", v)
		}
		w.stop()
	})
}
