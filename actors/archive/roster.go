package archive

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// roster is who there is, to say who archives what. Its zero value knows nobody. It is pure, and the loop's alone.
type roster struct {
	self messages.NodeID
	// has is this node's archive.
	has command.NodeArchive
	// alone: all is this node's.
	alone bool
	grace time.Duration
	// begun is when it was made: before a grace has passed since, who is not there may just not have been met.
	begun time.Time
	// there are the nodes that take part, left those that said that they go; missed is since when others are not there.
	there, left map[messages.NodeID]bool
	missed      map[messages.NodeID]time.Time
	// archives are what nodes say that they have.
	archives map[messages.NodeID]command.NodeArchive
}

// members takes in who is in the mesh.
func (r *roster) members(list []command.Member, now time.Time) {
	there, left, missed := make(map[messages.NodeID]bool, len(list)), make(map[messages.NodeID]bool), make(map[messages.NodeID]time.Time)
	for i := range list {
		m := &list[i]
		there[m.ID], left[m.ID] = m.There, m.Left
	}
	for id, was := range r.there {
		if was && !there[id] {
			missed[id] = now
		} else if at, is := r.missed[id]; is && !there[id] {
			missed[id] = at
		}
	}
	r.there, r.left, r.missed = there, left, missed
}

// counts tells whether a node is to be reckoned with: it is there, or is missed only since lately.
func (r *roster) counts(id messages.NodeID, now time.Time) bool {
	switch {
	case id == r.self || r.there[id]:
		return true
	case r.left[id]:
		return false
	}
	since := r.missed[id]
	if since.IsZero() {
		since = r.begun
	}
	return now.Sub(since) < r.grace
}

// sameArchive tells whether two nodes write to the same one.
func sameArchive(a, b *command.NodeArchive) bool {
	if a.Database != "" && b.Database != "" {
		return a.Database == b.Database
	}
	return a.Place == b.Place
}

// able are the nodes that count and archive what this one does, in the same place; where that is refused for good by all of them, all of them
// nevertheless. It has one at least.
func (r *roster) able(now time.Time) (list []messages.NodeID) {
	refused := make(map[messages.NodeID]bool)
	take := func(id messages.NodeID, has *command.NodeArchive) {
		list = append(list, id)
		refused[id] = has.Refused
	}
	take(r.self, &r.has)
	for id, has := range r.archives {
		if id != r.self && sameArchive(&has, &r.has) && has.Streams.Covers(r.has.Streams) && r.counts(id, now) {
			take(id, &has)
		}
	}
	is := func(id messages.NodeID) bool { return refused[id] }
	if !slices.ContainsFunc(list, func(id messages.NodeID) bool { return !is(id) }) {
		return list
	}
	return slices.DeleteFunc(list, is)
}

// settled tells whether all are met that there are.
func (r *roster) settled(now time.Time) bool { return r.alone || now.Sub(r.begun) >= r.grace }

// plan says whose this node archives, of origins that are asked for.
func (r *roster) plan(now time.Time) func(messages.NodeID) bool {
	of := r.archivers(now)
	return func(origin messages.NodeID) bool { return of(origin) == r.self }
}

// helped tells that other nodes archive all, as this one's archive is refused.
func (r *roster) helped(now time.Time) bool {
	return !r.alone && r.has.Refused && r.settled(now) && !slices.Contains(r.able(now), r.self)
}

// archivers says who archives origins that are asked for: "" is not known yet.
func (r *roster) archivers(now time.Time) func(messages.NodeID) messages.NodeID {
	able := r.able(now)
	slices.Sort(able)
	settled := r.settled(now)
	return func(origin messages.NodeID) messages.NodeID {
		if r.alone {
			return r.self
		}
		if _, is := slices.BinarySearch(able, origin); is {
			return origin
		}
		if !settled {
			return ""
		}
		return slices.MaxFunc(able, func(a, b messages.NodeID) int {
			return cmp.Or(cmp.Compare(rank(origin, a), rank(origin, b)), cmp.Compare(b, a))
		})
	}
}

// rank is the weight of a node for an origin: the highest archives it (highest random weight; Thaler and Ravishankar, "A Name-Based Mapping
// Scheme for Rendezvous", 1996). It is the same on every node.
func rank(origin, node messages.NodeID) uint64 {
	sum := sha256.Sum256([]byte("archive/" + string(origin) + "/" + string(node)))
	return binary.BigEndian.Uint64(sum[:8])
}
