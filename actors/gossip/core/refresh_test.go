package core_test

import (
	"fmt"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// refreshed seals the next batch, and tells whether it is to choose the tree anew.
func (d *desk) refreshed(sequence uint64) bool {
	d.Helper()
	d.clear()
	d.local(sequence)
	return sent[*frame.Push](d, "a")[0].Refresh
}

// origin is a desk that has linked a, and whose members settled long ago.
func origin(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t, nil)
	d.link("a")
	d.members("a")
	d.pass(2 * time.Second)
	if !d.refreshed(1) {
		t.Fatal("the first batch after the members have settled is no refresh")
	}
	return d
}

func TestMembersThatChangedSettleForASecond(t *testing.T) {
	d := origin(t)
	d.pass(10 * time.Second)
	d.members("a", "b")
	d.pass(900 * time.Millisecond)
	if d.refreshed(2) {
		t.Error("it refreshes before the second is over")
	}
	d.pass(200 * time.Millisecond)
	if !d.refreshed(3) {
		t.Error("it does not refresh after it")
	}
	if d.refreshed(4) {
		t.Error("it refreshes twice for one change")
	}
}

// Where members come and go all the time a refresh for each would be a flood.
func TestMembersThatChangeAllTheTimeRefreshEachTenSeconds(t *testing.T) {
	d := origin(t)
	refreshes := 0
	for i := range uint64(80) {
		if d.refreshed(2 + i) {
			refreshes++
		}
		d.members("a", messages.NodeID(fmt.Sprint("n", i)))
		d.pass(1500 * time.Millisecond)
	}
	if refreshes < 6 || refreshes > 13 {
		t.Errorf("in two minutes it refreshes %d times", refreshes)
	}
}

func TestChangesInARowSettleTogether(t *testing.T) {
	d := origin(t)
	d.pass(10 * time.Second)
	d.members("a", "b")
	d.pass(900 * time.Millisecond)
	d.members("a", "b", "c")
	d.pass(900 * time.Millisecond)
	if d.refreshed(2) {
		t.Error("it refreshes less than a second after the last change")
	}
}

func TestABusyFlowIsRefreshedEachTenSeconds(t *testing.T) {
	d := origin(t)
	for i := range uint64(150) {
		if d.refreshed(2 + i) {
			t.Fatalf("it refreshes with batch %d, before ten seconds are over", 2+i)
		}
		d.pass(50 * time.Millisecond)
	}
	d.pass(2600 * time.Millisecond)
	if !d.refreshed(152) {
		t.Error("it does not refresh after ten seconds and more than 100 batches")
	}
}

func TestAQuietFlowIsRefreshedEachHundredBatches(t *testing.T) {
	d := origin(t)
	for i := range uint64(99) {
		if d.refreshed(2 + i) {
			t.Fatalf("it refreshes with batch %d of the hundred", 1+i)
		}
		d.pass(time.Second)
	}
	if !d.refreshed(101) {
		t.Error("it does not refresh with the hundredth batch")
	}
}
