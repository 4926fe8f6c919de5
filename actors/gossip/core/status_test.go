package core_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire/frame"
)

func record(node messages.NodeID, epoch, version uint64) frame.Ephemeral {
	return frame.Ephemeral{Node: node, Kind: 1, Epoch: epoch, Version: version, Body: []byte("fine")}
}

// records are those that a peer was sent since the last look.
func (d *desk) records(peer messages.NodeID) (list []frame.Ephemeral) {
	for _, s := range sent[*frame.Status](d, peer) {
		list = append(list, s.Records...)
	}
	return list
}

func TestTheNodesRecordGoesToAllPeers(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.Publish(d.now, record(me, 10, 1))
	d.drain()
	for _, peer := range list[messages.NodeID]("a", "b") {
		alike(t, string(peer), d.records(peer), list(record(me, 10, 1)))
	}
	none(t, "shown", d.put(core.Show))
}

// beat is more than the time until what is new is told.
const beat = 150 * time.Millisecond

// told are the versions of which a peer was told since the last look, wanted those it was asked for.
func (d *desk) told(peer messages.NodeID) (list []frame.Stamp)   { return d.stamps(peer, false) }
func (d *desk) wanted(peer messages.NodeID) (list []frame.Stamp) { return d.stamps(peer, true) }

func (d *desk) stamps(peer messages.NodeID, want bool) (list []frame.Stamp) {
	for _, v := range sent[*frame.Versions](d, peer) {
		if v.Want == want {
			list = append(list, v.List...)
		}
	}
	return list
}

// tells has a peer say that it has a version of o's record.
func (d *desk) tells(peer messages.NodeID, version uint64) {
	d.Helper()
	d.gets(peer, &frame.Versions{List: list(stampOf("o", version))})
}

func stampOf(node messages.NodeID, version uint64) frame.Stamp {
	s := frame.Stamp{Node: node, Kind: 1, Epoch: 1, Version: version}
	if version == 0 {
		s.Epoch = 0
	}
	return s
}

func TestRecordsOfOthersAreShownAndToldOf(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b", "o")
	d.gets("a", &frame.Status{Records: list(record("o", 1, 1))})
	alike(t, "shown", *d.put(core.Show)[0].Record, record("o", 1, 1))
	d.pass(beat)
	same(t, "b is told", d.told("b"), list(stampOf("o", 1)))
	none(t, "a, who has it, is told", d.told("a"))
	none(t, "o, whose it is, is told", d.told("o"))
	for _, peer := range list[messages.NodeID]("a", "b", "o") {
		none(t, "sent without being asked for", d.records(peer))
	}
	d.pass(time.Second)
	same(t, "b is told once", d.told("b"), list(stampOf("o", 1)))
}

func TestWhoHasARecordIsNotToldOfIt(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b", "c")
	d.gets("a", &frame.Status{Records: list(record("o", 1, 1))})
	d.tells("b", 1)
	d.gets("c", &frame.Status{Records: list(record("o", 1, 1))})
	d.pass(beat)
	none(t, "told", append(d.told("b"), d.told("c")...))
}

func TestWhoWantsARecordGetsIt(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.gets("a", &frame.Status{Records: list(record("o", 1, 5))})
	d.gets("b", &frame.Versions{Want: true, List: list(stampOf("o", 4), stampOf("unknown", 0))})
	alike(t, "b", d.records("b"), list(record("o", 1, 5)))
	d.clear()
	d.gets("b", &frame.Versions{Want: true, List: list(stampOf("o", 5))})
	none(t, "sent to who has it", d.records("b"))
}

func TestTheFirstWhoTellsOfARecordIsAskedForIt(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.tells("a", 1)
	d.tells("b", 1)
	same(t, "a is asked for", d.wanted("a"), list(stampOf("o", 0)))
	d.gets("a", &frame.Status{Records: list(record("o", 1, 1))})
	d.tells("b", 2)
	d.tells("a", 2)
	d.pass(400 * time.Millisecond)
	same(t, "b is asked for", d.wanted("b"), list(stampOf("o", 1)))
	same(t, "a is asked for no more", d.wanted("a"), list(stampOf("o", 0)))
}

func TestWhatIsHeldOrOlderIsNotAskedFor(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.gets("a", &frame.Status{Records: list(record("o", 1, 5))})
	d.tells("b", 5)
	d.pass(time.Second)
	none(t, "told to who has it", d.told("b"))
	d.tells("b", 4)
	d.gets("b", &frame.Versions{List: list(stampOf(me, 9))})
	d.pass(time.Second)
	none(t, "asked for", append(d.wanted("a"), d.wanted("b")...))
	same(t, "told to who has an older one", d.told("b"), list(stampOf("o", 5)))
}

