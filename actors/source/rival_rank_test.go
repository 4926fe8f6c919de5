package source

import (
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// Who gives way: of two that number the same the one with the higher id, of what is numbered now, and never of what is pushed.
func TestWhoGivesWay(t *testing.T) {
	const websocket = "name: p\nkind: websocket\nurl: wss://x.example.com/\nnative_id: .n"
	for what, c := range map[string]struct {
		document string
		origin   messages.NodeID
		numbers  bool
		change   func(*command.StoredBatch)
		rank     int
	}{
		"the higher id":                   {websocket, "other", true, nil, 1},
		"not the lower one":               {websocket, "zero", true, nil, 0},
		"not who does not number it":      {websocket, "other", false, nil, 0},
		"not for what fills a hole":       {websocket, "other", true, func(b *command.StoredBatch) { b.Live = false }, 0},
		"not where senders push as it is": {"name: p\nkind: push\nnative_id: .n", "other", true, nil, 0},
	} {
		t.Run(what, func(t *testing.T) {
			l := newLearningOf(t, c.document)
			now := time.Now()
			l.cfg.Clock = func() time.Time { return now }
			l.job.restored = true
			l.job.heed()
			if c.numbers && !l.passes(1) {
				t.Fatal("1 does not pass")
			}
			b := l.seal(c.origin, datum("p", 1))
			if c.change != nil {
				c.change(&b)
			}
			l.learn(b)
			if err := l.job.catchUp(t.Context(), l.board); err != nil {
				t.Fatal(err)
			}
			if got := l.job.role().Rank; got != c.rank || l.job.standby.active.Load() != (c.rank > 0) {
				t.Errorf("its rank is %d, want %d; holds back: %v", got, c.rank, l.job.standby.active.Load())
			}
			if now = now.Add(givesWayFor); l.job.role().Rank != 0 {
				t.Error("it gives way for ever")
			}
		})
	}
}
