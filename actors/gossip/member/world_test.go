package member_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"anode/actors/gossip/member"
	"anode/messages"
	"anode/testkit/racing"
)

// TestMain looks for goroutines that don't end. memberlist's may wait for an answer for some seconds still.
func TestMain(m *testing.M) {
	const of = "github.com/hashicorp/memberlist.(*Memberlist)."
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(of+"probeNode"), goleak.IgnoreAnyFunction(of+"handleIndirectPing.func2"), goleak.IgnoreAnyFunction(of+"sendPingAndWaitForAck"))
}

// inBubble runs a test in virtual time. Under the race detector it is skipped: there the runtime itself has died, in a timer
// of memberlist's in a bubble (SIGSEGV in runtime.(*timer).maybeRunChan, go1.26.8). What uses real sockets runs.
func inBubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if racing.Enabled {
		t.Skip("the runtime dies of memberlist's timers in virtual time")
	}
	synctest.Test(t, test)
}

// world are nodes on a fabric, in a bubble of virtual time.
type world struct {
	t     *testing.T
	net   *fabric
	nodes []*node
}

type node struct {
	*member.List
	id    messages.NodeID
	addr  string
	ended chan error

	mu     sync.Mutex
	stored []member.Peer
}

// inWorld runs a test in virtual time, and gives all that memberlist began the minute that it needs to end.
func inWorld(t *testing.T, test func(w *world)) {
	inBubble(t, func(t *testing.T) {
		w := &world{t: t, net: newFabric()}
		defer func() {
			for _, n := range w.nodes {
				w.kill(n)
			}
			time.Sleep(time.Minute)
		}()
		test(w)
	})
}

var key, otherKey = []byte("0123456789abcdef0123456789abcdef"), []byte("another secret of thirty-two byt")

func config(id string) member.Config {
	return member.Config{
		Node: messages.NodeID(id), Cluster: "test", Keys: [][]byte{key}, Meta: member.Meta{Stage: member.Active, Epoch: 1, Protocol: 1, Name: "node " + id},
		Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
	}
}

// start starts a node at an address; change may change what it begins with.
func (w *world) start(id, addr string, change func(*member.Config)) *node {
	w.t.Helper()
	n := &node{id: messages.NodeID(id), addr: addr, ended: make(chan error, 1)}
	cfg := config(id)
	cfg.Remember = func(peers []member.Peer) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.stored = peers
	}
	if change != nil {
		change(&cfg)
	}
	list, err := member.New(cfg, w.net.host(addr))
	if err != nil {
		w.t.Fatal(err)
	}
	n.List = list
	w.nodes = append(w.nodes, n)
	go func() { n.ended <- list.Run(context.Background()) }()
	return n
}

// mesh starts some nodes, the first of which is the seed of the others, and waits until all know all.
func (w *world) mesh(count int) {
	w.t.Helper()
	for i := range count {
		w.start(fmt.Sprintf("n%02d", i), ip(i), func(c *member.Config) {
			if i > 0 {
				c.Seeds = []string{ip(0)}
			}
		})
	}
	w.within(time.Minute, "all join", w.allKnowAll)
}

func ip(i int) string { return fmt.Sprintf("10.0.0.%d:7946", i+1) }

// kill ends a node without a word.
func (w *world) kill(n *node) {
	w.t.Helper()
	if !slices.Contains(w.nodes, n) {
		return
	}
	if err := n.Close(); err != nil {
		w.t.Error(err)
	}
	if err := <-n.ended; err != nil && !errors.Is(err, member.ErrClosed) {
		w.t.Error(err)
	}
	w.nodes = slices.DeleteFunc(slices.Clone(w.nodes), func(o *node) bool { return o == n })
}

// within waits in virtual time until something is so, and tells how long it took.
func (w *world) within(most time.Duration, what string, is func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > most {
			w.t.Fatalf("not within %s: %s\n%s", most, what, w.views())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

func (w *world) views() (text string) {
	for _, n := range w.nodes {
		text += fmt.Sprintf("%s:", n.id)
		for _, m := range n.Members() {
			text += fmt.Sprintf(" %s %s %s,", m.ID, m.State, m.Addr)
		}
		text += fmt.Sprintf(" %v\n", n.Problems())
	}
	return text
}

// state is how a node sees another.
func (n *node) state(id messages.NodeID) member.State { return n.member(id).State }

func (n *node) member(id messages.NodeID) member.Member {
	for _, m := range n.Members() {
		if m.ID == id {
			return m
		}
	}
	return member.Member{}
}

func (w *world) allKnowAll() bool { return know(w.nodes...) }

// know tells whether all of some nodes see all of them alive, each at its address.
func know(nodes ...*node) bool {
	at := make(map[messages.NodeID]string)
	for _, n := range nodes {
		at[n.id] = n.addr
	}
	for _, n := range nodes {
		known := 0
		for _, m := range n.Members() {
			if m.State == member.Alive && m.Addr.String() == at[m.ID] {
				known++
			}
		}
		if known < len(at) {
			return false
		}
	}
	return true
}

// allSee tells whether all others see a node in a state.
func (w *world) allSee(id messages.NodeID, state member.State) bool {
	for _, n := range w.nodes {
		if n.id != id && n.state(id) != state {
			return false
		}
	}
	return true
}

// lockedText is a log that is written by many.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
