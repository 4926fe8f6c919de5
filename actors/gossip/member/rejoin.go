package member

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"anode/messages"
)

// target is whom to call: a seed, whose name is to be resolved, or a peer at an address.
type target struct {
	seed string
	turn int // which of a seed's addresses is first
	id   messages.NodeID
	addr netip.AddrPort
}

// rejoin decides when to call again, and whom. It is pure, but for what it draws by chance. One goroutine uses it.
type rejoin struct {
	seeds []string
	rand  *rand.Rand
	alone bool
	tries int // since it is alone
	round uint64
	tried map[messages.NodeID]uint64 // the round of a peer's last call
}

func newRejoin(seeds []string, rng *rand.Rand) *rejoin {
	return &rejoin{seeds: seeds, rand: rng, alone: true, tried: make(map[messages.NodeID]uint64)}
}

// heed takes in whether peers are there, and tells whether the next round is to be set anew for that.
func (r *rejoin) heed(alone bool) bool {
	if r.alone == alone {
		return false
	}
	r.alone, r.tries = alone, 0
	return true
}

// wait is the pause before the next round. While alone it grows from rejoinFirst to rejoinEvery, shortened by half at
// most: nodes that start together call at different times. Else it is rejoinEvery ± 50 %, so that a mesh does
// not call at once either.
func (r *rejoin) wait() time.Duration {
	if !r.alone {
		return rejoinEvery/2 + r.draw(rejoinEvery)
	}
	longest := rejoinEvery
	if r.tries < 4 {
		longest = rejoinFirst << r.tries
	}
	r.tries++
	return longest/2 + r.draw(longest/2)
}

func (r *rejoin) draw(most time.Duration) time.Duration {
	return time.Duration(r.rand.Int64N(int64(most) + 1))
}

// targets are all seeds, and peers that are gone: those first that waited longest, the newest first among equals. Those
// that left are called only by who is alone: they will call themselves when they come back.
func (r *rejoin) targets(gone []*Member) []target {
	r.round++
	var list []target
	for _, seed := range r.seeds {
		list = append(list, target{seed: seed, turn: int(r.round) * rejoinAddresses})
	}
	peers := slices.DeleteFunc(slices.Clone(gone), func(m *Member) bool { return m.State == Left && !r.alone })
	slices.SortStableFunc(peers, func(a, b *Member) int { return cmp.Compare(r.tried[a.ID], r.tried[b.ID]) })
	for _, m := range peers[:min(len(peers), rejoinPeers)] {
		r.tried[m.ID] = r.round
		list = append(list, target{id: m.ID, addr: m.Addr})
	}
	r.prune(gone)
	return list
}

// prune forgets when those were called that are gone no more.
func (r *rejoin) prune(gone []*Member) {
	if len(r.tried) <= len(gone)+rejoinPeers {
		return
	}
	tried := make(map[messages.NodeID]uint64, len(gone))
	for _, m := range gone {
		if round, ok := r.tried[m.ID]; ok {
			tried[m.ID] = round
		}
	}
	r.tried = tried
}
