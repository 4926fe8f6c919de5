package chaos

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Draft says which scripts Draw draws.
type Draft struct {
	Seed  uint64
	Nodes int
	// Length is when the last fault has ended; at least 20 s.
	Length time.Duration
	// Ways: also faults of what lies between the nodes.
	Ways bool
	// Longest is how long a fault lasts at most; 0 is a tenth of the length, from 3 s to 20 s.
	Longest time.Duration
}

const (
	// firstFault leaves a mesh time to begin; leastFault is how short a fault can be.
	firstFault = 2 * time.Second
	leastFault = 500 * time.Millisecond
	// calm is for how long before the end nothing parts nodes: a mesh that was parted may take as long to
	// be one again, and the script's end is not to be where most of that time goes.
	calm = 15 * time.Second
)

// draw is a script that is being drawn.
type draw struct {
	Draft
	rng    *rand.Rand
	script Script
	// busy is until when something is wrong with a node, ways with what lies between.
	busy []time.Duration
	ways time.Duration
}

// Draw draws a script of faults, each of which ends. The same Draft gives the same script.
func Draw(d Draft) Script {
	if d.Longest == 0 {
		const least, most, part = 3 * time.Second, 20 * time.Second, 10
		d.Longest = min(max(d.Length/part, least), most)
	}
	w := &draw{Draft: d, rng: rand.New(rand.NewPCG(d.Seed, 0)), busy: make([]time.Duration, d.Nodes)}
	for at := firstFault; at < d.Length-leastFault; {
		w.fault(at)
		at += w.between(leastFault, d.Longest)
	}
	slices.SortStableFunc(w.script, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return w.script
}

// between draws a duration, in tenths of a second.
func (w *draw) between(least, most time.Duration) time.Duration {
	const grain = 100 * time.Millisecond
	return (least + time.Duration(w.rng.Int64N(int64(most-least+grain)))).Truncate(grain)
}

func (w *draw) add(at time.Duration, a Action) { w.script = append(w.script, Step{at, a}) }

// fault draws one fault and its end.
func (w *draw) fault(at time.Duration) {
	end := min(at+w.between(leastFault, w.Longest), w.Length)
	const halves = 2
	if w.Ways && w.ways <= at && w.rng.IntN(halves) == 0 {
		w.way(at, end)
		return
	}
	free := slices.DeleteFunc(upTo(w.Nodes), func(i int) bool { return w.busy[i] > at })
	if most := w.Nodes/2 + 1; len(free) <= most { // most nodes live
		return
	}
	node := free[w.rng.IntN(len(free))]
	w.busy[node] = end + leastFault
	const kill, stop, freeze, wipe, sides = 4, 6, 9, 11, 12
	switch n := w.rng.IntN(sides); {
	case n < kill:
		w.add(at, KillNode{node})
	case n < stop:
		w.add(at, StopNode{node})
	case n < freeze:
		w.add(at, FreezeNode{node})
		w.add(end, ThawNode{node})
		return
	case n < wipe:
		w.add(at, WipeNode{Node: node, KeepKey: true})
	default:
		w.add(at, WipeNode{Node: node})
	}
	w.add(end, StartNode{node})
}

// way draws something that is wrong between nodes.
func (w *draw) way(at, end time.Duration) {
	w.ways = end
	order := w.rng.Perm(w.Nodes)
	half := 1 + w.rng.IntN(max(1, w.Nodes/2))
	f := SetWays{A: order[:half], B: order[half:]}
	const sides, parting = 6, 4
	kind := w.rng.IntN(sides)
	if at > w.Length-calm && kind < parting {
		kind = parting + kind%(sides-parting)
	}
	switch kind {
	case 0:
		f.Way = Way{Cut: true}
	case 1:
		f.Way = Way{Hole: true}
	case 2:
		f.Way, f.OneWay = Way{Hole: true}, true
	case 3: // one pair can't speak
		f.A, f.B, f.Way = order[:1], order[1:2], Way{Hole: true}
	case parting:
		const megabit = 1e6 / 8
		f.A, f.B, f.Way = order[:1], order[1:], Way{Rate: megabit}
	default:
		const least, most = 100 * time.Millisecond, 300 * time.Millisecond
		f.Way = Way{Delay: w.between(least, most)}
	}
	w.add(at, f)
	f.Way = Way{}
	w.add(end, f)
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
