package source_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/source"
	"anode/messages/command"
	"anode/testkit/feeds"
)

// role gives a source another role.
func (b *bench) role(name string, role source.Role) {
	b.t.Helper()
	a := b.list[name]
	a.Role = role
	b.list[name] = a
	b.assign()
}

func TestAnotherRoleEndsNoConnection(t *testing.T) {
	b := newBench(t, nil)
	socket := feeds.NewSocket(feeds.Play(feeds.Send(`{"n":1}`), feeds.Silence()))
	b.put("name: p\nkind: websocket\nurl: %s\nnative_id: .n", b.serve(socket).SocketURL("/"))
	b.awaitRecords("p", 1)
	for i := range 10 {
		role := source.Role{Rank: i % 3, Owners: 3, Handing: i%2 == 1}
		b.role("p", role)
		b.await("it has the role", func() bool {
			s, _ := b.Status("p")
			return (s.Standby != nil) == (role.Rank > 0) && (s.Standby == nil || s.Standby.Rank == role.Rank)
		})
	}
	b.put("name: q\nkind: websocket\nurl: %s", b.serve(feeds.NewSocket(feeds.Play(feeds.Send("1"), feeds.Silence()))).SocketURL("/"))
	b.awaitRecords("q", 1) // what was told before is done
	if s := b.awaitState("p", command.SourceRunning); socket.Handshakes() != 1 || s.Restarts != 0 {
		t.Errorf("%d handshakes, %+v", socket.Handshakes(), s)
	}
}

func TestEndedIsTheEndOfAllOfIt(t *testing.T) {
	for kind, exclusive := range map[string]bool{"exclusive": true, "shared": false} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t, nil)
			b.intake.set(true, nil)
			server := b.serve(feeds.NewSocket(feeds.Play(feeds.Send("1", "2", "3"), feeds.Silence())))
			events := b.serve(feeds.Events(feeds.Say("data: 1\n\n"), feeds.Hold()))
			if !b.Ended("p") {
				t.Error("one that never ran has not ended")
			}
			b.put("name: p\nkind: websocket\nexclusive: %v\nurl: %s", exclusive, server.SocketURL("/"))
			b.put("name: e\nkind: sse\nexclusive: %v\nurl: %s", exclusive, events.URL("/"))
			b.await("all is on its way", func() bool {
				b.intake.mu.Lock()
				defer b.intake.mu.Unlock()
				return len(b.intake.held) == 4
			})
			if b.Ended("p") || b.Ended("e") {
				t.Error("one that runs has ended")
			}
			b.remove("p")
			b.remove("e")
			b.await("they are not known", func() bool {
				_, p := b.Status("p")
				_, e := b.Status("e")
				return !p && !e
			})
			b.await("the connections are closed", func() bool {
				p, _ := server.Connections()
				e, _ := events.Connections()
				return p == 0 && e == 0
			})
			if b.Ended("p") || b.Ended("e") {
				t.Error("what is on its way into the journal counts as nothing")
			}
			b.intake.set(false, nil)
			b.await("they have ended", func() bool { return b.Ended("p") && b.Ended("e") })
			b.put("name: p\nkind: websocket\nurl: %s", server.SocketURL("/"))
			if b.Ended("p") {
				t.Error("one that runs again has ended")
			}
			for range 5 { // an end while another one is under way
				b.remove("p")
				b.put("name: p\nkind: websocket\nurl: %s", server.SocketURL("/"))
			}
			b.awaitState("p", command.SourceRunning)
			b.remove("p")
			b.await("it has ended", func() bool { return b.Ended("p") })
			if open, _ := server.Connections(); open != 0 {
				t.Errorf("%d connections are open", open)
			}
		})
	}
}

// unfit waits until a source is said to be at the wrong node, and gives why.
func (b *bench) unfit(name string) (why string) {
	b.t.Helper()
	b.await(name+" is at the wrong node", func() bool {
		reason, unfit := b.Unfit(name)
		why = reason
		return unfit
	})
	return why
}

