package source_test

import (
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/source"
	"anode/messages/command"
)

// pause pauses what a node runs, or resumes it.
func (n *meshNode) pause(paused bool) {
	list := []source.Assignment{n.list[0]}
	list[0].Paused = paused
	n.list = list
	for !n.Assign(list) {
		time.Sleep(time.Millisecond)
	}
}

func TestWhatIsHeldBackIsNotNumberedAgainWhileItIsPaused(t *testing.T) {
	for how, resumed := range map[string]time.Duration{"for long": time.Hour, "for a moment": 20 * time.Millisecond} {
		t.Run(how, func(t *testing.T) {
			standby(t, "native_id: .n", func(m *mesh, n *meshNode, give func(...int)) {
				m.takes.Store(int64(time.Millisecond))
				give(1, 2)
				m.node("a").number(1) // on its way
				n.pause(true)
				if resumed < time.Minute {
					time.Sleep(resumed)
					n.pause(false)
				}
				time.Sleep(4 * time.Second)
				if got := n.order(); got != "[2]" {
					t.Errorf("%s", got)
				}
			})
		})
	}
}

// A copy of what came before the own connection stood is none of what comes later, and is the same.
func TestWhatAnotherOwnerNumberedBeforeTheConnectionStoodCancelsNothing(t *testing.T) {
	s := parse(t, "name: p\nkind: websocket\nurl: wss://x.example.com/\ndedupe: {by: none}")
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 1, "a", "b")
		defer m.close()
		a, b := m.node("a"), m.node("b")
		m.nativeIDs = false
		a.number(9)
		time.Sleep(time.Second) // how far the clocks are apart is known
		a.number(1)
		b.run(s, &source.Role{Rank: 1, Owners: 1})
		b.awaitRunning()
		time.Sleep(100 * time.Millisecond)
		m.feed.give(1) // once more, after a stopped
		time.Sleep(3 * time.Second)
		if got := b.order(); got != "[1]" {
			t.Errorf("%s", got)
		}
	})
}

func TestWhoBecomesTheFirstNumbersNoChangeThatAnotherHad(t *testing.T) {
	standby(t, "key: .k\ndedupe: {by: change}", func(m *mesh, n *meshNode, give func(...int)) {
		m.nativeIDs = false
		m.node("a").number(1)
		time.Sleep(100 * time.Millisecond)
		n.run(n.list[0].Spec, &source.Role{Owners: 1})
		time.Sleep(1100 * time.Millisecond)
		give(1, 2)
		time.Sleep(100 * time.Millisecond)
		if got := n.order(); got != "[2]" {
			t.Errorf("%s", got)
		}
	})
}

func TestWhatALimitLetsGoIsHeldBackNoLongerThanTheRest(t *testing.T) {
	standby(t, "native_id: .n\nlimit: {policy: conflate, every: 3s}", func(m *mesh, n *meshNode, give func(...int)) {
		give(1, 2)
		m.node("a").number(1)
		time.Sleep(6 * time.Second)
		if got := n.order(); got != "[2]" {
			t.Errorf("%s", got)
		}
	})
}

func TestWhatIsHeldBackAtTheEndIsNumberedUnlessACopyComes(t *testing.T) {
	standby(t, "native_id: .n", func(m *mesh, n *meshNode, give func(...int)) {
		give(1, 2, 3)
		time.Sleep(time.Second)
		n.run(nil, nil)
		m.node("a").number(1)
		for begun := time.Now(); !n.Ended("p"); time.Sleep(time.Millisecond) {
			if time.Since(begun) > 5*time.Second {
				t.Fatal("it does not end")
			}
		}
		if got := n.order(); got != "[2 3]" {
			t.Errorf("%s", got)
		}
	})
}

func TestWhatIsHeldBackAtTheEndWaitsForNothingWhereAllIsThere(t *testing.T) {
	standby(t, "native_id: .n", func(m *mesh, n *meshNode, give func(...int)) {
		give(1, 2)
		m.node("a").number(1, 2)
		n.run(nil, nil)
		begun := time.Now()
		for !n.Ended("p") {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(begun); took > 500*time.Millisecond || n.order() != "[]" {
			t.Errorf("it took %s, and numbered %s", took, n.order())
		}
	})
}

// A feed without data is not stale before its connection stands: whoever runs it, and can, is not to stop for it.
func TestNothingIsStaleBeforeItsConnectionStands(t *testing.T) {
	s := parse(t, "name: p\nkind: websocket\nurl: wss://x.example.com/\nliveness: {data: 10ms}")
	for seed := range uint64(10) { // of a handshake's time
		synctest.Test(t, func(t *testing.T) {
			m := newMesh(t, seed, "a")
			defer m.close()
			a := m.node("a")
			a.run(s, &source.Role{Owners: 1})
			ran := false
			for range 100 {
				time.Sleep(time.Millisecond)
				switch status, _ := a.Status("p"); {
				case status.State == command.SourceRunning:
					ran = true
				case status.State == command.SourceStale && !ran:
					t.Error("it is stale, and was not connected yet")
					return
				case status.State == command.SourceStale:
					return
				}
			}
			t.Error("it never becomes stale")
		})
	}
}
