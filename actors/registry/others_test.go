package registry

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
	"anode/storage/memory"
)

func TestANodeDeclaresItself(t *testing.T) {
	m := &met{}
	o := openWith(t, &failing{State: memory.NewState()}, m.meet)
	defer o.close(t)
	say := func(r command.NodeRegister) string {
		t.Helper()
		if _, err := ask(o, Declare{Register: r}); err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, e := range m.take() {
			text += fmt.Sprintf("%s %d %s;", e.Key, e.Revision, e.Body)
		}
		return text
	}
	if got := say(command.NodeRegister{Own: "all"}); got != "" {
		t.Errorf("a plain node writes %s", got)
	}
	if got := say(command.NodeRegister{Own: "local"}); got != `node/self 1 {"v":1,"own":"local"};` {
		t.Errorf("it writes %s", got)
	}
	if got := say(command.NodeRegister{Own: "local"}); got != "" {
		t.Errorf("what it said already it writes again: %s", got)
	}
	// An earlier life, of which this one knows nothing, was at a higher revision.
	o.learn(t, frame.Event{Key: "node/self", Revision: 9, HLC: 1, Node: "self", Body: []byte(`{"v":1,"own":"none"}`)},
		frame.Event{Key: "node/other", Revision: 1, HLC: 1, Node: "other", Body: []byte(`{"v":1,"own":"none","labels":{"x":"y"}}`)})
	o.settled(t, []frame.Event{{Key: "node/self", Revision: 10}})
	if list := m.take(); len(list) != 1 || list[0].Revision != 10 || string(list[0].Body) != `{"v":1,"own":"local"}` {
		t.Errorf("it says %v", list)
	}
	m.mu.Lock()
	nodes := fmt.Sprint(m.nodes["self"].Own, " ", m.nodes["other"].Own, " ", m.nodes["other"].Version)
	m.mu.Unlock()
	if nodes != "local none 1-other" {
		t.Errorf("nodes are %s", nodes)
	}
	if _, err := ask(o, Declare{Register: command.NodeRegister{Own: "some"}}); !errors.Is(err, command.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestBans(t *testing.T) {
	m := &met{}
	state := &failing{State: memory.NewState()}
	o := openWith(t, state, m.meet)
	ban := func(node string, lift bool) error {
		_, err := ask(o, command.Ban{Node: node, Lift: lift})
		return err
	}
	if err := errors.Join(ban("b", false), ban("c", false)); err != nil || m.bans() != "[b c]" {
		t.Errorf("%v %s", err, m.bans())
	}
	if list := m.take(); len(list) != 2 || list[0].Key != "ban/b" || list[0].Revision != 1 {
		t.Errorf("%v", list)
	}
	if err := ban("self", false); !errors.Is(err, command.ErrSelf) {
		t.Errorf("itself: %v", err)
	}
	for _, none := range []string{"", "No Node", strings.Repeat("a", 65)} {
		if err := ban(none, false); !errors.Is(err, command.ErrNotFound) {
			t.Errorf("%q: %v", none, err)
		}
	}
	o.close(t)
	again := &met{}
	o = openWith(t, state, again.meet)
	defer o.close(t)
	list, err := ask(o, command.Bans{})
	if err != nil || len(list) != 2 || list[0].Node != "b" || list[0].By != "self" || time.Since(list[0].At) > time.Minute || again.bans() != "[b c]" {
		t.Errorf("after a restart: %v %v %s", list, err, again.bans())
	}
	if err := ban("b", true); err != nil || again.bans() != "[c]" {
		t.Errorf("%v %s", err, again.bans())
	}
	o.learn(t, frame.Event{Key: "ban/self", Revision: 1, Node: "b", Body: []byte(`{"v":1,"banned":true,"at":"2026-01-01T00:00:00Z"}`)})
	if again.bans() != "[c self]" {
		t.Errorf("%s", again.bans())
	}
	if err := ban("self", true); err != nil || again.bans() != "[c]" {
		t.Errorf("%v %s", err, again.bans())
	}
}

// A node is told to ban, or to lift a ban, what it does not know to be otherwise, as another node did that just now: the later wish holds.
func TestTheLaterOfBanAndLiftHoldsThoughNeitherIsHeardOf(t *testing.T) {
	for _, lift := range []bool{true, false} {
		m := &met{}
		o := openWith(t, &failing{State: memory.NewState()}, m.meet)
		ban := func(lift bool) {
			t.Helper()
			if _, err := ask(o, command.Ban{Node: "b", Lift: lift}); err != nil {
				t.Fatal(err)
			}
		}
		revision := uint64(1)
		if !lift {
			ban(false)
			revision++
		}
		before := time.Now().Add(-time.Hour).UnixMilli()
		ban(lift)
		o.learn(t, frame.Event{
			Key: "ban/b", Revision: revision, HLC: messages.HLC(before << 16), Node: "zz",
			Body: fmt.Appendf(nil, `{"v":1,"banned":%v,"at":"2026-01-01T00:00:00Z"}`, lift),
		})
		if banned := m.bans() == "[b]"; banned == lift {
			t.Errorf("of a lift %v, and the contrary before, it is banned: %v", lift, banned)
		}
		o.close(t)
	}
}

func TestANodeAloneWritesNoBanThatChangesNothing(t *testing.T) {
	o := newOffice(t)
	for _, q := range []command.Ban{{Node: "b", Lift: true}, {Node: "c"}, {Node: "c"}} {
		if _, err := ask(o, q); err != nil {
			t.Fatal(err)
		}
	}
	if held, err := ask(o, Held{}); err != nil || len(held) != 1 || held[0].Revision != 1 {
		t.Errorf("%v %v", held, err)
	}
}

// Nobody waits for what a node says of itself to be stored: where it can't be, it is tried again, until it is, and what was said last counts.
func TestWhatANodeSaysOfItselfIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &met{}
		o := openWith(t, &failing{State: memory.NewState()}, m.meet)
		o.state.fails.Store(true)
		for _, own := range []string{"none", "local"} {
			o.ref.Tell(Declare{Register: command.NodeRegister{Own: own}})
			synctest.Wait()
		}
		time.Sleep(10 * retry)
		synctest.Wait()
		if list := m.take(); len(list) > 0 {
			t.Errorf("%v is said that is not stored", list)
		}
		o.state.fails.Store(false)
		time.Sleep(retry)
		synctest.Wait()
		if list := m.take(); len(list) != 1 || string(list[0].Body) != `{"v":1,"own":"local"}` {
			t.Errorf("it says %v", list)
		}
		time.Sleep(10 * retry)
		synctest.Wait()
		if list := m.take(); len(list) > 0 {
			t.Errorf("it says %v again", list)
		}
		o.close(t)
		time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
	})
}

// What is too long to travel never is by being tried again.
func TestWhatANodeCanNotSayIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, log := &met{}, &bytes.Buffer{}
		o := openWith(t, &failing{State: memory.NewState()}, func(cfg *Config) {
			m.meet(cfg)
			cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
		})
		o.ref.Tell(Declare{Register: command.NodeRegister{Own: "none", Labels: map[string]string{"x": strings.Repeat("x", frame.MaxValue)}}})
		time.Sleep(10 * retry)
		synctest.Wait()
		if n := strings.Count(log.String(), "can't be stored"); n != 1 {
			t.Errorf("it is told %d times: %s", n, log)
		}
		o.close(t)
		time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
	})
}
