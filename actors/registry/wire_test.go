package registry

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// wireOf is an event as a node of this version sends it.
func wireOf(t testing.TB, e event) frame.Event {
	t.Helper()
	e.Version = formatVersion
	if err := e.seal(); err != nil {
		t.Fatal(err)
	}
	return e.wire()
}

func TestWhatComesIsRead(t *testing.T) {
	w := wireOf(t, event{
		Source: "a.b", Kind: registered, Revision: 7, HLC: 9, Node: "n", Spec: document("a.b", 1), Born: "1-n@3", Line: []string{"1-n", "5-m"}, Was: []string{"00"},
	})
	e := readWire(&w)
	if e == nil || e.unread() || e.Source != "a.b" || e.Born != "1-n@3" || fmt.Sprint(e.Line, e.Was) != "[1-n 5-m] [00]" || compareWire(&w, new(e.wire())) != 0 {
		t.Fatalf("%+v", e)
	}
	p := wireOf(t, event{Source: "a.b", Kind: resumed, Revision: 7, Node: "n"})
	if e := readWire(&p); p.Key != "source/a.b/paused" || e == nil || e.unread() || !e.ofPause() {
		t.Fatalf("%s %+v", p.Key, e)
	}
}

// What can't be read holds its register nevertheless, so that all agree on who does.
func TestWhatCannotBeReadCounts(t *testing.T) {
	good := wireOf(t, event{Source: "a", Kind: registered, Revision: 7, HLC: 9, Node: "n", Spec: document("a", 1)})
	for what, change := range map[string]func(*frame.Event){
		"no JSON":                func(w *frame.Event) { w.Body = []byte("{") },
		"nothing":                func(w *frame.Event) { w.Body = nil },
		"a list":                 func(w *frame.Event) { w.Body = []byte("[1]") },
		"a later version":        func(w *frame.Event) { w.Body = []byte(strings.Replace(string(w.Body), `"v":1`, `"v":2`, 1)) },
		"no kind":                func(w *frame.Event) { w.Body = []byte(strings.Replace(string(w.Body), "registered", "moved", 1)) },
		"the kind of this side":  func(w *frame.Event) { w.Body = []byte(strings.Replace(string(w.Body), "registered", unreadSpec, 1)) },
		"another source":         func(w *frame.Event) { w.Key = "source/b/spec" },
		"another register":       func(w *frame.Event) { w.Key = "source/a/paused" },
		"another revision":       func(w *frame.Event) { w.Revision++ },
		"another clock":          func(w *frame.Event) { w.HLC++ },
		"another node":           func(w *frame.Event) { w.Node = "m" },
		"the greatest of all":    func(w *frame.Event) { w.Revision, w.HLC, w.Body = frame.MaxRevision, math.MaxUint64, []byte("x") },
		"as long as may be":      func(w *frame.Event) { w.Body = make([]byte, frame.MaxValue) },
		"a number for a version": func(w *frame.Event) { w.Body = []byte(`{"v":1e400}`) },
	} {
		w := good
		change(&w)
		e := readWire(&w)
		if e == nil || !e.unread() || e.fault == nil || compareWire(&w, new(e.wire())) != 0 || timeOf(e.HLC).Year() > 9999 {
			t.Errorf("%s: %+v", what, e)
			continue
		}
		s := newSources()
		s.apply(e)
		if _, err := timeOf(e.HLC).MarshalJSON(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestASpecOfAnotherNameIsAFault(t *testing.T) {
	w := wireOf(t, event{Source: "a", Kind: registered, Revision: 7, HLC: 9, Node: "n", Spec: document("b", 1)})
	s := newSources()
	s.apply(readWire(&w))
	if at := s.get("a"); at == nil || at.parsed != nil || at.fault == nil {
		t.Errorf("%+v", at)
	}
}

func TestKeysOfNoSourceAreKeptApart(t *testing.T) {
	for _, key := range []string{
		"", "source", "source/", "source/a", "source//spec", "source/A/spec", "source/a/b/spec", "source/a/spec/", "source/a/", "spec/a", "node/n", "ban/n", "later/x",
		"source/" + strings.Repeat("a", 64) + "/spec", "source/../spec", "source/a\x00/spec",
	} {
		if e := readWire(&frame.Event{Key: key}); e != nil {
			t.Errorf("%q is of the source %q", key, e.Source)
		}
	}
}

func TestValuesOfNoSource(t *testing.T) {
	rest := make(others)
	for key, body := range map[string]string{
		"node/n": `{"v":1,"own":"local","labels":{"a":"b"},"said":5,"yields":[{"source":"s","until":9,"level":true}]}`, "node/m": `{"v":1,"own":"some"}`, "node/o": `{"v":2,"own":"all"}`,
		"node/p": "{", "node/": `{"v":1,"own":"all"}`, "node/Q": `{"v":1,"own":"all"}`, "node/r": `{"v":1,"own":"all","yields":[{}]}`,
		"ban/n": `{"v":1,"banned":true,"at":"2026-01-01T00:00:00Z"}`, "ban/m": `{"v":1,"banned":false}`, "ban/o": `{"v":1,"banned":true,"at":"yesterday"}`, "ban/p": "", "ban/q q": `{"v":1,"banned":true}`,
	} {
		_, node, _ := strings.Cut(key, "/")
		rest.apply(&frame.Event{Key: key, Revision: 3, Node: messages.NodeID(node), Body: []byte(body)})
	}
	rest.apply(&frame.Event{Key: "node/z", Revision: 3, Node: "n", Body: []byte(`{"v":1,"own":"all"}`)}) // not of itself
	nodes, bans := rest.nodes(), rest.bans()
	for _, later := range []messages.NodeID{"m", "o", "p", "r"} { // what they take is not known, so it is not all
		if n := nodes[later]; n.Own != unread || n.Version != "3-"+string(later) {
			t.Errorf("%s: %+v", later, n)
		}
	}
	if n := nodes["n"]; len(nodes) != 5 || n.Own != "local" || n.Labels["a"] != "b" || n.Said != 5 || len(n.Yields) != 1 || !n.Yields[0].Level || n.Version != "3-n" {
		t.Errorf("%+v", nodes)
	}
	if b := bans["n"]; len(bans) != 1 || b.By != "n" || !b.At.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", bans)
	}
}

// FuzzWeigh: whatever comes, in whatever key, nothing breaks, and what is held afterwards is the highest.
func FuzzWeigh(f *testing.F) {
	good := wireOf(f, event{Source: "a", Kind: registered, Revision: 7, HLC: 9, Node: "n", Spec: document("a", 1), Line: []string{"1-n"}})
	f.Add(good.Key, uint64(7), uint64(9), string(good.Node), good.Body)
	f.Add("source/a/paused", uint64(1), uint64(1)<<63, "n", []byte(`{"v":1,"source":"a","kind":"paused","revision":1,"node":"n"}`))
	f.Add("node/n", uint64(1), uint64(2), "n", []byte(`{"v":1,"own":"all"}`))
	f.Add("ban/n", uint64(1)<<53, uint64(2), "n", []byte(`{"v":1,"banned":true}`))
	f.Fuzz(func(t *testing.T, key string, revision, hlc uint64, node string, body []byte) {
		w := frame.Event{Key: key, Revision: revision, HLC: messages.HLC(hlc), Node: messages.NodeID(node), Body: body}
		if w.Check() != nil {
			t.Skip("no frame brings it")
		}
		s, rest := newSources(), make(others)
		list := []frame.Event{good, w, good, w}
		var h heard
		for i := range list {
			h.put(&list[i])
		}
		found := weigh(h.take(), s, rest, nil)
		for _, e := range found.events {
			s.apply(e)
		}
		for i := range found.values {
			rest.apply(&found.values[i])
		}
		held := (&registryActor{sources: s, others: rest}).held()
		want := map[string]frame.Event{good.Key: good}
		if at, ok := want[key]; !ok || compareWire(&w, &at) > 0 {
			want[key] = w
		}
		if len(held) != len(want) {
			t.Fatalf("%d are held of %d", len(held), len(want))
		}
		for i := range held {
			if at := want[held[i].Key]; compareWire(&held[i], &at) != 0 {
				t.Fatalf("held is %+v, not %+v", held[i], at)
			}
		}
		rest.nodes()
		rest.bans()
		for _, name := range s.names() {
			s.entries[name].home()
		}
	})
}
