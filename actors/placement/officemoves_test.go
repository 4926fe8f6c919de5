package placement

import (
	"testing"
	"time"

	"anode/messages"
)

func TestWhatIsAMove(t *testing.T) {
	nodes, name := three()
	sources := NewSources([]Source{{Name: name}})
	plan := func(active ...messages.NodeID) *Plan {
		var list []Node
		for _, n := range nodes {
			n.State = StateJoining
			for _, id := range active {
				if n.ID == id {
					n.State = StateActive
				}
			}
			list = append(list, n)
		}
		return Next(nil, View{Now: time.Hour, Self: "a", Nodes: list, Sources: sources})
	}
	all, none := plan("a", "b", "c"), plan()
	type step struct {
		plan     *Plan
		learning bool
	}
	for what, c := range map[string]struct {
		steps []step
		want  string
	}{
		"the first placement is none":                {[]step{{none, false}, {all, false}}, ""},
		"nor is what stays":                          {[]step{{all, false}, {all, false}}, ""},
		"nor what a node learns":                     {[]step{{none, true}, {plan("c"), true}, {plan("b", "c"), true}}, ""},
		"another owner is one":                       {[]step{{all, false}, {plan("b"), false}}, "a > b at 2"},
		"the last one counts":                        {[]step{{all, false}, {plan("b"), false}, {plan("b", "c"), false}, {plan("c"), false}}, "b > c at 4"},
		"a node that takes over what others had":     {[]step{{plan("b", "c"), true}, {all, false}}, "b > a at 2"},
		"nobody in between: from who owned it":       {[]step{{all, false}, {none, false}, {plan("c"), false}}, "a > c at 3"},
		"nobody in between, and then the same again": {[]step{{all, false}, {none, false}, {all, false}}, ""},
		"one that was removed meanwhile":             {[]step{{all, false}, {Next(nil, View{}), false}, {plan("c"), false}}, ""},
	} {
		t.Run(what, func(t *testing.T) {
			m := newMoves()
			for i, s := range c.steps {
				m.note(s.plan, s.learning, time.Unix(int64(i+1), 0))
			}
			got := ""
			if move, moved := m.of(name); moved {
				got = string(move.From[0]) + " > " + string(move.To[0]) + " at " + move.At.Format("5")
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// What began where it is has not moved, whichever node is asked, and since when it waits it does not say anew each time.
func TestWhatNeverMovedIsSaidNotToHave(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.sources(20, "")
		for _, id := range []messages.NodeID{"a", "b", "c"} {
			w.add(id, func(c *OfficeConfig) { c.Expects = false }) // all begin at once
		}
		w.within(20*time.Second, "all run", func() bool { return w.once(1) })
		time.Sleep(time.Minute)
		for _, c := range w.all() {
			for _, e := range w.entries {
				status, known := c.Status(e.Name)
				if !known || status.Moved != nil && len(status.Moved.From) == 0 {
					t.Errorf("%s says of %s %+v", c.id, e.Name, status.Moved)
				}
				if !c.run.has()[e.Name] && status.Moved == nil && !status.Since.IsZero() {
					t.Errorf("%s says that %s waits since %s", c.id, e.Name, status.Since)
				}
			}
		}
	})
}

func TestAPausedSourceIsNobodysFromAnyNode(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		w.share(10)
		for i := range w.entries {
			w.entries[i].Paused = true
		}
		for _, c := range w.all() {
			c.Assign(w.entries)
		}
		time.Sleep(time.Second)
		for _, c := range w.all() {
			for _, e := range w.entries {
				status, _ := c.Status(e.Name)
				if here := c.run.has()[e.Name]; len(status.Owners) != 0 || status.Owners == nil || !here && status.State != "paused" {
					t.Errorf("%s says of %s: %+v", c.id, e.Name, status)
				}
			}
		}
	})
}
