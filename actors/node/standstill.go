package node

import (
	"context"
	"time"

	"anode/actors/source"
	"anode/messages"
	"anode/storage"
)

const (
	// catchUpEvery is how often a node that stood still looks whether it has what others have.
	catchUpEvery = 100 * time.Millisecond
	// staleFor is for how long after it went on what it hears may have waited for it.
	staleFor = 500 * time.Millisecond
	// lastWords is how long what it heard of last may take to the sources.
	lastWords = 300 * time.Millisecond
)

// catchUp makes what waits, after the process stood still, until the journal has what others numbered meanwhile.
func (n *Node) catchUp(journal storage.Journal) func(context.Context, time.Duration) {
	return func(ctx context.Context, stood time.Duration) {
		before, known := journal.Digest(), n.gossip.Heads()
		if office := n.seated.Load(); office != nil && stood >= source.Parted {
			office.StoodStill() // refused: its sources come to it as to one whose views differ
		}
		fresh := time.Now().Add(staleFor)
		for n.accompanied() && !(n.gossip.Compared().After(fresh) && covers(journal.Digest(), before, known, n.gossip.Heads())) {
			if source.Sleep(ctx, catchUpEvery) != nil {
				return
			}
		}
		_ = source.Sleep(ctx, lastWords)
	}
}

// accompanied tells that another node is there, as far as is known.
func (n *Node) accompanied() bool {
	list := n.met.Load()
	if list == nil {
		return false
	}
	for _, m := range *list {
		if m.ID != n.self.ID && m.There {
			return true
		}
	}
	return false
}

// covers tells that a digest has all up to some positions, but for what was absent in one before, up to the heads that were known then.
func covers(digest, before messages.Digest, known, heads []messages.Position) bool {
	for _, at := range heads {
		head := uint64(0)
		for _, e := range before[at.Origin] {
			if e.Epoch == at.Epoch {
				head = e.Head
			}
		}
		for _, k := range known {
			if k.Origin == at.Origin && k.Epoch == at.Epoch {
				head = max(head, k.Sequence)
			}
		}
		if at.Sequence > head && !covered(digest[at.Origin], head, at) {
			return false
		}
	}
	return true
}

// covered tells that an origin's epochs have all between a sequence and a position.
func covered(epochs []messages.EpochDigest, above uint64, at messages.Position) bool {
	for _, e := range epochs {
		if e.Epoch != at.Epoch {
			continue
		}
		for _, hole := range e.Holes {
			if hole.To > above && hole.From <= at.Sequence {
				return false
			}
		}
		return e.Head >= at.Sequence
	}
	return false
}
