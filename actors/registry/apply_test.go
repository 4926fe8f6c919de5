package registry

import (
	"testing"
)

// A node that lost its disk does not undo by --sources what was done since.
func TestDocumentsOfANodeThatForgot(t *testing.T) {
	was := func(n int) []string {
		s := newSources()
		w := by(t, "zz", registered, 1, n)
		s.apply(readWire(&w))
		return []string{s.entries["a"].parsed.Hash[:hashStart]}
	}
	edited := event{Source: "a", Kind: replaced, Revision: 2, Node: "zz", Spec: document("a", 2), Was: was(1)}
	gone := event{Source: "a", Kind: removed, Revision: 2, Node: "zz", Was: was(1)}
	for what, test := range map[string]struct {
		event   event
		url     int
		changes bool
	}{
		"it was edited since":     {edited, 1, false},
		"it is so":                {edited, 2, false},
		"it is new":               {edited, 3, true},
		"it was removed since":    {gone, 1, false},
		"another was removed":     {gone, 3, true},
		"nothing is known of it ": {event{Source: "b", Kind: removed, Revision: 1, Node: "zz"}, 1, true},
	} {
		t.Run(what, func(t *testing.T) {
			o := newOffice(t)
			o.learn(t, wireOf(t, test.event))
			for range 2 {
				changed, err := ask(o, Apply{Document: document("a", test.url)})
				if err != nil || changed != test.changes {
					t.Errorf("changed %v %v", changed, err)
				}
				test.changes = false // it remembers
			}
		})
	}
}

// Of nodes of a mesh that each have a source of one name to register, the first has it.
func TestAnApplicationSparesWhatOthersHave(t *testing.T) {
	o := newOffice(t)
	apply := func(name string, url int) bool {
		t.Helper()
		changed, err := ask(o, Apply{Document: document(name, url), Spare: true})
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	o.learn(t, by(t, "zz", registered, 1, 1))
	if apply("a", 2) || apply("a", 3) {
		t.Error("another node's is replaced")
	}
	if left, err := ask(o, Applied{Name: "a"}); err != nil || left {
		t.Errorf("another node's is one that it applied: %v", err)
	}
	if !apply("b", 1) || !apply("b", 2) || apply("b", 2) {
		t.Error("its own is not")
	}
	if left, err := ask(o, Applied{Name: "b"}); err != nil || !left {
		t.Errorf("it does not say what it applied: %v", err)
	}
}