// Where the record's node is linked it sends it itself, mostly: so small meshes ask for nothing. Where the link is
// broken, though it does not show yet, somebody else has it.
func TestTheRecordOfAPeerIsWaitedForAMoment(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "o")
	d.tells("a", 1)
	d.pass(240 * time.Millisecond)
	none(t, "asked for", d.wanted("a"))
	d.gets("o", &frame.Status{Records: list(record("o", 1, 1))})
	d.pass(time.Second)
	none(t, "asked for when it is there", d.wanted("a"))
	d.tells("a", 2)
	d.pass(400 * time.Millisecond)
	same(t, "asked for when it does not come", d.wanted("a"), list(stampOf("o", 1)))
}

func TestWhoBringsNoRecordIsNotTheOnlyOneAsked(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.tells("a", 1)
	d.tells("b", 1)
	d.pass(450 * time.Millisecond)
	none(t, "b is asked for before half a second", d.wanted("b"))
	d.pass(200 * time.Millisecond)
	same(t, "b is asked for", d.wanted("b"), list(stampOf("o", 0)))
	d.pass(650 * time.Millisecond)
	if n := len(d.wanted("a")); n != 2 {
		t.Errorf("a is asked %d times when b brings nothing either", n)
	}
	d.down("a")
	d.down("b")
	d.clear()
	d.link("c")
	d.pass(2 * time.Second)
	none(t, "c, who told of nothing, is asked for", d.wanted("c"))
}

func TestWhoDoesNotAnswerAnyMoreIsNotWaitedFor(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.tells("a", 1)
	d.tells("b", 1)
	d.down("a")
	d.pass(beat)
	same(t, "b is asked for", d.wanted("b"), list(stampOf("o", 0)))
}

func TestAnOlderVersionWillDoWhereWhoHadTheNewestIsGone(t *testing.T) {
	for _, pause := range []time.Duration{0, time.Second} {
		d := newDesk(t, nil)
		d.link("a", "b")
		d.tells("a", 2)
		d.down("a")
		d.pass(pause)
		d.tells("b", 1)
		d.pass(beat)
		same(t, "b is asked for", d.wanted("b"), list(stampOf("o", 0)))
	}
}

// A node that comes gets all from all its peers, a little from each at a time.
func TestManyRecordsAreAskedForABitAtATime(t *testing.T) {
	d := newDesk(t, nil)
	d.members(names(300)...)
	d.link("a", "b")
	var stamps []frame.Stamp
	for _, id := range names(300) {
		stamps = append(stamps, stampOf(id, 1))
	}
	d.gets("a", &frame.Versions{List: stamps})
	d.gets("b", &frame.Versions{List: stamps})
	if n, m := len(d.wanted("a")), len(d.wanted("b")); n != 64 || m != 64 {
		t.Errorf("%d and %d are asked for at a time, want 64 of each", n, m)
	}
	for range 20 {
		for _, peer := range list[messages.NodeID]("a", "b") {
			var records []frame.Ephemeral
			for _, s := range d.wanted(peer) {
				records = append(records, record(s.Node, 1, 1))
			}
			d.out = slices.DeleteFunc(d.out, func(o core.Output) bool { return o.Peer == peer && o.Kind == core.Send })
			d.gets(peer, &frame.Status{Records: records})
		}
		d.pass(beat)
	}
	if n := len(d.put(core.Show)); n != 300 {
		t.Errorf("%d of 300 are shown", n)
	}
}

func TestTheNewestRecordWins(t *testing.T) {
	for _, test := range []struct {
		epoch, version uint64
		wins           bool
	}{{2, 1, true}, {1, 6, true}, {1, 5, false}, {1, 4, false}, {0, 9, false}} {
		d := newDesk(t, nil)
		d.link("a", "b")
		d.gets("a", &frame.Status{Records: list(record("o", 1, 5))})
		d.pass(beat)
		d.clear()
		d.gets("a", &frame.Status{Records: list(record("o", test.epoch, test.version))})
		d.pass(beat)
		told := slices.Contains(d.told("b"), frame.Stamp{Node: "o", Kind: 1, Epoch: test.epoch, Version: test.version})
		if wins := len(d.put(core.Show)) > 0; wins != test.wins || wins != told {
			t.Errorf("%d-%d after 1-5 is shown: %t, and told of: %t", test.epoch, test.version, wins, told)
		}
	}
}

// Of records that are published seldom one may have been missed: now and then all versions are told.
func TestVersionsAreToldAgainNowAndThen(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.gets("a", &frame.Status{Records: list(record("o", 1, 5))})
	d.pass(time.Second)
	d.clear()
	d.pass(25 * time.Second)
	if n := len(d.told("a")); n < 2 || n > 3 {
		t.Errorf("it is told %d times in 25 s", n)
	}
}

func TestRecordsOfEachKindAreKept(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	other := record("o", 1, 1)
	other.Kind = 2
	d.gets("a", &frame.Status{Records: list(record("o", 1, 5), other)})
	if n := len(d.put(core.Show)); n != 2 {
		t.Errorf("%d are shown", n)
	}
}

