package gossip_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anode/actors/gossip"
	"anode/messages"
)

// Each of two nodes calls the other. The link that gives way is the first to stand, at one end, and a question goes over it: it is answered
// over the one that stays.
func TestAQuestionOverTheLinkThatGivesWayIsAnswered(t *testing.T) {
	lower, upper := newGossiper(t, nil), newGossiper(t, nil)
	if lower.id > upper.id {
		lower, upper = upper, lower
	}
	called, asked := make(chan struct{}), make(chan struct{})
	hold := &tuned{Network: lower.first, to: upper.addr, begins: func() {
		close(called)
		select {
		case <-asked:
		case <-time.After(4 * time.Second): // a handshake's patience is longer
			t.Error("nothing was asked")
		}
	}}
	wait := &tuned{Network: upper.first, to: lower.addr, begins: func() {
		select {
		case <-called:
		case <-time.After(4 * time.Second):
			t.Error("the upper one is not called")
		}
	}}
	lower.first, upper.first = hold, wait
	lower.start()
	upper.start(lower.addr)
	await(t, "the upper one has a link", func() bool { return upper.linked() == 1 })
	if lower.linked() != 0 {
		t.Fatal("the lower one has taken the call that gives way")
	}
	told := make(chan error, 1)
	go func() { told <- upper.Ask(t.Context(), lower.id, []byte("?"), func([]byte) error { return nil }) }()
	await(t, "it was asked", func() bool { return upper.Asked() == 1 })
	close(asked)
	must(t, <-told)
	if lower.linked() != 1 {
		t.Error("the lower one has no link")
	}
}

// A link is lost while a question is answered, or its answer is on the way: it is asked again over the next one, answered whole, and what was
// asked is done once.
func TestAQuestionWhoseLinkIsLostIsAskedAgainAndDoneOnce(t *testing.T) {
	for name, early := range map[string]bool{"while it is answered": false, "with the answer on its way": true} {
		t.Run(name, func(t *testing.T) {
			var runs atomic.Int32
			begun, cut := make(chan struct{}), make(chan struct{})
			answer := func(_ context.Context, _ messages.NodeID, _ []byte, reply func([]byte) error) []byte {
				if runs.Add(1) == 1 {
					close(begun)
				}
				if !early {
					<-cut
				}
				for i := range 3 {
					if err := reply(fmt.Appendf(nil, "%d", i)); err != nil {
						return nil
					}
				}
				return []byte("end")
			}
			var nets [2]*tuned
			var pair [2]*gossiper
			for i := range pair {
				g := newGossiper(t, func(c *gossip.Config) { c.Answer = answer })
				nets[i] = &tuned{Network: g.first}
				g.first, pair[i] = nets[i], g
			}
			a, b := pair[0], pair[1]
			a.start()
			b.start(a.addr)
			await(t, "they are linked", func() bool { return a.linked() == 1 && b.linked() == 1 })
			nets[1].mute(early)
			var parts []string
			told := make(chan error, 1)
			go func() {
				told <- a.Ask(t.Context(), b.id, []byte("do it"), func(part []byte) error {
					parts = append(parts, string(part))
					return nil
				})
			}()
			<-begun
			if early {
				await(t, "it was answered", func() bool { return b.Answering() == 0 })
			}
			nets[1].mute(false)
			nets[0].cut()
			await(t, "the link is lost", func() bool { return a.Asked() == 0 })
			close(cut)
			must(t, <-told)
			if got := strings.Join(parts, " "); got != "0 1 2 end" || runs.Load() != 1 {
				t.Errorf("%q, done %d times", got, runs.Load())
			}
		})
	}
}

// Of what a peer has begun to say parts may be lost: it is not asked for again as if nothing had come.
func TestAnAnswerOfWhichSomeCameEndsWithItsLink(t *testing.T) {
	var runs atomic.Int32
	var nets [2]*tuned
	var pair [2]*gossiper
	for i := range pair {
		g := newGossiper(t, func(c *gossip.Config) {
			c.Answer = func(ctx context.Context, _ messages.NodeID, _ []byte, reply func([]byte) error) []byte {
				runs.Add(1)
				_ = reply([]byte("the first part"))
				<-ctx.Done()
				return nil
			}
		})
		nets[i] = &tuned{Network: g.first}
		g.first, pair[i] = nets[i], g
	}
	a, b := pair[0], pair[1]
	a.start()
	b.start(a.addr)
	await(t, "they are linked", func() bool { return a.linked() == 1 && b.linked() == 1 })
	err := a.Ask(t.Context(), b.id, []byte("?"), func([]byte) error {
		go nets[0].cut()
		return nil
	})
	if !errors.Is(err, gossip.ErrSilent) || runs.Load() != 1 {
		t.Errorf("%v, %d times", err, runs.Load())
	}
}

// tuned is a network whose links can be held when they begin, silenced, and cut.
type tuned struct {
	gossip.Network
	// to is the address of which a call is held until begins returns.
	to     string
	begins func()

	mu    sync.Mutex
	muted bool
	conns []*tunedConn
}

func (n *tuned) DialStream(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	c, err := n.Network.DialStream(ctx, to)
	if err != nil {
		return nil, err
	}
	conn := n.tune(c)
	if to.String() == n.to {
		conn.begins = n.begins
	}
	return conn, nil
}

func (n *tuned) AcceptStream() (net.Conn, error) {
	c, err := n.Network.AcceptStream()
	if err != nil {
		return nil, err
	}
	return n.tune(c), nil
}

func (n *tuned) tune(c net.Conn) *tunedConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	conn := &tunedConn{Conn: c, net: n}
	n.conns = append(n.conns, conn)
	return conn
}

// mute has what is written go nowhere, on all that there are now.
func (n *tuned) mute(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.muted = on
}

// cut closes all that there are now.
func (n *tuned) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Conn.Close()
	}
	n.conns = nil
}

type tunedConn struct {
	net.Conn
	net    *tuned
	begins func()
}

func (c *tunedConn) Write(b []byte) (int, error) {
	const handshake = 0x16 // of TLS, which memberlist does not speak
	if begins := c.begins; begins != nil && b[0] == handshake {
		c.begins = nil
		begins()
	}
	c.net.mu.Lock()
	muted := c.net.muted
	c.net.mu.Unlock()
	if muted {
		return len(b), nil
	}
	return c.Conn.Write(b)
}
