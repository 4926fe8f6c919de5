package demo

import (
	"slices"
	"time"
)

// mostDelays is of how many records a delay is kept: twenty seconds.
const mostDelays = 400

// delays are how long numbered records took, from before they were sent to a node until the subscription gave them. The
// zero value has none.
type delays struct {
	list []time.Duration
	next int
}

func (d *delays) add(delay time.Duration) {
	if len(d.list) < mostDelays {
		d.list = append(d.list, delay)
		return
	}
	d.list[d.next] = delay
	d.next = (d.next + 1) % mostDelays
}

// quantiles are those of some shares, 0 to 1; false where there is nothing yet.
func (d *delays) quantiles(shares ...float64) ([]time.Duration, bool) {
	if len(d.list) == 0 {
		return nil, false
	}
	sorted := slices.Sorted(slices.Values(d.list))
	var list []time.Duration
	for _, share := range shares {
		list = append(list, sorted[min(int(share*float64(len(sorted))), len(sorted)-1)])
	}
	return list, true
}
