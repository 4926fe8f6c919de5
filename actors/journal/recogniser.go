package journal

import (
	"time"

	"anode/messages"
)

// recogniser knows the identities that were published within a window. Only the writer
// uses it.
//
// It is exact up to most identities; beyond, the oldest are forgotten first and counted.
type recogniser struct {
	window time.Duration
	most   int
	seen   map[messages.Identity]int64
	// order is seen by time of entry. An entry whose time differs from that in seen was renewed.
	order  []stamp
	first  int
	forgot uint64
}

type stamp struct {
	identity messages.Identity
	ms       int64
}

func newRecogniser(window time.Duration, most int) *recogniser {
	return &recogniser{window: window, most: most, seen: make(map[messages.Identity]int64)}
}

// meet notes an identity and tells whether it was known within the window, and the Unix ms at which it came.
func (r *recogniser) meet(identity messages.Identity, now time.Time) (at int64, known bool) {
	ms := now.UnixMilli()
	if at, ok := r.seen[identity]; ok && at > ms-r.window.Milliseconds() {
		return at, true
	}
	r.learn(identity, ms)
	return ms, false
}

// learn notes an identity that was received at ms.
func (r *recogniser) learn(identity messages.Identity, ms int64) {
	r.seen[identity] = ms
	r.order = append(r.order, stamp{identity, ms})
	for len(r.seen) > r.most {
		r.dropFirst()
		r.forgot++
	}
}

// unlearn takes back the identities that were learned last, for their records were not stored. A
// journal that takes nothing for long leaves nothing here.
func (r *recogniser) unlearn(identities []messages.Identity) {
	for _, identity := range identities {
		delete(r.seen, identity)
	}
	r.order = r.order[:max(r.first, len(r.order)-len(identities))]
}

// expire drops what is older than the window.
func (r *recogniser) expire(now time.Time) {
	horizon := now.Add(-r.window).UnixMilli()
	for r.first < len(r.order) && r.order[r.first].ms <= horizon {
		r.dropFirst()
	}
	if r.first > 1024 && r.first > len(r.order)/2 {
		r.order = append([]stamp(nil), r.order[r.first:]...)
		r.first = 0
	}
}

func (r *recogniser) dropFirst() {
	if r.first == len(r.order) {
		clear(r.seen)
		return
	}
	s := r.order[r.first]
	r.first++
	if r.seen[s.identity] == s.ms {
		delete(r.seen, s.identity)
	}
}
