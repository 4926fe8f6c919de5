package core_test

import (
	"fmt"
	"slices"
	"testing"

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

func TestRecordsOfOthersAreShownAndPassedOn(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a", "b")
	d.gets("a", &frame.Status{Records: list(record("o", 1, 1))})
	alike(t, "shown", *d.put(core.Show)[0].Record, record("o", 1, 1))
	alike(t, "b", d.records("b"), list(record("o", 1, 1)))
	none(t, "sent back", d.records("a"))
}

func TestTheNewestRecordWins(t *testing.T) {
	for _, test := range []struct {
		epoch, version uint64
		wins           bool
	}{{2, 1, true}, {1, 6, true}, {1, 5, false}, {1, 4, false}, {0, 9, false}} {
		d := newDesk(t, nil)
		d.link("a", "b")
		d.gets("a", &frame.Status{Records: list(record("o", 1, 5))})
		d.clear()
		d.gets("a", &frame.Status{Records: list(record("o", test.epoch, test.version))})
		if wins := len(d.put(core.Show)) > 0; wins != test.wins || wins != (len(d.records("b")) > 0) {
			t.Errorf("%d-%d after 1-5 is shown: %t, and passed on: %t", test.epoch, test.version, wins, len(d.records("b")) > 0)
		}
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
	none(t, "shown", d.put(core.Show))
	none(t, "passed on", d.records("b"))
}

func TestANewPeerGetsTheLastRecordOfEach(t *testing.T) {
	d := newDesk(t, nil)
	d.link("a")
	d.gets("a", &frame.Status{Records: list(record("o", 1, 1), record("p", 1, 1))})
	d.gets("a", &frame.Status{Records: list(record("o", 1, 2))})
	d.Publish(d.now, record(me, 10, 3))
	d.LinkUp(d.now, "b", &frame.Hello{Node: "b", Epoch: 1})
	d.drain()
	alike(t, "b", d.records("b"), list(record(me, 10, 3), record("o", 1, 2), record("p", 1, 1)))
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
	kept := d.records("c")
	if n := len(kept); n > 1010 {
		t.Errorf("a new peer is told %d records", n)
	}
	for _, member := range list[messages.NodeID]("n0000", "n1999") {
		if !slices.ContainsFunc(kept, func(r frame.Ephemeral) bool { return r.Node == member }) {
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
	none(t, "shown", d.put(core.Show))
	none(t, "passed on", d.records("b"))
}
