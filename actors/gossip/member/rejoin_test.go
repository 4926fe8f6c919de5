package member

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"anode/messages"
)

func testRejoin(seeds ...string) *rejoin { return newRejoin(seeds, rand.New(rand.NewPCG(1, 2))) }

func TestPausesGrowWhileAlone(t *testing.T) {
	for range 100 {
		r := testRejoin()
		for i, longest := range []time.Duration{1, 2, 4, 8, 15, 15, 15} {
			if wait := r.wait(); wait > longest*time.Second || wait < longest*time.Second/2 {
				t.Errorf("pause %d is %s", i, wait)
			}
		}
		if !r.heed(false) || r.heed(false) {
			t.Error("it did not see that it is alone no more, once")
		}
		if wait := r.wait(); wait < rejoinEvery/2 || wait > rejoinEvery*3/2 {
			t.Errorf("among others the pause is %s", wait)
		}
		if !r.heed(true) || r.wait() > time.Second {
			t.Error("alone again the pauses don't begin anew")
		}
	}
}

func TestGonePeersAreCalledInTurn(t *testing.T) {
	r := testRejoin("one:1", "two:2")
	r.heed(false)
	var gone []*Member
	for i := range 40 {
		gone = append(gone, &Member{ID: messages.NodeID(fmt.Sprint("n", i))})
	}
	gone[3].State = Left
	called := make(map[messages.NodeID]int)
	for range 5 {
		list := r.targets(gone)
		if len(list) != 2+rejoinPeers || list[0].seed != "one:1" || list[1].seed != "two:2" {
			t.Fatalf("called are %+v", list)
		}
		for _, target := range list[2:] {
			called[target.id]++
		}
	}
	for _, m := range gone { // 80 calls for 39
		if n := called[m.ID]; m.State == Left && n != 0 || m.State == Dead && (n < 1 || n > 3) {
			t.Errorf("%s was called %d times", m.ID, n)
		}
	}
}

func TestWhoIsAloneCallsThoseThatLeftToo(t *testing.T) {
	r := testRejoin()
	if list := r.targets([]*Member{{ID: "b", State: Left}}); len(list) != 1 {
		t.Errorf("called are %+v", list)
	}
}

func TestCallsOfThoseThatCameBackAreForgotten(t *testing.T) {
	r := testRejoin()
	for i := range 1000 {
		r.targets([]*Member{{ID: messages.NodeID(fmt.Sprint("n", i))}})
	}
	if len(r.tried) > 2+rejoinPeers {
		t.Errorf("%d are kept", len(r.tried))
	}
}
