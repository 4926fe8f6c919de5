package placement

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"anode/messages"
)

// What drawn worlds are made of.
var (
	allNodes = []messages.NodeID{"n0", "n1", "n2", "n3", "n4", "n5", "n6"}
	allZones = []map[string]string{nil, {"zone": "a"}, {"zone": "b"}, {"zone": "a", "disk": "ssd"}}
)

// anyNode draws a node that may be in any state.
func anyNode(t *rapid.T, id messages.NodeID, now time.Duration) Node {
	n := Node{
		ID: id, State: rapid.SampledFrom([]State{StateActive, StateActive, StateActive, StateJoining, StateDraining}).Draw(t, "state"),
		Own:    rapid.SampledFrom([]Own{OwnAll, OwnAll, OwnAll, OwnLocal, OwnNone}).Draw(t, "own"),
		Labels: rapid.SampledFrom(allZones).Draw(t, "labels"), Yields: make(Yields),
	}
	if rapid.IntRange(0, 4).Draw(t, "dead") == 0 {
		n.Dead, n.DeadAt = true, now-time.Duration(rapid.Int64Range(0, int64(2*Grace)).Draw(t, "since"))
	}
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(sourceNames(12)), 0, 4).Draw(t, "yields") {
		n.Yields[name] = Yielded{Ends: now + time.Duration(rapid.Int64Range(-1, 5).Draw(t, "ends"))*time.Second, Level: rapid.Bool().Draw(t, "level")}
	}
	return n
}

func anyNodes(t *rapid.T, now time.Duration) []Node {
	var list []Node
	for _, id := range rapid.SliceOfDistinct(rapid.SampledFrom(allNodes), rapid.ID).Draw(t, "nodes") {
		list = append(list, anyNode(t, id, now))
	}
	return list
}

// saidByAll are reports in which each node said the same of each source, just now.
func saidByAll(v *View, said Said) Reports {
	all := make(Reports)
	for i := range v.Sources.list {
		for j := range v.Nodes {
			all[About{v.Sources.list[i].Name, v.Nodes[j].ID}] = Report{said, v.Now}
		}
	}
	return all
}

func sourceNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("s%d", i)
	}
	return names
}

func anySources(t *rapid.T) []Source {
	var list []Source
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(sourceNames(12)), rapid.ID).Draw(t, "sources") {
		list = append(list, Source{
			Name: name, Redundancy: rapid.SampledFrom([]int{0, 1, 1, 2, 3, 16, 99}).Draw(t, "redundancy"),
			Exclusive: rapid.Bool().Draw(t, "exclusive"), Everywhere: rapid.IntRange(0, 9).Draw(t, "everywhere") == 0,
			Nodes: rapid.SampledFrom(allZones).Draw(t, "zone"), Registered: rapid.SampledFrom(allNodes).Draw(t, "registered"),
			Paused: rapid.IntRange(0, 5).Draw(t, "paused") == 0, Host: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "host"),
		})
	}
	return list
}

// mayOwn is the rule of who may own a source, as it is said in words.
func mayOwn(n *Node, s *Source, now time.Duration) bool {
	if n.State != StateActive || n.Dead && now-n.DeadAt >= Grace {
		return false
	}
	for name, value := range s.Nodes {
		if n.Labels[name] != value {
			return false
		}
	}
	return n.Own == OwnAll || n.Own == OwnLocal && s.Registered == n.ID
}

// candidates are the nodes that may own a source and do not yield it, or all that may where all do.
func candidates(nodes []Node, s *Source, now time.Duration) []messages.NodeID {
	var may, want []messages.NodeID
	for i := range nodes {
		n := &nodes[i]
		if !mayOwn(n, s, now) {
			continue
		}
		may = append(may, n.ID)
		if y, yields := n.Yields[s.Name]; !yields || y.Ends <= now {
			want = append(want, n.ID)
		}
	}
	if len(want) == 0 {
		return may
	}
	return want
}

// wanted are the owners of a source, by the plainest way to find them.
func wanted(nodes []Node, s *Source, now time.Duration) []messages.NodeID {
	list := candidates(nodes, s, now)
	slices.SortFunc(list, func(a, b messages.NodeID) int {
		return cmp.Or(-cmp.Compare(weight(sourceKey(s.Name), nodeKey(a)), weight(sourceKey(s.Name), nodeKey(b))), cmp.Compare(a, b))
	})
	n := max(1, s.Redundancy)
	if s.Exclusive {
		n = 1
	}
	return list[:min(len(list), n, MaxRedundancy)]
}

// ownership is who owns what by a plan.
func ownership(p *Plan, sources []Source) map[string]string {
	all := make(map[string]string)
	for i := range sources {
		all[sources[i].Name] = fmt.Sprint(p.Owners(sources[i].Name))
	}
	return all
}

// shuffled is a list in a drawn order.
func shuffled[T any](t *rapid.T, list []T) []T { return rapid.Permutation(list).Draw(t, "order") }

// pictured is all that a plan says.
func pictured(p *Plan) string {
	due, waits := p.Due()
	text := fmt.Sprintln(due, waits, p.Held(), p.Questions(), p.Level())
	for t := range p.Tasks() {
		text += fmt.Sprintf("%+v\n", t)
	}
	for i := range p.sources.list {
		text += fmt.Sprintln(p.sources.list[i].Name, p.Owners(p.sources.list[i].Name), p.Why(p.sources.list[i].Name))
	}
	loads := p.Loads()
	for _, id := range slices.Sorted(maps.Keys(loads)) {
		text += fmt.Sprintln(id, loads[id])
	}
	return text + fmt.Sprintln(p.Share("x"), p.Share("y"), p.Share(""))
}
