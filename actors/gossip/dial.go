package gossip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"anode/actors/gossip/core"
	"anode/actors/gossip/link"
	"anode/messages"
)

const (
	// pauseFirst is the first pause between two tries to reach a peer, pauseMost the longest: a human's patience, and
	// one that costs a mesh nothing.
	pauseFirst, pauseMost = 500 * time.Millisecond, 10 * time.Second
	// connectPatience is how long a connection may take to come about.
	connectPatience = 5 * time.Second
	// lasting is how long a link lives for the next failure to be the first again.
	lasting = 10 * time.Second
	// retold is how often it is logged that a peer can't be reached.
	retold = 10 * time.Minute
)

// errNowhere: nobody said where the peer is.
var errNowhere = errors.New("its address is not known")

// dial is the wish for a link to a peer: a goroutine tries until one is up, or it is called off.
type dial struct {
	peer   messages.NodeID
	cancel context.CancelFunc
	// soon ends a pause.
	soon chan struct{}
	// toldAt is when it was logged that it fails. The loop's.
	toldAt time.Time
	// shaking: the peer has taken the connection; until the loop hears what came of it.
	shaking atomic.Bool
	// rival is the peer's own call, which came through meanwhile: it waits for how this one ends. The loop's.
	rival *link.Conn
	// random draws the pauses.
	random *rand.Rand
}

// hurry ends a pause.
func (d *dial) hurry() {
	select {
	case d.soon <- struct{}{}:
	default:
	}
}

// dial begins to call a peer.
func (l *loop) dial(id messages.NodeID) {
	if id == l.cfg.Node || l.links[id] != nil || l.leaving || l.banned(id) {
		return
	}
	if d := l.dials[id]; d != nil {
		return
	}
	ctx, cancel := context.WithCancel(l.network)
	d := &dial{peer: id, cancel: cancel, soon: make(chan struct{}, 1), random: l.fork()}
	l.dials[id] = d
	tries := l.tries[id]
	l.spawn("dial", func() {
		defer cancel()
		l.calling(ctx, d, tries)
	})
}

// hangUp calls a dial off.
func (l *loop) hangUp(id messages.NodeID) {
	if d := l.dials[id]; d != nil {
		d.cancel()
		d.keep(nil)
		delete(l.dials, id)
	}
}

// calling tries until a connection is there. It begins with a pause where the tries before brought no link that lasted.
func (l *loop) calling(ctx context.Context, d *dial, tries int) {
	for pause := tries > 0; ; pause = true {
		if pause && !wait(ctx, d.soon, pauseAfter(tries, d.random)) {
			return
		}
		conn, err := l.connect(ctx, d)
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		if err == nil {
			if !l.callBy(ctx, func() { l.dialed(d, conn) }) {
				_ = conn.Close()
			}
			return
		}
		tries++
		if !l.callBy(ctx, func() { l.unreached(d, tries, err) }) {
			return
		}
	}
}

// forgetTries forgets those that led to a link that lasts, and those to nodes that are not known any more.
func (l *loop) forgetTries() {
	places := *l.places.Load()
	for id := range l.tries {
		p, dialed := l.links[id], l.dials[id] != nil
		if _, known := places[id]; p != nil && time.Since(p.upAt) >= lasting || p == nil && !dialed && !known {
			delete(l.tries, id)
		}
	}
}

// pauseAfter is the pause after a number of failures, half to one and a half of it by chance.
func pauseAfter(tries int, random *rand.Rand) time.Duration {
	pause := min(pauseFirst<<min(max(tries-1, 0), 10), pauseMost)
	return pause/2 + time.Duration(random.Int64N(int64(pause)))
}

// wait waits, unless it is called earlier; false is that ctx has ended.
func wait(ctx context.Context, soon <-chan struct{}, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-soon:
	case <-ctx.Done():
		return false
	}
	return true
}

// connect makes one try.
func (l *loop) connect(ctx context.Context, d *dial) (*link.Conn, error) {
	at, ok := (*l.places.Load())[d.peer]
	if !ok {
		return nil, errNowhere
	}
	dialing, cancel := context.WithTimeout(ctx, connectPatience)
	defer cancel()
	raw, err := l.open.DialStream(dialing, at)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", at, err)
	}
	d.shaking.Store(true)
	return l.endpoint.Dial(ctx, raw, d.peer)
}

// dialed takes what came of a dial.
func (l *loop) dialed(d *dial, conn *link.Conn) {
	if l.dials[d.peer] != d { // it was called off meanwhile
		_ = conn.Close()
		return
	}
	delete(l.dials, d.peer)
	d.keep(nil)
	l.admit(conn)
}

// crosses tells whether a link that came in is the other of two that both ends call for at the same time, and this node's is the
// one that is to stay. Then it waits: if both ends took what came in, each would call its own off, and none would be left.
func (l *loop) crosses(conn *link.Conn) bool {
	d := l.dials[conn.Peer]
	if d == nil || conn.Dialed || l.cfg.Node > conn.Peer || !d.shaking.Load() {
		return false
	}
	d.keep(conn)
	return true
}

// keep lets the peer's call wait in place of one before it; nil: none.
func (d *dial) keep(conn *link.Conn) {
	if d.rival != nil {
		_ = d.rival.Close()
	}
	d.rival = conn
}

// unreached notes a try that failed.
func (l *loop) unreached(d *dial, tries int, err error) {
	if l.dials[d.peer] != d {
		return
	}
	d.shaking.Store(false)
	if conn := d.rival; conn != nil {
		d.rival = nil
		l.establish(conn)
		return
	}
	l.tries[d.peer] = tries
	if time.Since(d.toldAt) >= retold {
		d.toldAt = time.Now()
		l.log.Warn("a peer can't be reached, and is tried on", "peer", d.peer, "error", err)
	}
	l.gossip.metrics.failed.WithLabelValues(link.ReasonOf(err).String()).Inc()
	l.unanswered(d.peer)
	if !l.wished[d.peer] { // it was wanted for a question only
		l.hangUp(d.peer)
		return
	}
	l.act(func(now core.Now) { l.core.LinkDown(now, d.peer) })
}
