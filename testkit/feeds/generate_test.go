package feeds_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"anode/testkit/feeds"
)

func generator(t *testing.T, cfg feeds.GeneratorConfig) *feeds.Generator {
	t.Helper()
	g, err := feeds.NewGenerator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func all(g *feeds.Generator) (messages []string) {
	for {
		m, ok := g.Next()
		if !ok {
			return messages
		}
		messages = append(messages, string(m))
	}
}

func TestASeedGivesTheSameBytes(t *testing.T) {
	for _, shape := range []feeds.Shape{feeds.Trades, feeds.Readings, feeds.Texts} {
		cfg := feeds.GeneratorConfig{Seed: 7, Shape: shape, Keys: []string{"A", "B"}, Count: 50}
		first, second := all(generator(t, cfg)), all(generator(t, cfg))
		cfg.Seed = 8
		if len(first) != 50 || fmt.Sprint(first) != fmt.Sprint(second) || fmt.Sprint(first) == fmt.Sprint(all(generator(t, cfg))) {
			t.Errorf("shape %d: %v", shape, first[:2])
		}
		for i, m := range first {
			var with struct{ ID int }
			if shape == feeds.Texts {
				if _, err := fmt.Sscan(m, &with.ID); err != nil {
					t.Fatal(err)
				}
			} else if err := json.Unmarshal([]byte(m), &with); err != nil {
				t.Fatalf("%s: %v", m, err)
			}
			if with.ID != i+1 {
				t.Fatalf("message %d has id %d: %s", i, with.ID, m)
			}
		}
	}
}

func TestWhatACutLosesIsMissing(t *testing.T) {
	g := generator(t, feeds.GeneratorConfig{Count: 30})
	lose := func(*feeds.Conn) error { g.Next(); g.Next(); return nil }
	first := func(c *feeds.Conn) error {
		for range 10 {
			m, _ := g.Next()
			if err := c.Text(m); err != nil {
				return err
			}
		}
		return nil
	}
	s := start(t, feeds.NewSocket(feeds.Play(first, lose, feeds.HalfClose()), feeds.Play(feeds.Generate(g))))
	var tally feeds.Tally
	for range 2 {
		ws := dial(t, s)
		got, _ := frames(ws)
		_ = ws.Close()
		for _, m := range got {
			var with struct{ ID int }
			if err := json.Unmarshal([]byte(m), &with); err != nil {
				t.Fatal(err)
			}
			tally.See(with.ID)
		}
	}
	if missing := tally.Missing(30); fmt.Sprint(missing) != "[11 12]" || tally.Doubles() != 0 {
		t.Fatalf("missing %v, %d doubles", missing, tally.Doubles())
	}
	tally.See(3)
	if tally.Doubles() != 1 {
		t.Fatalf("%d doubles", tally.Doubles())
	}
}

func TestListShowsIdsAgain(t *testing.T) {
	for _, shape := range []feeds.Shape{feeds.Readings, feeds.Texts} {
		s := start(t, feeds.List(generator(t, feeds.GeneratorConfig{Shape: shape}), 2, 3))
		for i, want := range [][]int{{1, 2}, {2, 3, 4}, {4, 5, 6}} {
			_, _, body, err := get(t, s.URL("/"), nil)
			if err != nil {
				t.Fatal(err)
			}
			var list []any
			if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != len(want) {
				t.Fatalf("answer %d: %s %v", i, body, err)
			}
		}
	}
}

func TestGeneratorNamesAllFaults(t *testing.T) {
	_, err := feeds.NewGenerator(feeds.GeneratorConfig{Shape: 9, Count: -1, Rate: -1})
	for _, want := range []string{"Shape", "Count", "Rate"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in: %v", want, err)
		}
	}
}
