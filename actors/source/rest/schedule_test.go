package rest

import (
	"strings"
	"testing"
	"time"

	"anode/messages/spec"
)

var start = time.Date(2026, 11, 22, 10, 3, 0, 0, time.UTC)

// polls are the times, in seconds since the start, at which each of n targets is asked within a span, each
// poll taking no time.
func polls(t *testing.T, s *spec.REST, n int, span time.Duration) [][]float64 {
	t.Helper()
	c, err := newSchedule(s, n, start)
	if err != nil {
		t.Fatal(err)
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	c.begin(start, order)
	out := make([][]float64, n)
	for {
		i, at := c.first(func(int) bool { return true })
		if at.Sub(start) > span {
			return out
		}
		out[i] = append(out[i], at.Sub(start).Seconds())
		c.asked(i, at)
	}
}

func TestItemsAreSpreadEvenly(t *testing.T) {
	every := func(d time.Duration) *spec.REST { return &spec.REST{Every: spec.Duration(d)} }
	for _, c := range []struct {
		name string
		s    *spec.REST
		n    int
		span time.Duration
		want [][]float64
	}{
		{"one", every(10 * time.Second), 1, 25 * time.Second, [][]float64{{0, 10, 20}}},
		{"several, often", every(2 * time.Second), 4, 4 * time.Second, [][]float64{{0, 2, 4}, {.5, 2.5}, {1, 3}, {1.5, 3.5}}},
		{"several, seldom", every(time.Hour), 4, 2 * time.Hour, [][]float64{{0, 3600, 7200}, {1, 4500}, {2, 5400}, {3, 2700, 6300}}},
		{"cron", &spec.REST{Cron: "*/5 * * * *"}, 2, 8 * time.Minute, [][]float64{{0, 120, 420}, {1, 121, 421}}},
		{"cron, a day", &spec.REST{Cron: "@daily"}, 1, 24 * time.Hour, [][]float64{{0, 13*3600 + 57*60}}},
	} {
		got := polls(t, c.s, c.n, c.span)
		for i := range got {
			if len(got[i]) != len(c.want[i]) {
				t.Errorf("%s: item %d at %v, want %v", c.name, i, got[i], c.want[i])
				continue
			}
			for k := range got[i] {
				if got[i][k] != c.want[i][k] {
					t.Errorf("%s: item %d at %v, want %v", c.name, i, got[i], c.want[i])
				}
			}
		}
	}
}

func TestNoItemIsStarvedOrAskedTooOften(t *testing.T) {
	for _, n := range []int{2, 7, 100, 1000} {
		for _, every := range []time.Duration{10 * time.Millisecond, time.Second, time.Minute, time.Hour} {
			for i, at := range polls(t, &spec.REST{Every: spec.Duration(every)}, n, 5*every) {
				if len(at) < 4 {
					t.Fatalf("%d items every %s: item %d only at %v", n, every, i, at)
				}
				for k := 1; k < len(at); k++ {
					gap := at[k] - at[k-1]
					if gap > 1.5*every.Seconds()+1e-6 || gap < every.Seconds()/2-1e-6 || k > 1 && (gap < 0.999*every.Seconds() || gap > 1.001*every.Seconds()) {
						t.Fatalf("%d items every %s: item %d at %v", n, every, i, at)
					}
				}
			}
		}
	}
}

func TestAConnectionBeginsWithAPoll(t *testing.T) {
	c, err := newSchedule(&spec.REST{Every: spec.Duration(time.Hour)}, 3, start)
	if err != nil {
		t.Fatal(err)
	}
	c.begin(start, []int{0, 1, 2})
	for i := range 3 {
		c.asked(i, start.Add(time.Duration(i)*time.Second))
	}
	now := start.Add(10 * time.Minute) // the next one is due at 40
	c.begin(now, []int{0, 1, 2})
	if i, at := c.first(func(int) bool { return true }); i != 2 || !at.Equal(now) {
		t.Errorf("%d at %s", i, at)
	}
	// Those that failed wait for their turn.
	c.due = make([]time.Time, 3)
	c.begin(now, []int{2, 0, 1})
	if i, _ := c.first(func(int) bool { return true }); i != 2 || c.due[1].Sub(now) != 2*time.Second {
		t.Errorf("%d is first, %v", i, c.due)
	}
}

func TestCronFaults(t *testing.T) {
	for text, want := range map[string]string{
		"* * * *":             "must be minute, hour",
		"61 * * * *":          "must be minute, hour",
		"*/0 * * * *":         "must be minute, hour",
		"TZ=":                 "times are UTC",
		"CRON_TZ=X * * * * *": "times are UTC",
		"@every 1h":           "rest.every",
		"@nightly":            "must be minute, hour",
		"0 0 30 2 *":          "never comes",
		"* * * * * *":         "must be minute, hour",
	} {
		if _, err := parseCron(text, start); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"*/5 * * * *", "0 0 29 2 *", "@hourly", "0 6 * * MON-FRI", "1,2 3-4 ? JAN *"} {
		if _, err := parseCron(text, start); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzCron(f *testing.F) {
	f.Add("*/5 * * * *")
	f.Add("@daily")
	f.Add("TZ=")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parseCron(text, start); err == nil && !c.Next(start).After(start) {
			t.Fatalf("%q comes at %s", text, c.Next(start))
		}
	})
}
