package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The promises that Check looks at.
const (
	// Lost: what was acknowledged is on no node, or not under the id that was answered.
	Lost = "acknowledged and lost"
	// Invented: a node holds what nobody published.
	Invented = "held and never published"
	// StoredTwice: an origin numbered one native id twice.
	StoredTwice = "stored twice by one node"
	// Forked: two nodes hold different records under one id.
	Forked = "one id, two records"
	// NotEqual: nodes hold different sets.
	NotEqual = "nodes hold different records"
	// Misnumbered: of two records of one origin the later has the lower position.
	Misnumbered = "numbered against the order of publishing"
	// Doubled: a subscription got a record twice, or one that its cursor covers.
	Doubled = "delivered twice in one subscription"
	// Disordered: the positions of an origin went back in a subscription.
	Disordered = "delivered out of order"
	// WentBack: a cursor, or a message's position, is below what was said before.
	WentBack = "a position went back"
	// Silent: a reader passed a record without having got it and without a gap.
	Silent = "a hole without a gap"
	// FalseGap: a gap says that what is held is missing, or that what was acknowledged came late.
	FalseGap = "a gap over what is held"
	// Unread: at the end a reader had not come to a record.
	Unread = "not delivered by the end"
	// Malformed: what a node said is not of the contract.
	Malformed = "not of the contract"
)

// Fault is a promise that was broken, and where.
type Fault struct{ Promise, What string }

// String is one line.
func (f Fault) String() string { return f.Promise + ": " + f.What }

// faults collects; of each promise the first are kept, and the others counted.
type faults struct {
	list  []Fault
	count map[string]int
}

// mostOfOne is how many faults of one promise are told in full: who has seen ten has seen them.
const mostOfOne = 10

func (f *faults) add(promise, format string, args ...any) {
	f.count[promise]++
	if f.count[promise] <= mostOfOne {
		f.list = append(f.list, Fault{promise, fmt.Sprintf(format, args...)})
	}
}

func (f *faults) all() []Fault {
	for _, promise := range slices.Sorted(maps.Keys(f.count)) {
		if more := f.count[promise] - mostOfOne; more > 0 {
			f.list = append(f.list, Fault{promise, fmt.Sprintf("and %d more", more)})
		}
	}
	return f.list
}

// Check names what a history shows to be broken; none is nil. It is pure.
func Check(h *History) []Fault {
	f := &faults{count: make(map[string]int)}
	held := checkHeld(f, h)
	checkPublishes(f, h, held)
	for i := range h.Readers {
		checkReader(f, &h.Readers[i], held, acknowledged(h))
	}
	return f.all()
}

// acknowledged are the ids that were answered, but of origins that lost their disk: what an origin forgot may come late.
func acknowledged(h *History) map[string]bool {
	ids := make(map[string]bool)
	for i := range h.Publishes {
		if p, ok := ParsePosition(h.Publishes[i].ID); ok && !h.Wiped[p.Origin] {
			ids[p.String()] = true
		}
	}
	return ids
}

// shelf is all that the nodes hold together.
type shelf struct {
	byID map[string]Record
	// byOrigin are the positions of each origin, sorted; copies are the ids of each datum.
	byOrigin map[string][]Position
	copies   map[Datum][]string
}

// checkHeld compares what nodes hold, and gives all of it.
func checkHeld(f *faults, h *History) *shelf {
	s := &shelf{byID: make(map[string]Record), byOrigin: make(map[string][]Position), copies: make(map[Datum][]string)}
	nodes := slices.Sorted(maps.Keys(h.Held))
	for _, name := range nodes {
		own := make(map[string]bool)
		for _, r := range h.Held[name] {
			if own[r.ID] {
				f.add(StoredTwice, "%s lists %s twice", name, r.ID)
			}
			own[r.ID] = true
			s.take(f, name, r)
		}
	}
	for _, name := range nodes {
		if missing := s.missing(h.Held[name]); len(missing) > 0 {
			f.add(NotEqual, "%s lacks %d of %d: %s", name, len(missing), len(s.byID), sample(missing))
		}
	}
	for _, list := range s.byOrigin {
		slices.SortFunc(list, Position.Compare)
	}
	return s
}

func (s *shelf) take(f *faults, name string, r Record) {
	p, ok := ParsePosition(r.ID)
	switch old, known := s.byID[r.ID]; {
	case !ok:
		f.add(Malformed, "%s holds the id %q", name, r.ID)
	case !known:
		s.byID[r.ID] = r
		s.byOrigin[p.Origin] = append(s.byOrigin[p.Origin], p)
		s.copies[r.Data] = append(s.copies[r.Data], r.ID)
	case old != r:
		f.add(Forked, "%s holds %+v where another holds %+v", name, r, old)
	}
}

// missing are the ids that a list lacks, sorted.
func (s *shelf) missing(list []Record) []string {
	rest := maps.Clone(s.byID)
	for _, r := range list {
		delete(rest, r.ID)
	}
	return slices.Sorted(maps.Keys(rest))
}

// sample are the first of a list.
func sample(list []string) string {
	const most = 3
	if len(list) > most {
		return strings.Join(list[:most], " ") + " …"
	}
	return strings.Join(list, " ")
}
