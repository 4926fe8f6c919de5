package source

import "anode/messages"

// mostTaken is how many copies are remembered that were taken over; of more the older half is forgotten, and may be taken over twice.
const mostTaken = 65536

// taken are the copies that were taken over last, so that none is twice when the journal is read for what a full queue refused.
type taken []tookCopy

// tookCopy is a datum, and when it was received by the clock of who numbered it, in Unix ms.
type tookCopy struct {
	datum messages.Identity
	ms    int64
}

func (t *taken) add(datum messages.Identity, ms int64) {
	if len(*t) >= mostTaken {
		*t = (*t)[:copy(*t, (*t)[mostTaken/2:])]
	}
	*t = append(*t, tookCopy{datum, ms})
}

// takenSince is how many copies of each datum were taken over that were received since a Unix ms. The turn is taken.
func (s *standby) takenSince(since int64) map[messages.Identity]int {
	n := make(map[messages.Identity]int)
	if s != nil {
		for _, of := range s.taken {
			if of.ms >= since {
				n[of.datum]++
			}
		}
	}
	return n
}
