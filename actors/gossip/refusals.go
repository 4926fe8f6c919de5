package gossip

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"anode/actors/gossip/link"
)

// refusedEvery is how often refusals of one kind are logged.
const refusedEvery = 10 * time.Second

// refusals tells of connections that did not become a link: the first of a kind at once, then how many there were.
type refusals struct {
	mu     sync.Mutex // guards all; a leaf
	closed bool
	kinds  [link.Reasons]struct {
		at    time.Time
		count int
	}
}

// note counts a refusal, and gives how many are to be told of: 0 is none now.
func (r *refusals) note(reason link.Reason, at time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := &r.kinds[reason]
	k.count++
	if r.closed || !k.at.IsZero() && at.Sub(k.at) < refusedEvery {
		return 0
	}
	count := k.count
	k.at, k.count = at, 0
	return count
}

func (r *refusals) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
}

// refused is told of each connection that was accepted and did not become a link. Many may call it, in a flood often.
func (l *loop) refused(remote net.Addr, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	reason := link.ReasonOf(err)
	count := l.refusals.note(reason, time.Now())
	if count == 0 {
		return
	}
	level := slog.LevelWarn
	if reason == link.ReasonEnded || reason == link.ReasonSelf { // a port scan, a probe of health
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "a connection to the mesh port was refused", "reason", reason, "remote", remote, "count", count, "error", err)
}
