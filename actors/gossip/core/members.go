package core

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/zeebo/blake3"

	"anode/messages"
)

const (
	// mesh is the most nodes of which each links to all others.
	mesh = 9
	// ringsFew and ringsMany are how many rings there are, up to few nodes and above.
	ringsFew, ringsMany, few = 3, 4, 1000
)

// Members is a set of nodes, and the overlay that follows from it: up to 9 nodes each is linked to all; above,
// the nodes stand on hashed rings, each linked to its neighbours on all of them. Random rings are an
// expander: short paths, and no cut that a few deaths make (Law and Siu, "Distributed Construction of Random
// Expander Networks", 2003). Two nodes with equal members agree on every link. It is immutable, may be
// shared, and is cheap to ask.
type Members struct {
	ids   []messages.NodeID
	rings [][]int32 // members in order around the ring
	at    [][]int32 // where on the ring a member stands
}

// NewMembers makes the overlay of some nodes, named in any order.
func NewMembers(nodes []messages.NodeID) *Members {
	m := &Members{ids: slices.Compact(slices.Sorted(slices.Values(nodes)))}
	if len(m.ids) <= mesh {
		return m
	}
	rings := ringsFew
	if len(m.ids) > few {
		rings = ringsMany
	}
	hashes := make([]uint64, len(m.ids))
	for ring := range rings {
		for i, id := range m.ids {
			hashes[i] = ringHash(ring, id)
		}
		order := make([]int32, len(m.ids))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortFunc(order, func(a, b int32) int {
			return cmp.Or(cmp.Compare(hashes[a], hashes[b]), cmp.Compare(a, b))
		})
		at := make([]int32, len(order))
		for place, i := range order {
			at[i] = int32(place)
		}
		m.rings, m.at = append(m.rings, order), append(m.at, at)
	}
	return m
}

// ringHash is where a node stands on a ring.
func ringHash(ring int, id messages.NodeID) uint64 {
	sum := blake3.Sum256([]byte(strconv.Itoa(ring) + "/" + string(id)))
	var n uint64
	for _, b := range sum[:8] {
		n = n<<8 | uint64(b)
	}
	return n
}

// Len is how many there are.
func (m *Members) Len() int { return len(m.ids) }

// Has tells whether a node is among them.
func (m *Members) Has(id messages.NodeID) bool {
	_, ok := slices.BinarySearch(m.ids, id)
	return ok
}

// All are the members, sorted. The list must not be changed.
func (m *Members) All() []messages.NodeID { return m.ids }

// Neighbours are the nodes to which one is to be linked, sorted. Around those that skip names the rings
// close: the next one stands in.
func (m *Members) Neighbours(self messages.NodeID, skip func(messages.NodeID) bool) []messages.NodeID {
	me, ok := slices.BinarySearch(m.ids, self)
	if !ok {
		return nil
	}
	var list []messages.NodeID
	if m.rings == nil {
		for i, id := range m.ids {
			if i != me {
				list = append(list, id)
			}
		}
		return list
	}
	for ring, order := range m.rings {
		for _, step := range []int{1, len(order) - 1} {
			for at := (int(m.at[ring][me]) + step) % len(order); order[at] != int32(me); at = (at + step) % len(order) {
				if id := m.ids[order[at]]; !skip(id) {
					list = append(list, id)
					break
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
