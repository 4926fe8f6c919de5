package source

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	// connectsASecond is how many connections a host gets from this node, at once and a second.
	connectsASecond = 50
	// mostHosts is how many hosts are remembered; beyond, those that have their whole budget are forgotten.
	mostHosts = 4096
)

// hosts spreads connections: many sources of one host that start at once do not storm it. The mutex
// is a leaf but for the buckets'.
type hosts struct {
	mu      sync.Mutex
	buckets map[string]*bucket
}

func newHosts() *hosts { return &hosts{buckets: make(map[string]*bucket)} }

// wait lets a connection to a host pass, with 0, or tells in how long one may.
func (h *hosts) wait(host string, now time.Time) time.Duration {
	host = strings.ToLower(host)
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.buckets[host]
	if b == nil {
		if len(h.buckets) >= mostHosts {
			h.forget(now)
		}
		b = newBucket(connectsASecond, connectsASecond)
		h.buckets[host] = b
	}
	return b.wait(now)
}

// forget drops the hosts to which nobody connected for as long as makes a budget whole.
func (h *hosts) forget(now time.Time) {
	for host, b := range h.buckets {
		if b.rested(now, time.Second) {
			delete(h.buckets, host)
		}
	}
}

// Connect waits until one more connection to a host may be made: fifty a second from all sources of
// this node.
func (l *Line) Connect(ctx context.Context, host string) error {
	defer l.hold()()
	return pause(ctx, func() time.Duration { return l.cfg.hosts.wait(host, l.cfg.Clock()) })
}

// pause sleeps for as long as it is told, until that is 0.
func pause(ctx context.Context, wait func() time.Duration) error {
	for {
		left := wait()
		if left == 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
