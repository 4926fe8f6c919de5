package registry

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anode/messages"
)

// anyEvents draws events of a few sources by a few nodes. No two have the same stamp and register.
func anyEvents(t *rapid.T) []*event {
	var all []*event
	taken := make(map[string]bool)
	for range rapid.IntRange(0, 40).Draw(t, "events") {
		e := &event{
			Version: formatVersion, Source: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"),
			Kind:     rapid.SampledFrom([]string{registered, replaced, removed, paused, resumed}).Draw(t, "kind"),
			Revision: rapid.Uint64Range(1, 4).Draw(t, "revision"), HLC: messages.HLC(rapid.Uint64Range(1, 3).Draw(t, "hlc")),
			Node: messages.NodeID(rapid.SampledFrom([]string{"m", "n"}).Draw(t, "node")),
		}
		stamp := fmt.Sprint(registerKey(e), e.Revision, e.HLC, e.Node)
		if taken[stamp] {
			continue
		}
		taken[stamp] = true
		if e.Kind == registered || e.Kind == replaced {
			e.Spec = json.RawMessage(fmt.Sprintf(`{"name":%q,"kind":"rest","url":"http://x/%d"}`, e.Source, len(all)))
		}
		all = append(all, e)
	}
	return all
}

// picture is all that a fold shows.
func picture(s *sources) string {
	text := fmt.Sprint(s.names(), s.live)
	for _, name := range []string{"a", "b"} {
		e := s.entries[name]
		if e == nil {
			continue
		}
		text += fmt.Sprint(name, e.live(), e.paused(), e.fault)
		for _, r := range []*event{e.spec, e.pause} {
			if r != nil {
				text += fmt.Sprintf(" %+v", *r)
			}
		}
		if e.parsed != nil {
			text += e.parsed.URL
		}
	}
	return text
}

func TestTheOrderOfEventsDoesNotMatterNorDoDoubles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := anyEvents(t)
		first := newSources()
		for _, e := range events {
			first.apply(e)
		}
		shuffled := rapid.Permutation(events).Draw(t, "order")
		second := newSources()
		for _, e := range shuffled {
			second.apply(e)
			if rapid.Bool().Draw(t, "again") {
				if second.apply(e) {
					t.Fatalf("%+v counts twice", e)
				}
			}
		}
		if a, b := picture(first), picture(second); a != b {
			t.Fatalf("\n%s\n%s", a, b)
		}
	})
}

func TestEventsOfEachKindShow(t *testing.T) {
	s := newSources()
	step := func(revision uint64, kind, document string) *entry {
		s.apply(&event{Source: "a", Kind: kind, Revision: revision, HLC: 1, Node: "n", Spec: json.RawMessage(document)})
		return s.entries["a"]
	}
	const document = `{"name":"a","kind":"rest","url":"http://x/"}`
	if e := step(1, paused, ""); e.live() || s.get("a") != nil {
		t.Error("a pause that came before its source is a source")
	}
	if e := step(1, registered, document); !e.live() || !e.paused() || e.parsed.Name != "a" || s.live != 1 {
		t.Error("not registered and paused")
	}
	if e := step(2, resumed, ""); e.paused() || e.version() != "2-n" {
		t.Errorf("not resumed: %s", e.version())
	}
	if e := step(3, replaced, `{"name":"a","kind":"later"}`); e.fault == nil || e.parsed != nil || !e.live() {
		t.Error("a document that this version can't read is no fault")
	}
	if e := step(4, removed, ""); e.live() || e.fault != nil || s.live != 0 || len(s.names()) != 0 {
		t.Error("not removed")
	}
	if names := s.forget(1); len(names) > 0 {
		t.Errorf("forgets %q, for which there is room", names)
	}
	if names := s.forget(0); !slices.Equal(names, []string{"a"}) || s.entries["a"] != nil || s.horizon != 4 {
		t.Errorf("forgets %q, up to %d", names, s.horizon)
	}
}

func TestTheLowerOfTwoEditsAtOnceIsSuperseded(t *testing.T) {
	e := func(kind string, revision uint64, hlc messages.HLC, node messages.NodeID) *event {
		return &event{Version: formatVersion, Source: "a", Kind: kind, Revision: revision, HLC: hlc, Node: node}
	}
	log := []*event{
		e(registered, 1, 1, "m"), e(replaced, 2, 5, "m"), e(replaced, 2, 4, "n"), // at once, and m's clock is later
		e(replaced, 3, 6, "m"), e(paused, 3, 9, "n"), // of another register
		e(registered, 1, 20, "m"), // again, after all was forgotten
	}
	lost := superseded(log)
	for i, e := range log {
		if lost[e] != (i == 2) {
			t.Errorf("event %d: superseded %v", i, lost[e])
		}
	}
}

// Names are kept in order as sources come and go, whenever they are asked for.
func TestNamesAreThoseThatWereNotRemoved(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	s := newSources()
	for revision := range uint64(2000) {
		e := &event{Source: fmt.Sprint("s", rnd.IntN(50)), Kind: removed, Revision: revision + 1, Node: "n"}
		if rnd.IntN(3) > 0 {
			e.Kind, e.Spec = registered, fmt.Appendf(nil, `{"name":%q,"kind":"rest","url":"http://x/"}`, e.Source)
		}
		s.apply(e)
		if rnd.IntN(100) == 0 {
			s.forget(3)
		}
		if rnd.IntN(5) > 0 {
			continue
		}
		var want []string
		for name, at := range s.entries {
			if at.live() {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		if got := s.names(); !slices.Equal(got, want) {
			t.Fatalf("after %d: %v, want %v", revision, got, want)
		}
	}
}

func BenchmarkRegisteringOneByOne(b *testing.B) {
	s := newSources()
	for i := range 20_000 {
		s.apply(&event{Source: fmt.Sprintf("s%d", i*7919%20_000), Kind: registered, Revision: 1, Node: "n", Spec: []byte(`{"name":"x"}`)})
	}
	for i := 0; b.Loop(); i++ {
		s.apply(&event{Source: fmt.Sprintf("t%d", i), Kind: registered, Revision: 1, Node: "n", Spec: []byte(`{"name":"x"}`)})
		s.names()
	}
}
