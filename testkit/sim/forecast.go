package sim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	// MaxDuration is the longest that a run, and what a script says of times, can be.
	MaxDuration = 1000 * time.Hour
	// mostMemory is what a run may take at most, as far as that shows before it: half of a machine of 16 GiB.
	mostMemory = 8 << 30
	// nodeMemory and batchMemory are what a node and a batch take, as measured: runs of 1,000 and 10,000 nodes, and
	// of 200,000 batches. Of a batch each node has a bit besides.
	nodeMemory, batchMemory = 25 << 10, 512
	// mostEvents are the events of the registry in a run: each look at the whole goes through those of all nodes.
	mostEvents = 100_000
	// mostFaults is how many faults of a script are told at once.
	mostFaults = 5
)

// forecast is what a script leads to, as far as that shows before the run: so that what can't be done is told
// at once, and not when its time has come.
type forecast struct {
	cfg *Config
	at  time.Duration
	// nodes are at most so many. loose: what churn adds is not known.
	nodes int
	loose bool
	// parted: the mesh is, by a partition.
	parted bool
	// loads are those that go on or have ended, batches those of history, events those of the registry.
	loads   []expected
	batches float64
	events  int
}

// expected is a load: batches a second of all its origins together.
type expected struct {
	rate     float64
	from, to time.Duration
}

// Check tells what of the script can't be done, as far as that shows before the run: nodes that there are not,
// sizes, times and shares that can't be, more than memory has room for. Run begins with it.
func (s *Sim) Check() error {
	steps := slices.Clone(s.script)
	sortSteps(steps)
	f := &forecast{cfg: &s.cfg, nodes: s.cfg.Nodes}
	var faults []error
	for _, st := range steps {
		if err := f.see(st); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) == 0 {
		return f.room()
	}
	return joined(faults)
}

// sortSteps brings steps in order of time; those of one time stay as they are.
func sortSteps(steps []step) {
	slices.SortStableFunc(steps, func(a, b step) int { return int(min(max(a.at-b.at, -1), 1)) })
}

// joined are the first of the faults of a script.
func joined(faults []error) error {
	if more := len(faults) - mostFaults; more > 1 {
		faults = append(faults[:mostFaults:mostFaults], fmt.Errorf("and %d lines more", more))
	}
	return errors.Join(faults...)
}

// see looks at the next step.
func (f *forecast) see(st step) error {
	f.at = time.Duration(max(st.at, 0))
	err := fault(f.at > MaxDuration, "a run has at most %s", durationText(MaxDuration))
	if err == nil && st.action.check != nil {
		err = st.action.check(f)
	}
	if err == nil {
		return nil
	}
	if st.line > 0 {
		return fmt.Errorf("line %d: %s: %w", st.line, st.action.short(), err)
	}
	return fmt.Errorf("at %s, %s: %w", durationText(f.at), st.action.short(), err)
}

// fault is an error where something is wrong.
func fault(wrong bool, format string, args ...any) error {
	if wrong {
		return fmt.Errorf(format, args...)
	}
	return nil
}

// knows tells whether there are, or may be, the nodes that picks name.
func (f *forecast) knows(picks ...Pick) error {
	for _, p := range picks {
		if err := p.valid(); err != nil {
			return err
		}
		if high := p.highest(); !f.loose && int(high) >= f.nodes {
			return fmt.Errorf("there is no node %d: there are 0 to %d", high, f.nodes-1)
		}
	}
	return nil
}

// runs tells whether nodes run already.
func (f *forecast) runs() error {
	return fault(f.at == 0, "no node runs at 0s, they start then: give it a later time")
}

// count is how many nodes a pick has at most.
func (f *forecast) count(p Pick) int {
	switch {
	case p.share > 0:
		return int(math.Round(p.share * float64(f.nodes)))
	case p.count > 0:
		return min(p.count, f.nodes)
	case p.all, p.down:
		return f.nodes
	}
	sum := 0
	for i := 0; i+1 < len(p.ranges); i += 2 {
		sum += int(p.ranges[i+1]-p.ranges[i]) + 1
	}
	return min(sum, f.nodes)
}

// joins counts nodes that are new.
func (f *forecast) joins(count int) error {
	if f.nodes+count > MaxNodes {
		return fmt.Errorf("there would be %d nodes, at most %d are possible", f.nodes+count, MaxNodes)
	}
	f.nodes += count
	return nil
}

// pours notes a load.
func (f *forecast) pours(l Load) {
	end := f.cfg.Duration
	if l.For > 0 {
		end = min(end, f.at+l.For)
	}
	f.loads = append(f.loads, expected{l.Rate * float64(f.count(l.At)), f.at, max(end, f.at)})
}

// stops ends all loads.
func (f *forecast) stops() {
	for i := range f.loads {
		f.loads[i].to = min(f.loads[i].to, f.at)
	}
}

// room tells whether memory has room for all that.
func (f *forecast) room() error {
	batches := f.batches
	for _, l := range f.loads {
		batches += l.rate * (l.to - l.from).Seconds()
	}
	if need := float64(f.nodes)*(nodeMemory+batches/8) + batches*batchMemory; need > mostMemory {
		return fmt.Errorf("%.0f batches and %d nodes would take about %.0f GiB of memory, at most %d are possible: a lower rate, fewer origins or less time take less",
			batches, f.nodes, math.Ceil(need/(1<<30)), mostMemory>>30)
	}
	return nil
}
