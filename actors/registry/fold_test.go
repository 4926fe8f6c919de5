package registry

import (
	"encoding/json"
	"fmt"
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
	text := fmt.Sprint(s.names(), s.live, s.clock)
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
	if name, ok := s.forgettable(0); !ok || name != "a" {
		t.Errorf("%q is forgettable", name)
	}
	if _, ok := s.forgettable(1); ok {
		t.Error("forgets a removal that there is room for")
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