func TestNobodySpeaksForTheNode(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.gets("a", &frame.Status{Records: list(record(me, 99, 1))})
	d.Publish(d.now, record("o", 1, 1))
	d.drain()
	d.pass(beat)
	none(t, "shown", d.put(core.Show))
	none(t, "told of", d.told("b"))
}

func TestANewPeerIsToldTheLastRecordOfEach(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.gets("a", &frame.Status{Records: list(record("o", 1, 1), record("p", 1, 1))})
	d.gets("a", &frame.Status{Records: list(record("o", 1, 2))})
	d.Publish(d.now, record(me, 10, 3))
	d.LinkUp(d.now, "b", &frame.Hello{Node: "b", Epoch: 1})
	d.drain()
	same(t, "b is told", d.told("b"), list(frame.Stamp{Node: me, Kind: 1, Epoch: 10, Version: 3}, stampOf("o", 2), stampOf("p", 1)))
}

// Peers can name nodes at will: of those that are no members few are kept.
func TestRecordsOfStrangersAreBounded(t *testing.T) {
	d := newDesk(t, nil)
	d.members("a", "member")
	d.link("a")
	for i := range 100 {
		var records []frame.Ephemeral
		for j := range 100 {
			records = append(records, record(messages.NodeID(fmt.Sprint("s", i, "x", j)), 1, 1))
		}
		d.gets("a", &frame.Status{Records: records})
	}
	if n := len(d.put(core.Show)); n > 1100 || n < 1000 {
		t.Errorf("%d records of strangers are kept", n)
	}
	d.gets("a", &frame.Versions{List: list(frame.Stamp{Node: "another", Kind: 1, Epoch: 1, Version: 1})})
	none(t, "asked for", d.wanted("a"))
	d.clear()
	d.gets("a", &frame.Status{Records: list(record("member", 1, 1))})
	if len(d.put(core.Show)) != 1 {
		t.Error("a member's record is not kept")
	}
}

// A mesh that shrinks leaves records of many who are no members any more.
func TestRecordsOfFormerMembersAreBounded(t *testing.T) {
	d := newDesk(t, nil)
	d.members(names(2000)...)
	d.link("a")
	for part := range slices.Chunk(names(2000), 500) {
		var records []frame.Ephemeral
		for _, id := range part {
			records = append(records, record(id, 1, 1))
		}
		d.gets("a", &frame.Status{Records: records})
	}
	d.members("n0000", "n1999")
	d.LinkUp(d.now, "c", &frame.Hello{Node: "c", Epoch: 1})
	d.drain()
	kept := d.told("c")
	if n := len(kept); n > 1010 {
		t.Errorf("a new peer is told %d records", n)
	}
	for _, member := range list[messages.NodeID]("n0000", "n1999") {
		if !slices.ContainsFunc(kept, func(s frame.Stamp) bool { return s.Node == member }) {
			t.Errorf("the record of %s, which is a member still, is gone", member)
		}
	}
}

func TestARecordThatIsTooLargeIsNotPublished(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	r := record(me, 10, 1)
	r.Body = make([]byte, frame.MaxBody+1)
	d.Publish(d.now, r)
	d.drain()
	none(t, "sent", d.records("a"))
}

func TestRecordsOfUnknownKindsAreDropped(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	r := record("o", 1, 1)
	r.Kind = 4
	d.gets("a", &frame.Status{Records: list(r)})
	d.gets("a", &frame.Versions{List: list(frame.Stamp{Node: "o", Kind: 4, Epoch: 1, Version: 1})})
	d.pass(beat)
	none(t, "shown", d.put(core.Show))
	none(t, "told of", d.told("b"))
	none(t, "asked for", d.wanted("a"))
}

// A few bytes ask for two KiB: what is asked for over and over comes once, and not without end.
func TestWhoWantsMuchGetsALittleAtATime(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.gets("a", &frame.Status{Records: list(record("o", 1, 5))})
	d.gets("b", &frame.Versions{Want: true, List: slices.Repeat(list(stampOf("o", 0)), 10_000)})
	if n := len(d.records("b")); n == 0 || n > 64 {
		t.Errorf("%d records are sent", n)
	}
}

// What was only told of, by a peer that is gone, takes no place from others.
func TestStrangersThatWereOnlyToldOfAreForgotten(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	for i := range 2000 {
		d.gets("a", &frame.Versions{List: list(stampOf(messages.NodeID(fmt.Sprint("s", i)), 1))})
	}
	d.down("a")
	d.pass(beat)
	d.gets("b", &frame.Status{Records: list(record("o", 1, 1))})
	if len(d.put(core.Show)) != 1 {
		t.Error("there is no place for another one's record")
	}
}
