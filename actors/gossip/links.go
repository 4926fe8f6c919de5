package gossip

import (
	"context"
	"errors"
	"time"

	"anode/actors/gossip/core"
	"anode/actors/gossip/link"
	"anode/messages"
	"anode/messages/wire/frame"
)

const (
	// rivalry is for how long after a link came up another one may have been made at the same time: a handshake's patience.
	rivalry = link.DefaultHandshake
	// mostClaims is how many newcomers wait for the core's judgement.
	mostClaims = 16
)

// accepted takes a link that a peer dialled. It is called by many.
func (l *loop) accepted(conn *link.Conn) {
	if !l.call(func() { l.admit(conn) }) {
		_ = conn.Close()
	}
}

// verdict is what is to be done with a newcomer to whose name a link is up.
type verdict uint8

const (
	// keep the old link, change to the new one, or judge by whether the old one's end lives.
	keep verdict = iota
	change
	judge
)

// rival is one of two links to one name.
type rival struct {
	// dialed: this node dialled it. epoch is what the peer numbers with.
	dialed bool
	epoch  uint64
}

// decide judges of two links to a peer, of which the old one is up for a time. Those that a pair made at the same time are
// told apart by who dialled: both ends choose the same.
func decide(self, peer messages.NodeID, old, fresh rival, age time.Duration) verdict {
	switch {
	case old.epoch != fresh.epoch || age >= rivalry:
		return judge
	case old.dialed == fresh.dialed:
		return judge
	case fresh.dialed == (self < peer):
		return change
	}
	return keep
}

// admit takes a connection whose ends have proven themselves.
func (l *loop) admit(conn *link.Conn) {
	if l.leaving {
		_ = conn.Close()
		return
	}
	if l.banned(conn.Peer) {
		l.log.Debug("a banned node was turned away", "peer", conn.Peer, "remote", conn.Remote())
		l.gossip.metrics.banned.Inc()
		l.sendAway(conn, banned)
		return
	}
	old := l.links[conn.Peer]
	if old == nil {
		if !l.crosses(conn) {
			l.establish(conn)
		}
		return
	}
	verdict := decide(l.cfg.Node, conn.Peer, rival{old.dialed, old.hello.Epoch}, rival{conn.Dialed, conn.Hello.Epoch}, time.Since(old.upAt))
	switch {
	case old.closing != "": // its place is free in a moment
		verdict = judge
	case verdict == keep:
		_ = conn.Close()
	case verdict == change:
		old.link.Close("the other of two links stays")
		if third := l.claims.take(conn.Peer); third != nil { // it claimed the place of a link that is gone
			_ = third.Close()
		}
		l.lose(old)
		l.establish(conn)
		return
	}
	if verdict != judge {
		return
	}
	if l.claims.put(conn) && old.closing == "" {
		l.log.Info("another link claims to be a peer's: the old one is asked whether it lives", "peer", conn.Peer, "remote", conn.Remote())
		l.act(func(now core.Now) { l.core.Claim(now, conn.Peer) })
	}
}

// establish brings a link up.
func (l *loop) establish(conn *link.Conn) {
	l.hangUp(conn.Peer)
	l.number++
	p := &peer{loop: l, id: conn.Peer, hello: conn.Hello, dialed: conn.Dialed, upAt: time.Now(), number: l.number}
	p.link = link.New(conn, p)
	l.links[p.id] = p
	l.tries[p.id]++
	if !l.self.Tell(linked{p}) {
		l.log.Error("a link can't be run: the mailbox is full", "peer", p.id)
		_ = conn.Close()
		l.lose(p)
		l.reach(p.id)
		return
	}
	l.unended[p] = true
	l.log.Info("linked", "peer", p.id, "name", p.hello.Name, "remote", conn.Remote(), "dialed", p.dialed)
	l.greeted(p)
	l.renode()
	l.tellMembers()
	l.act(func(now core.Now) { l.core.LinkUp(now, p.id, p.hello) })
	l.askOn(p)
}

