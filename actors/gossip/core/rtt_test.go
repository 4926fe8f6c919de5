package core_test

import (
	"testing"
	"time"

	"anode/messages/wire/frame"
)

// A link over which something goes all the time is measured all the same.
func TestABusyLinkIsPinged(t *testing.T) {
	d := newDesk(t, nil)
	d.members("bbbb")
	d.link("bbbb")
	d.clear()
	for n := range uint64(60) {
		d.local(n + 1)
		d.pass(50 * time.Millisecond)
	}
	if pings := len(sent[*frame.Ping](d, "bbbb")); pings < 2 || pings > 4 {
		t.Errorf("%d pings in 3 s over a busy link, want about one a second", pings)
	}
}
