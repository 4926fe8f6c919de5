package history

import (
	"context"
	"slices"
	"sync"
	"time"

	"anode/messages"
)

const (
	// named is how long streams that the archive listed are taken for those that it has, and mostNames how many are taken in: those that come
	// first in the archive's own order.
	named     = time.Minute
	mostNames = 100_000
)

// names are the streams of which the archive has records, as it listed them last; the list is sorted, and never changed.
type names struct {
	listing sync.Mutex // held by who has the archive list them, for Patience at most

	mu   sync.Mutex // guards what follows; a leaf
	list []messages.Stream
	// at is when they were listed, zero for never; failed when that failed.
	at, failed time.Time
}

// known gives those that were listed, and whether they are to be listed anew.
func (n *names) known(now time.Time) (list []messages.Stream, again bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.at.IsZero() || now.Sub(n.at) >= named
	return n.list, old && (n.failed.IsZero() || now.Sub(n.failed) >= known)
}

func (n *names) set(list []messages.Stream, at time.Time, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.failed = at
		return
	}
	n.list, n.at, n.failed = list, at, time.Time{}
}

// Archived gives the first of the streams that match, come after one by name, and of which the archive has records: at most so many. What it knows may be
// a minute old; while the archive is away it is what was known last. Of an archive of more than 100,000 streams it knows so many.
func (h *History) Archived(ctx context.Context, match messages.Pattern, after messages.Stream, most int) []messages.Stream {
	if h.cfg.Archive == nil {
		return nil
	}
	all := h.named(ctx)
	i, found := slices.BinarySearch(all, after)
	if found {
		i++
	}
	var list []messages.Stream
	for ; i < len(all) && len(list) < most; i++ {
		if match.Match(all[i]) {
			list = append(list, all[i])
		}
	}
	return list
}

// named are all that are known, listed anew where that was long ago.
func (h *History) named(ctx context.Context) []messages.Stream {
	list, again := h.names.known(time.Now())
	if !again || h.cfg.Archive.Stats().Away != "" {
		return list
	}
	if !h.names.listing.TryLock() {
		if len(list) > 0 {
			return list
		}
		h.names.listing.Lock()
	}
	defer h.names.listing.Unlock()
	at := time.Now()
	if list, again = h.names.known(at); !again { // by another one meanwhile
		return list
	}
	list, err := h.listNames(ctx)
	h.names.set(list, at, err)
	list, _ = h.names.known(at)
	return list
}

// listNames has the archive list its streams.
func (h *History) listNames(ctx context.Context) (list []messages.Stream, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Patience)
	defer cancel()
	for name, err := range h.cfg.Archive.All(ctx) {
		if err != nil {
			return nil, err
		}
		if list = append(list, name); len(list) >= mostNames {
			break
		}
	}
	slices.Sort(list)
	return list, nil
}
