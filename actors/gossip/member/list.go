package member

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// ErrClosed is the error of what is asked of a List that does not run any more, or not yet.
var ErrClosed = errors.New("member: the list does not run")

// List is one node's knowledge of who is in the mesh, and its part in finding that out. It runs once: a new one is
// made to go on after it ended.
type List struct {
	cfg     Config
	network Network
	count   counters
	notices *notices
	meta    atomic.Pointer[Meta]

	members   atomic.Pointer[[]Member]
	conflicts atomic.Pointer[[]Conflict]
	events    chan struct{}
	// changed wakes Run for new metadata, leaving brings it who waits.
	changed chan struct{}
	leaving chan leave
	failed  chan error

	mu     sync.Mutex // guards what follows, and is a leaf
	began  bool
	closed bool
	cancel context.CancelFunc
	ended  chan struct{}
}

// leave is a wish to leave the mesh.
type leave struct {
	timeout time.Duration
	done    chan error
}

// New makes a List, which owns the network from here on. It does no I/O; Run does.
func New(cfg Config, network Network) (*List, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Keys, cfg.Seeds, cfg.Remembered = slices.Clone(cfg.Keys), slices.Clone(cfg.Seeds), slices.Clone(cfg.Remembered)
	if cfg.Rand == nil {
		cfg.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	l := &List{
		cfg: cfg, network: network, notices: newNotices(cfg.Clock),
		events: make(chan struct{}, 1), changed: make(chan struct{}, 1), leaving: make(chan leave), failed: make(chan error, 1),
		ended: make(chan struct{}),
	}
	meta := cfg.Meta
	l.meta.Store(&meta)
	l.members.Store(new([]Member))
	l.conflicts.Store(new([]Conflict))
	return l, nil
}

// Run takes part in the mesh until the context ends or Close is called, and then returns nil. An error means that it
// could not begin, or that the network was closed by somebody else. The mesh finds a node that ends without Leave dead.
func (l *List) Run(ctx context.Context) error {
	ctx, err := l.begin(ctx)
	if err != nil {
		return err
	}
	defer l.end()
	at, err := l.advertise(ctx)
	if err != nil {
		return err
	}
	g, err := newGate(l.cfg.Cluster, l.cfg.Keys)
	if err != nil {
		return fmt.Errorf("member: %w", err)
	}
	t := newTransport(l.network, g, at, &l.count)
	t.stranger, t.fail = l.stranger, l.fail
	box := newMailbox(l.cfg.Node, at, l.cfg.Clock)
	box.say(*l.meta.Load(), l.cfg.Rand.IntN(maxBehind+1))
	conf, err := l.memberlistConfig(t, box)
	if err != nil {
		return fmt.Errorf("member: %w", err)
	}
	list, err := memberlist.Create(conf)
	if err != nil {
		return fmt.Errorf("member: %w", errors.Join(err, t.Shutdown()))
	}
	t.start()
	r := &run{List: l, list: list, transport: t, box: box, table: newTable(l.cfg.Node, l.cfg.Remembered), rejoin: newRejoin(l.cfg.Seeds, l.cfg.Rand), began: l.cfg.Clock()}
	l.cfg.Logger.Info("in the mesh", "cluster", l.cfg.Cluster, "address", at, "sealed", len(l.cfg.Keys) > 0)
	return r.loop(ctx)
}

func (l *List) begin(ctx context.Context) (context.Context, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.began || l.closed {
		return nil, ErrClosed
	}
	l.began = true
	ctx, l.cancel = context.WithCancel(ctx)
	return ctx, nil
}

func (l *List) end() {
	l.cancel()
	_ = l.network.Close() // it may be closed already
	close(l.events)
	close(l.ended)
}

// memberlistConfig is what memberlist is told; tuning.go says why.
func (l *List) memberlistConfig(t *transport, box *mailbox) (*memberlist.Config, error) {
	c := memberlist.DefaultLANConfig()
	c.Name, c.Label, c.Transport, c.Logger = string(l.cfg.Node), l.cfg.Cluster, t, newLog(l.cfg.Logger)
	c.SkipInboundLabelCheck = true // the gate takes it off
	c.AdvertiseAddr, c.AdvertisePort, c.BindPort = t.at.Addr().String(), int(t.at.Port()), int(t.at.Port())
	c.Delegate, c.Events, c.Conflict, c.Merge = box, box, box, box
	c.ProbeInterval, c.ProbeTimeout = probeInterval, probeTimeout
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = suspicionMult, suspicionMaxMult
	c.RetransmitMult = retransmitMult
	c.GossipInterval, c.GossipNodes, c.GossipToTheDeadTime = gossipInterval, gossipNodes, gossipToTheDead
	c.DeadNodeReclaimTime, c.PushPullInterval, c.TCPTimeout = deadReclaim, pushPullInterval, streamTimeout
	c.UDPBufferSize = packetSize
	c.EnableCompression = false // it gains nothing on small packets, and costs much
	if len(l.cfg.Keys) > 0 {
		ring, err := memberlist.NewKeyring(l.cfg.Keys, l.cfg.Keys[0])
		if err != nil {
			return nil, err
		}
		c.Keyring = ring
	}
	return c, nil
}

// Events has a wake-up when Members, Conflicts or Problems changed, one for all that changed before it was taken. It is
// closed when Run has ended.
func (l *List) Events() <-chan struct{} { return l.events }

// Members are all who are known, this node too, by id: those that died or left for a week. The list is shared, and
// must not be changed.
func (l *List) Members() []Member { return *l.members.Load() }

// Conflicts are other nodes with the ids of members, by id, at most 64. The list is shared, and must not be changed.
func (l *List) Conflicts() []Conflict { return *l.conflicts.Load() }

// Problems are what keeps nodes apart: seeds that refuse or, while the node is alone, can't be reached, and strangers
// that were refused, at most one a seed and 16.
func (l *List) Problems() []Problem { return l.notices.problems() }

// Stats is what was counted.
func (l *List) Stats() Stats { return l.count.stats() }

// SetMeta changes what the node says of itself. It does not block; of several changes the last counts.
func (l *List) SetMeta(stage Stage, epoch uint64) {
	l.mu.Lock()
	meta := *l.meta.Load()
	meta.Stage, meta.Epoch = stage, epoch
	l.meta.Store(&meta)
	l.mu.Unlock()
	signal(l.changed)
}

// Leave tells the mesh that the node goes, and waits until that was said to some, or for the timeout (0: 5 s). Run goes on,
// so that peers are answered, but calls nobody any more; Close follows, and waits for it.
func (l *List) Leave(timeout time.Duration) error {
	wish := leave{timeout: timeout, done: make(chan error, 1)}
	l.mu.Lock()
	runs := l.began && !l.closed
	l.mu.Unlock()
	if !runs {
		return ErrClosed
	}
	select {
	case l.leaving <- wish:
	case <-l.ended:
		return ErrClosed
	}
	select {
	case err := <-wish.done:
		return err
	case <-l.ended:
		return ErrClosed
	}
}

// Close ends Run and waits for it. It closes the network.
func (l *List) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	began := l.began
	if began {
		l.cancel()
	}
	l.mu.Unlock()
	if began {
		<-l.ended
		return nil
	}
	if !first {
		return nil
	}
	close(l.events)
	if err := l.network.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("member: %w", err)
	}
	return nil
}

// fail ends Run.
func (l *List) fail(err error) {
	select {
	case l.failed <- err:
	default: // the first one ends it
	}
}

// signal wakes who waits, once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
