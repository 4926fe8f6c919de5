package sim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// mostParts is how many nodes and ranges a pick names at most: each action goes through them for each node.
const mostParts = 10_000

// Pick says which nodes an action is about. The zero Pick is none.
type Pick struct {
	all, down bool
	share     float64
	count     int
	ranges    []Node // pairs of first and last
}

// All picks every node.
func All() Pick { return Pick{all: true} }

// Down picks every node that does not run.
func Down() Pick { return Pick{down: true} }

// Share picks a share of the nodes that an action can have, at random: 0.1 is a tenth of them, 1 is the most.
func Share(share float64) Pick { return Pick{share: share} }

// Any picks so many at random.
func Any(count int) Pick { return Pick{count: count} }

// These picks nodes by their numbers.
func These(nodes ...Node) Pick {
	var p Pick
	for _, n := range nodes {
		p.ranges = append(p.ranges, n, n)
	}
	return p
}

// Range picks the nodes from one number to another, both in it.
func Range(first, last Node) Pick { return Pick{ranges: []Node{first, last}} }

// String is as ParsePick reads it.
func (p Pick) String() string {
	switch {
	case p.all:
		return "all"
	case p.down:
		return "down"
	case p.share > 0:
		return percent(p.share)
	case p.count > 0:
		return "any:" + strconv.Itoa(p.count)
	}
	var parts []string
	for i := 0; i+1 < len(p.ranges); i += 2 {
		if p.ranges[i] == p.ranges[i+1] {
			parts = append(parts, strconv.Itoa(int(p.ranges[i])))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", p.ranges[i], p.ranges[i+1]))
		}
	}
	return strings.Join(parts, ",")
}

// percent is a share as scripts have it; the digits are those that tell it from others.
func percent(share float64) string {
	text := strconv.FormatFloat(share*100, 'g', 12, 64) // 0.07 is 7.000000000000001 of a hundred
	return text + "%"
}

// ParsePick reads "all", "down", "10%", "any:5" or "0-9,12".
func ParsePick(text string) (Pick, error) {
	fail := func() (Pick, error) {
		return Pick{}, fmt.Errorf("%q names no nodes: write all, down, a share such as 10%%, any:5, or numbers such as 0-9,12", clip(text))
	}
	switch text {
	case "all":
		return All(), nil
	case "down":
		return Down(), nil
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !(share > 0 && share <= 100) {
			return fail()
		}
		return Share(share / 100), nil
	}
	if number, ok := strings.CutPrefix(text, "any:"); ok {
		count, err := strconv.Atoi(number)
		if err != nil || count < 1 {
			return fail()
		}
		return Any(count), nil
	}
	if strings.Count(text, ",") >= mostParts {
		return Pick{}, fmt.Errorf("%q… names more than %d nodes one by one: write ranges such as 0-99", text[:20], mostParts)
	}
	var p Pick
	for part := range strings.SplitSeq(text, ",") {
		low, high, ranged := strings.Cut(part, "-")
		if !ranged {
			high = low
		}
		first, err1 := strconv.ParseUint(low, 10, 31)
		last, err2 := strconv.ParseUint(high, 10, 31)
		if err1 != nil || err2 != nil || first > last {
			return fail()
		}
		p.ranges = append(p.ranges, Node(first), Node(last))
	}
	return p, nil
}

// pick gives the nodes of a pick, in order of number.
func (s *Sim) pick(p Pick) []*node {
	return s.pickOf(p, func(n *node) bool { return !n.gone })
}

// pickUp gives those of them that run, pickDown those that do not; what is random is drawn from these alone.
func (s *Sim) pickUp(p Pick) []*node { return s.pickOf(p, func(n *node) bool { return n.up }) }

func (s *Sim) pickDown(p Pick) []*node {
	return s.pickOf(p, func(n *node) bool { return !n.up && !n.gone })
}

func (s *Sim) pickOf(p Pick, fit func(*node) bool) []*node {
	var list []*node
	for _, n := range s.nodes {
		if fit(n) && p.has(n) {
			list = append(list, n)
		}
	}
	count := p.count
	if p.share > 0 {
		count = int(math.Round(p.share * float64(len(list))))
	}
	if p.share > 0 || p.count > 0 {
		s.random.script.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		list = list[:min(count, len(list))]
		slices.SortFunc(list, func(a, b *node) int { return int(a.index - b.index) })
	}
	return list
}

// has tells whether a node is among those named, or may be among those drawn.
func (p Pick) has(n *node) bool {
	if p.all || p.share > 0 || p.count > 0 {
		return true
	}
	if p.down {
		return !n.up
	}
	for i := 0; i+1 < len(p.ranges); i += 2 {
		if n.index >= int32(p.ranges[i]) && n.index <= int32(p.ranges[i+1]) {
			return true
		}
	}
	return false
}

// valid tells whether a pick can be.
func (p Pick) valid() error {
	if p.share < 0 || p.share > 1 || p.count < 0 {
		return fmt.Errorf("a share of %g, or %d nodes: want a share up to 1, and nothing negative", p.share, p.count)
	}
	for i := 0; i+1 < len(p.ranges); i += 2 {
		if p.ranges[i] < 0 || p.ranges[i] > p.ranges[i+1] {
			return fmt.Errorf("nodes %d to %d: want the lower first, and nothing negative", p.ranges[i], p.ranges[i+1])
		}
	}
	if p.String() == "" {
		return errNobody
	}
	return nil
}

// highest is the highest number named; -1 where none is.
func (p Pick) highest() Node {
	high := Node(-1)
	for _, n := range p.ranges {
		high = max(high, n)
	}
	return high
}
