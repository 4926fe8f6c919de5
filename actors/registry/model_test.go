package registry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anode/messages/command"
	"anode/storage/memory"
)

// model is the registry as a map: of each source its url and whether it is paused.
type model map[string]struct {
	url    int
	paused bool
}

func (m model) shown() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s http://x/%d %v", name, m[name].url, m[name].paused))
	}
	return all
}

func TestTheRegistryIsAMapThatOutlivesRestarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := &failing{State: memory.NewState()}
		o := open(t, state)
		defer func() { o.close(t) }()
		m := make(model)
		versions := make(map[string]string)
		note := func(view command.SourceView, err error, changed bool) {
			if err != nil {
				t.Fatal(err)
			}
			if changed == (versions[view.Name] == view.Version) {
				t.Fatalf("changed %v, version %s after %s", changed, view.Version, versions[view.Name])
			}
			versions[view.Name] = view.Version
		}
		name := func(t *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name") }
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n, url, replace := name(t), rapid.IntRange(0, 2).Draw(t, "url"), rapid.Bool().Draw(t, "replace")
				before, exists := m[n]
				put, err := ask(o, command.PutSource{Document: document(n, url), Replace: replace})
				if exists && !replace {
					if !errors.Is(err, command.ErrExists) {
						t.Fatalf("%v", err)
					}
					return
				}
				if put.Created == exists {
					t.Fatalf("created %v, existed %v", put.Created, exists)
				}
				note(put.Source, err, !exists || before.url != url)
				before.url = url
				m[n] = before
			},
			"pause": func(t *rapid.T) {
				n, resume := name(t), rapid.Bool().Draw(t, "resume")
				before, exists := m[n]
				view, err := ask(o, command.PauseSource{Name: n, Resume: resume})
				if !exists {
					if !errors.Is(err, command.ErrNotFound) {
						t.Fatalf("%v", err)
					}
					return
				}
				note(view, err, before.paused == resume)
				before.paused = !resume
				m[n] = before
			},
			"remove": func(t *rapid.T) {
				n := name(t)
				_, exists := m[n]
				if _, err := ask(o, command.RemoveSource{Name: n}); exists != (err == nil) {
					t.Fatalf("existed %v: %v", exists, err)
				}
				delete(m, n)
			},
			"restart": func(t *rapid.T) {
				o.close(t)
				o = open(t, state)
			},
			"": func(t *rapid.T) {
				views, err := ask(o, command.ListSources{})
				if err != nil || len(views) != len(m) {
					t.Fatalf("%d sources, want %d: %v", len(views), len(m), err)
				}
				for _, v := range views {
					if v.Version != versions[v.Name] {
						t.Fatalf("%s is at %s, was at %s", v.Name, v.Version, versions[v.Name])
					}
				}
				if got, want := o.runner.shown(), m.shown(); !slices.Equal(got, want) {
					t.Fatalf("assigned %v, want %v", got, want)
				}
			},
		})
	})
}