func TestANodeIsTheWrongOneWhereASourceCannotWork(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, func(cfg *source.Config) {
		cfg.Secrets = source.Secrets{Dir: dir}
		cfg.UnfitAfter, cfg.UnfitTries = 50*time.Millisecond, 3
	})
	const quick = "backoff: {min: 10ms, max: 20ms}\nrest: {every: 10ms}\n"
	var bad atomic.Bool
	bad.Store(true)
	feed := b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bad.Load() {
			http.Error(w, "not for you", http.StatusForbidden)
			return
		}
		feeds.JSON("1").ServeHTTP(w, r)
	})).URL("/")
	b.put("name: address\nkind: rest\nurl: http://10.0.0.1/\nbackoff: {min: 1h, max: 1h}")
	b.put("name: secret\nkind: rest\nurl: %s?k=${secret:key}\n%s", feed, quick)
	b.put("name: feed\nkind: rest\nurl: %s\n%s", feed, quick)
	b.put("name: asks\nkind: rest\nurl: %s\n%s", b.serve(feeds.TooMany(0)).URL("/"), quick)
	b.put("name: jq\nkind: rest\nurl: %s?${.before.x.y | ltrimstr(1) | error}\n%s", feed, quick)
	b.put("name: data\nkind: websocket\nurl: %s\nliveness: {data: 10ms}", b.serve(feeds.NewSocket(feeds.Play(feeds.Silence()))).SocketURL("/"))
	for name, want := range map[string]string{
		"address": "connect to 10.0.0.1: 10.0.0.1 is private: address is not allowed; an operator can allow it with --allow-private 10.0.0.1/32",
		"secret":  "url: ${secret:key}: secret key is not on this node: put it into the file key of --secrets, or into the variable ANODE_SECRET_KEY",
		"feed":    "the feed answered 403 Forbidden: not for you",
	} {
		why := b.unfit(name)
		if s := b.awaitError(name, want); why != want || s.LastError != want {
			t.Errorf("%s: %q; its status says %q", name, why, s.LastError)
		}
	}
	errors := func(name string) uint64 { s, _ := b.Status(name); return s.Errors + s.Restarts }
	b.await("the others failed often", func() bool { return errors("jq") > 20 && errors("data") > 3 && errors("asks") > 0 })
	for _, name := range []string{"asks", "jq", "data", "unknown"} {
		if why, unfit := b.Unfit(name); unfit {
			t.Errorf("%s: %s", name, why)
		}
	}
	bad.Store(false)
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secret", "feed"} {
		b.await(name+" is at the right node", func() bool { _, unfit := b.Unfit(name); return !unfit })
		b.awaitRecords("secret", 1)
	}
	b.put("name: address\nkind: rest\nurl: %s", feed)
	b.await("another address is fine", func() bool { _, unfit := b.Unfit("address"); return !unfit })
	b.pause("feed", true)
	bad.Store(true)
	b.awaitState("feed", command.SourcePaused)
	if why, unfit := b.Unfit("feed"); unfit {
		t.Error(why)
	}
}

// standby runs a test of a source that holds back, in virtual time: its connector feeds what the test says.
func standby(t *testing.T, fields string, test func(m *mesh, n *meshNode, give func(...int))) {
	s := parse(t, "name: p\nkind: websocket\nurl: wss://x.example.com/\nsince: {from: .n, start: 0}\n"+fields)
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 1, "a", "b")
		defer m.close()
		n := m.node("b")
		n.run(s, &source.Role{Rank: 1, Owners: 2})
		n.awaitRunning()
		test(m, n, func(values ...int) {
			for _, v := range values {
				m.feed.give(v)
			}
			time.Sleep(20 * time.Millisecond)
		})
	})
}

// order are the values that a node numbered, in order.
func (n *meshNode) order() string {
	n.mesh.t.Helper()
	var all []int
	for seq := range n.journal.Head(n.id).Sequence {
		all = append(all, n.batchValues(seq+1)...)
	}
	return fmt.Sprint(all)
}

