package source

import (
	"testing"

	"anode/messages"
)

// Senders push to any node: what another one took of them is known here.
func TestWhatWasPushedToAnotherNodeIsADuplicateHere(t *testing.T) {
	for fields, again := range map[string]bool{"native_id: .n": false, "dedupe: {by: payload}": false, "key: '\"k\"'\ndedupe: {by: change}": false, "": true} {
		t.Run(fields, func(t *testing.T) {
			l := newLearningOf(t, "name: p\nkind: push\n"+fields)
			l.job.restored = true
			l.job.heed()
			d := datum("p", 1)
			if l.job.spec.Key != "" {
				d.Key = "k"
			}
			l.learn(l.seal("other", d))
			if got := l.passes(1); got != again {
				t.Errorf("it passes: %v", got)
			}
			if !l.passes(2) {
				t.Error("what is new does not pass")
			}
			d.Payload, d.NativeID = []byte(`{"n":2}`), "2"
			l.learn(l.seal("other", d))
			if err := l.job.catchUp(t.Context(), l.board); err != nil {
				t.Fatal(err)
			}
			if n := l.board.crossed.Load(); (n == 0) != again {
				t.Errorf("of what both numbered %d is counted", n)
			}
		})
	}
}

// Each node of a push source is a first of its own: none goes on from what was pushed to another one, nor seals its own state again for it.
func TestThePushesOfAnotherNodeMoveNoState(t *testing.T) {
	l := newLearningOf(t, "name: p\nkind: push\nnative_id: .n\nsince: {from: .n, start: 0}")
	l.job.heed()
	s, err := l.job.states.find(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.job.states.move(s, "a", nil); err != nil {
		t.Fatal(err)
	}
	l.job.states.draw()
	for turn, since := range []string{`"b"`, "7"} {
		payload := []byte(`{"v":1,"turn":` + string(rune('5'+turn)) + `,"since":` + since + `,"from":"` + l.job.states.from + `"}`)
		l.learn(l.seal("other", messages.Draft{Stream: "$state.p", Source: "p", Payload: payload}))
		if err := l.job.catchUp(t.Context(), l.board); err != nil {
			t.Fatal(err)
		}
		if l.job.states.waiting() || string(s.current.raw) != `"a"` {
			t.Errorf("after %s it is %s, to be sealed: %v", since, s.current.raw, l.job.states.waiting())
		}
	}
	if s.turn < 6 {
		t.Errorf("turn %d", s.turn)
	}
}