// lose takes a link out, and tells the core.
func (l *loop) lose(p *peer) {
	delete(l.links, p.id)
	l.cutOff(p)
	l.gossip.answers.lost(p)
	l.act(func(now core.Now) { l.core.LinkDown(now, p.id) })
}

// down notes that a link has ended, and lets in who waited for its place.
func (l *loop) down(p *peer, err error) {
	delete(l.unended, p)
	l.self.Tell(ended{p}) // the child has ended with or without it
	if l.links[p.id] != p {
		return
	}
	switch {
	case p.said != "":
		l.log.Info("link closed by the peer", "peer", p.id, "reason", p.said)
	case l.leaving, errors.Is(err, link.ErrClosed):
		l.log.Info("link closed", "peer", p.id, "reason", p.closing)
	default:
		l.log.Warn("link lost", "peer", p.id, "error", err, "lasted", time.Since(p.upAt).Round(time.Millisecond))
	}
	switch {
	case p.said == farewell: // it answers for a moment more
		l.tries[p.id] = 2
	case time.Since(p.upAt) >= lasting:
		delete(l.tries, p.id)
	}
	l.lose(p)
	l.renode()
	l.tellMembers()
	l.parted()
	if conn := l.claims.take(p.id); conn != nil {
		l.admit(conn)
	}
	l.reach(p.id)
}

// refuse sends away who claims to be a peer that lives.
func (l *loop) refuse(id messages.NodeID, reason string) {
	conn := l.claims.take(id)
	if conn == nil {
		return
	}
	l.log.Warn("a newcomer was refused: the node that it says to be is linked, and answers", "peer", id, "remote", conn.Remote())
	l.gossip.metrics.claims.Inc()
	l.sendAway(conn, reason)
}

// sendAway tells a newcomer why it is none.
func (l *loop) sendAway(conn *link.Conn, reason string) {
	goodbye := link.New(conn, deaf{})
	goodbye.Send(&frame.Bye{Reason: reason}, link.Control)
	goodbye.Close(reason)
	l.spawn("goodbye", func() { _ = goodbye.Run(l.network) }) // it ends within a Farewell, with nothing to say
}

// deaf hears nothing.
type deaf struct{}

func (deaf) Frame(frame.Frame) {}
func (deaf) Heard()            {}
func (deaf) Queued(int)        {}

// claims are newcomers that wait until the core has judged, one to a name: the newest.
type claims map[messages.NodeID]*link.Conn

// put lets one wait; false is that there are too many.
func (c claims) put(conn *link.Conn) bool {
	if old := c[conn.Peer]; old != nil {
		_ = old.Close()
	} else if len(c) >= mostClaims {
		_ = conn.Close()
		return false
	}
	c[conn.Peer] = conn
	return true
}

func (c claims) take(id messages.NodeID) *link.Conn {
	conn := c[id]
	delete(c, id)
	return conn
}

func (c claims) clear() {
	for _, conn := range c {
		_ = conn.Close()
	}
	clear(c)
}

// hello is what the node says of itself to a peer. Handshakes call it.
func (l *loop) hello(ctx context.Context, to messages.NodeID) (frame.Hello, error) {
	said := make(chan frame.Hello, 1)
	if !l.callBy(ctx, func() {
		h := l.core.Hello(to)
		h.Name, h.HTTP = l.cfg.Name, l.cfg.HTTP
		if at, ok := (*l.places.Load())[l.cfg.Node]; ok {
			h.Mesh = at.String()
		}
		said <- h
	}) {
		return frame.Hello{}, errors.Join(errors.New("gossip is stopping"), context.Cause(ctx))
	}
	select {
	case h := <-said:
		return h, nil
	case <-l.ended:
		return frame.Hello{}, errors.New("gossip is stopping")
	}
}
