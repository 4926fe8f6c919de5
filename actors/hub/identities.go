package hub

import (
	"sync"

	"anode/messages"
)

// mostIdentities is how many a subscription remembers; the oldest are forgotten.
const mostIdentities = 100_000

// identities are what a unique subscription got. mu guards them: its loop and its reader note
// what they deliver. Of a nil one nothing is forgotten.
type identities struct {
	mu    sync.Mutex
	seen  map[messages.Identity]struct{}
	order []messages.Identity
}

func newIdentities() *identities {
	return &identities{seen: make(map[messages.Identity]struct{})}
}

// note is false for one that was noted before.
func (x *identities) note(identity messages.Identity) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, ok := x.seen[identity]; ok {
		return false
	}
	x.seen[identity] = struct{}{}
	x.order = append(x.order, identity)
	for len(x.seen) > mostIdentities {
		delete(x.seen, x.order[0])
		x.order = x.order[1:]
	}
	return true
}

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
