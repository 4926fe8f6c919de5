package hub

import (
	"slices"
	"sync"

	"anode/messages"
)

// mostIdentities is how many a subscription remembers; the oldest are forgotten.
const mostIdentities = 100_000

// identities are what a unique subscription got. mu guards them: its loop and its reader note
// what they deliver. Of a nil one nothing is forgotten.
type identities struct {
	mu sync.Mutex
	// seen has the count of the note that stands, order all notes; of one that was taken back order
	// keeps what means nothing any more.
	seen  map[messages.Identity]uint64
	order []note
	count uint64
}

type note struct {
	identity messages.Identity
	count    uint64
}

// noted is an identity that was noted for the record with an index.
type noted struct {
	index    uint32
	identity messages.Identity
}

func newIdentities() *identities {
	return &identities{seen: make(map[messages.Identity]uint64)}
}

// note is false for one that was noted before.
func (x *identities) note(identity messages.Identity) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, ok := x.seen[identity]; ok {
		return false
	}
	x.count++
	x.seen[identity] = x.count
	x.order = append(x.order, note{identity, x.count})
	for len(x.seen) > mostIdentities {
		if oldest := x.order[0]; x.stands(oldest) {
			delete(x.seen, oldest.identity)
		}
		x.order = x.order[1:]
	}
	if len(x.order) > 2*mostIdentities {
		x.order = slices.DeleteFunc(x.order, func(n note) bool { return !x.stands(n) })
	}
	return true
}

// stands tells whether a note was not taken back.
func (x *identities) stands(n note) bool { return x.seen[n.identity] == n.count }

// forget takes back identities of records that were not delivered.
func (x *identities) forget(list []messages.Identity) {
	if x == nil || len(list) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, identity := range list {
		delete(x.seen, identity)
	}
}
