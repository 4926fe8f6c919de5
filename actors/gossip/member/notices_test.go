package member

import (
	"fmt"
	"testing"
	"time"
)

// A stranger may say another thing each time: it is shown, and not logged each time.
func TestAStrangerDoesNotFillTheLog(t *testing.T) {
	now := time.Unix(1000, 0)
	n := newNotices(func() time.Time { return now })
	logged := 0
	for i := range 1000 {
		if _, log := n.put("caller 192.0.2.1", "caller 192.0.2.1", fmt.Sprint("it is of cluster ", i), "", true); log {
			logged++
		}
		now = now.Add(time.Second)
	}
	if logged != 2 { // in 1,000 s, each 10 minutes
		t.Errorf("logged %d times", logged)
	}
	if list := n.problems(); len(list) != 1 || list[0].Reason != "it is of cluster 999" {
		t.Errorf("%+v", list)
	}
}

// That a seed can't be reached is wrong only with who is alone: it is over when a peer came by another way, before the seed is tried again.
func TestAnUnreachableSeedIsNoProblemOfWhoHasCompany(t *testing.T) {
	n := newNotices(time.Now)
	for about, ends := range map[string]bool{"seed a": true, "seed b": false, "seed c": true} {
		n.put(about, about, "a reason", "", false)
		n.whileAlone(about, ends)
	}
	n.put("seed c", "seed c", "it has another secret", "", false)
	n.whileAlone("seed c", false)
	if !n.company() || n.company() {
		t.Error("one was to end, once")
	}
	if list := n.problems(); len(list) != 2 || list[0].About != "seed b" || list[1].About != "seed c" {
		t.Errorf("%+v", list)
	}
}
