package sim

import (
	"fmt"
	"strings"
	"time"
)

// Shape is what a scenario is cut to.
type Shape struct {
	Nodes    int
	Duration time.Duration
	Seed     uint64
	// Load is what is published, from 2 s on.
	Load Load
}

// Scenario is a script that comes with the package.
type Scenario struct {
	Name string
	// About says in a line what happens.
	About string
	write func(*script)
}

// Script is the scenario as a script, cut to a shape.
func (sc Scenario) Script(shape Shape) string {
	w := &script{shape: shape}
	w.at(2*time.Second, "%s", Publish(shape.Load))
	sc.write(w)
	return strings.Join(w.lines, "\n") + "\n"
}

// Scenarios are those that there are.
func Scenarios() []Scenario { return scenarios }

// FindScenario finds one by its name.
func FindScenario(name string) (Scenario, bool) {
	for _, sc := range scenarios {
		if sc.Name == name {
			return sc, true
		}
	}
	return Scenario{}, false
}

// script is a script that is being written.
type script struct {
	shape Shape
	lines []string
}

// at writes a line.
func (w *script) at(t time.Duration, format string, args ...any) {
	w.lines = append(w.lines, t.Round(time.Millisecond).String()+"  "+fmt.Sprintf(format, args...))
}

// part is a time within the run.
func (w *script) part(share float64) time.Duration {
	return time.Duration(share * float64(w.shape.Duration))
}

// few is a tenth of the nodes, and at least one.
func (w *script) few() int { return max(1, w.shape.Nodes/10) }

// half is the last node of the first half.
func (w *script) half() int { return max(0, w.shape.Nodes/2-1) }

var scenarios = []Scenario{
	{"steady", "nothing goes wrong", func(*script) {}},
	{"crash10", "a tenth of the machines goes at once", func(w *script) {
		w.at(w.part(0.5), "crash any:%d machine", w.few())
	}},
	{"loss", "a twentieth of all frames is lost, from the start", func(w *script) {
		w.at(0, "loss all 5%%")
	}},
	{"partition", "the mesh parts into halves, and heals", func(w *script) {
		w.at(w.part(0.3), "partition 0-%d", w.half())
		w.at(w.part(0.6), "heal")
	}},
	{"churn", "a tenth of the nodes goes each minute; half of the time they come back, then new ones come instead", func(w *script) {
		w.at(w.part(0.1), "churn 10%% for=%s", w.part(0.4))
		w.at(w.part(0.55), "churn 10%% replace for=%s", w.part(0.4))
	}},
	{"backfill", "new nodes join a mesh with an hour of history", func(w *script) {
		w.at(0, "history origins=%d batches=2000 size=16KiB age=1h", min(5, w.shape.Nodes))
		w.at(w.part(0.3), "join %d", w.few())
	}},
	{"slowlink", "a tenth of the nodes has links of 4 KiB/s for a time", func(w *script) {
		w.at(w.part(0.3), "bandwidth 0-%d 4KiB/s", w.few()-1)
		w.at(w.part(0.6), "bandwidth 0-%d 0", w.few()-1)
	}},
	{"clone", "an identity is copied: at first where the original is heard of, then on the other side of a partition", func(w *script) {
		w.at(w.part(0.2), "clone 0")
		w.at(w.part(0.4), "partition 0-%d", w.half())
		w.at(w.part(0.4)+time.Second, "clone %d", w.half())
		w.at(w.part(0.7), "heal")
	}},
	{"clock", "the clock of one node jumps to the year 2100, that of another back by a day, and both restart", func(w *script) {
		w.at(w.part(0.2), "clock 0 +650000h")
		w.at(w.part(0.3), "clock %d -24h", w.shape.Nodes-1)
		w.at(w.part(0.5), "crash 0,%d back=2s", w.shape.Nodes-1)
		w.at(w.part(0.7), "clock 0 -650000h")
		w.at(w.part(0.75), "crash 0 back=2s")
	}},
	{"restarts", "all nodes are restarted, a twentieth at a time", func(w *script) {
		step := max(1, (w.shape.Nodes+19)/20)
		for first := 0; first < w.shape.Nodes; first += step {
			w.at(w.part(0.2+0.6*float64(first)/float64(w.shape.Nodes)), "crash %d-%d back=2s", first, min(first+step, w.shape.Nodes)-1)
		}
	}},
	{"chaos", "random faults, one after the other, decided by the seed", chaos},
}
