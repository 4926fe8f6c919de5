package source

import (
	"testing"
	"time"
)

func TestWaitsAtOnceCountOnce(t *testing.T) {
	var w waits
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	w.begin(at(0))
	w.begin(at(10))
	w.end(at(20))
	if got := w.sum(); got != 0 {
		t.Errorf("%s of a wait that has not ended", got)
	}
	w.end(at(30))
	w.begin(at(40))
	w.end(at(45))
	if got := w.sum(); got != 35*time.Millisecond {
		t.Errorf("%s, of two waits together and one", got)
	}
	w.begin(at(50))
	w.restart(at(60))
	w.end(at(63))
	if got := w.sum(); got != 3*time.Millisecond {
		t.Errorf("%s since the restart", got)
	}
	w.begin(at(70))
	w.end(at(60)) // the clock was put back
	if got := w.sum(); got != 3*time.Millisecond {
		t.Errorf("%s, and the clock was put back", got)
	}
}
