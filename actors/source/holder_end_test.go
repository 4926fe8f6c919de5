package source

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Where the turn can't be had in time the end waits for no timer that is to come, and the timer, when it does
// come, touches nothing of what is over.
func TestTheEndWaitsForNoTimerThatIsToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Line{job: &job{turn: newTurn()}} // without a pipeline: a timer that works panics
		h := &l.holder
		h.begin(t.Context())
		if err := l.job.turn.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.armed, h.timer = true, time.AfterFunc(time.Hour, func() { h.fire(l) })
		begun := time.Now()
		patience, cancel := context.WithTimeout(t.Context(), settlePatience)
		defer cancel()
		if err := h.close(patience, l); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
		if took := time.Since(begun); took != settlePatience {
			t.Errorf("it took %s", took)
		}
		l.job.turn.give()
		time.Sleep(2 * time.Hour) // the timer comes
		if err := h.failed(); err != nil {
			t.Error(err)
		}
	})
}