func TestWhatIsHeldBackIsNumberedInOrder(t *testing.T) {
	for what, change := range map[string]func(n *meshNode){
		"when nobody else has it":     func(*meshNode) { time.Sleep(2 * time.Second) },
		"when the owner is the first": func(n *meshNode) { n.run(n.list[0].Spec, &source.Role{Owners: 2}); time.Sleep(10 * time.Millisecond) },
	} {
		t.Run(what, func(t *testing.T) {
			standby(t, "native_id: .n", func(m *mesh, n *meshNode, give func(...int)) {
				give(1, 2, 3, 4, 5)
				time.Sleep(time.Second)
				if s, _ := n.Status("p"); n.order() != "[]" || s.Standby == nil || s.Standby.Records != 5 || s.Records != 0 {
					t.Errorf("%s %+v", n.order(), s)
				}
				m.node("a").number(2, 4)
				time.Sleep(100 * time.Millisecond)
				if s, _ := n.Status("p"); s.Standby.Records != 3 || s.Dropped.Duplicate != 2 {
					t.Errorf("%+v", s)
				}
				if got := n.newest(); got.Turn != 0 {
					t.Errorf("a state was sealed: %+v", got)
				}
				change(n)
				if got := n.order(); got != "[1 3 5]" {
					t.Errorf("%s", got)
				}
				if got := n.newest(); string(got.Since) != "5" {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestAStatePassesNothingThatIsHeldBack(t *testing.T) {
	standby(t, "native_id: .n", func(m *mesh, n *meshNode, give func(...int)) {
		give(1)
		time.Sleep(time.Second)
		give(2, 3)
		m.node("a").number(3)
		time.Sleep(1100 * time.Millisecond) // 1 is overdue, 2 is not
		if got := n.newest(); n.order() != "[1]" || string(got.Since) != "1" {
			t.Errorf("%s, %+v", n.order(), got)
		}
		time.Sleep(time.Second)
		if got := n.newest(); n.order() != "[1 2]" || string(got.Since) != "3" {
			t.Errorf("%s, %+v", n.order(), got)
		}
	})
}

func TestWithoutANativeIDOneCopyCancelsOne(t *testing.T) {
	for _, fields := range []string{"dedupe: {by: none}", "native_id: .x", "key: .k\ndedupe: {by: change}"} {
		t.Run(fields, func(t *testing.T) {
			standby(t, fields, func(m *mesh, n *meshNode, give func(...int)) {
				m.nativeIDs = false
				a := m.node("a")
				a.number(1) // before its own feed has it
				time.Sleep(100 * time.Millisecond)
				give(1, 2)
				a.number(2) // after that
				give(3)
				time.Sleep(3 * time.Second)
				if got := n.order(); got != "[3]" {
					t.Errorf("%s", got)
				}
				give(4, 5, 4)
				a.number(4, 5) // and dies
				time.Sleep(3 * time.Second)
				if got := n.order(); got != "[3 4]" {
					t.Errorf("%s", got)
				}
			})
		})
	}
}

func TestWhatIsHeldBackIsBounded(t *testing.T) {
	s := parse(t, "name: p\nkind: websocket\nurl: wss://x.example.com/\nnative_id: .n")
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 1, "a", "b")
		defer m.close()
		m.feed.pad = 64 << 10
		n := m.node("b")
		n.run(s, &source.Role{Rank: 1, Owners: 2})
		n.awaitRunning()
		for v := range 1000 {
			m.feed.give(v + 1)
		}
		time.Sleep(1500 * time.Millisecond)
		s, _ := n.Status("p")
		if most := uint64(4<<20)>>16 + 1; s.Standby.Records > most || s.Standby.Records < most-3 {
			t.Errorf("%d are held, of at most %d", s.Standby.Records, most)
		}
		m.node("a").number(1, 2, 3, 4, 5)
		time.Sleep(400 * time.Millisecond)
		if after, _ := n.Status("p"); after.Standby.Records < s.Standby.Records-1 || after.Dropped.Duplicate != 5 {
			t.Errorf("it is not read on when there is room: %+v, before %d", after, s.Standby.Records)
		}
		for range 40 {
			time.Sleep(time.Second)
		}
		if got := m.check(n, 1000); got != 0 {
			t.Errorf("%d came twice", got)
		}
	})
}

func TestALateStateOfAnotherOwnerIsNotGoneBackTo(t *testing.T) {
	s := parse(t, "name: p\n"+countedKinds["rest"])
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 1, "a", "b")
		defer m.close()
		a, b := m.node("a"), m.node("b")
		a.seal("$state.p", `{"v":1,"turn":7,"since":40,"from":"72e6da3f"}`)
		time.Sleep(100 * time.Millisecond)
		m.feed.skip(100)
		b.run(s, &source.Role{Owners: 1})
		b.awaitRunning()
		time.Sleep(time.Second)
		for _, late := range []string{`{"v":1,"turn":9,"since":60,"from":"72e6da3f"}`, `{"v":1,"turn":500,"since":99,"from":"72e6da3f"}`, `{"v":1,"turn":501,"of":"another","since":500,"from":"72e6da3f"}`} {
			a.seal("$state.p", late)
			time.Sleep(time.Second)
		}
		if got := b.newest(); string(got.Since) != "100" || got.Turn != 501 {
			t.Errorf("%+v", got)
		}
		m.feed.skip(150)
		a.seal("$state.p", `{"v":1,"turn":502,"since":140,"from":"72e6da3f"}`) // ahead: what is before it is a's
		time.Sleep(time.Second)
		values := b.values()
		if len(values[41]) != 1 || len(values[40]) != 0 || len(values[150]) != 1 {
			t.Errorf("40 came %d times, 41 %d, 150 %d", len(values[40]), len(values[41]), len(values[150]))
		}
		if got := b.newest(); string(got.Since) != "150" || got.Turn < 503 {
			t.Errorf("%+v", got)
		}
	})
}

func TestWhoBecomesTheFirstGoesOnFromWhereTheOneBeforeGot(t *testing.T) {
	s := parse(t, "name: p\n"+countedKinds["rest"])
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 1, "a", "b")
		defer m.close()
		a, b := m.node("a"), m.node("b")
		m.feed.skip(10)
		b.run(s, &source.Role{Rank: 1, Owners: 1})
		b.awaitRunning()
		a.number(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
		time.Sleep(time.Second)
		a.seal("$state.p", `{"v":1,"turn":7,"since":40,"from":"72e6da3f"}`) // and what that covers
		time.Sleep(100 * time.Millisecond)
		b.run(s, &source.Role{Owners: 1})
		time.Sleep(10 * time.Millisecond)
		m.feed.skip(50)
		time.Sleep(time.Second)
		values := b.values()
		if len(values[40]) != 0 || len(values[41]) != 1 || len(values[50]) != 1 {
			t.Errorf("40 came %d times, 41 %d, 50 %d", len(values[40]), len(values[41]), len(values[50]))
		}
		if got := b.newest(); string(got.Since) != "50" || got.Turn < 8 {
			t.Errorf("%+v", got)
		}
	})
}
