package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"anode/actors/actor"
	"anode/actors/gossip/core"
	"anode/actors/gossip/link"
	"anode/actors/gossip/member"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire/frame"
)

const (
	// framesQueued is how many frames wait for the loop, of all links together.
	framesQueued = 64
	// burst is how many of them it takes before it looks at anything else.
	burst = 32
	// pulseEvery is how often it looks at what has no event.
	pulseEvery = time.Second
)

// loop is what one incarnation of the actor works with. Its goroutine alone uses what has no word on that.
type loop struct {
	gossip *Gossip
	cfg    *Config
	log    *slog.Logger
	self   *actor.Ref
	core   *core.Core
	start  time.Time
	// random is where the draws of this incarnation come from.
	random *rand.Rand
	// latency is what component tells of.
	latency actor.Latency

	// network is what goes on until the loop has ended; work are the goroutines in it, faults what ended them.
	network context.Context
	close   context.CancelFunc
	work    sync.WaitGroup
	faults  chan error

	endpoint *link.Endpoint
	list     *member.List
	open     Network
	// places is where the members are; any goroutine may read it.
	places atomic.Pointer[map[messages.NodeID]netip.AddrPort]

	mail   *mail
	frames chan input
	calls  chan func()
	chores *chores
	// ended is closed when nothing is taken any more.
	ended chan struct{}

	links  map[messages.NodeID]*peer
	claims claims
	// unended are all links whose end was not told yet, those that gave way included.
	unended map[*peer]bool
	// asked are the open questions of this node, wished the peers that the core wants to be linked to.
	asked  map[uint64]*asked
	wished map[messages.NodeID]bool
	dials  map[messages.NodeID]*dial
	// tries is how often a peer was dialled in a row without a link that lasted.
	tries  map[messages.NodeID]int
	number uint64

	members  []member.Member
	present  *core.Members
	statuses map[messages.NodeID]*heard
	// sent are the versions of this node's ephemeral records that the core has.
	sent map[uint8]uint64
	// told is the last of this node's batches that the core was told of.
	told     messages.Position
	audit    audit
	usurped  usurped
	refusals refusals
	// reborn: it is not the first of this process.
	reborn bool
	// epochSaid is the epoch that members are told.
	epochSaid uint64
	// leaving: nobody is dialled or let in any more. gone is to be closed when all have heard of it, left when memberlist has.
	leaving, left bool
	// retired: no batch is taken any more.
	retired bool
	// refetch has the registry's events fetched; relearn: it was not given all that others decided.
	refetch chan struct{}
	relearn bool
	// metAt is when a peer said first what there is; zero is not yet.
	metAt time.Time
	// bans are who is shut out; shut is who told this node that it is.
	bans    map[messages.NodeID]command.BanView
	shut    shut
	gone    chan struct{}
	pulseAt time.Time
	// apartAt is since when there are peers and no link; zero is not now.
	apartAt time.Time
	outputs []core.Output
}

// newLoop makes a loop that begins with what the journal holds. From here on it gets what is announced.
func newLoop(g *Gossip, self *actor.Ref) (*loop, error) {
	l := &loop{
		gossip: g, cfg: &g.cfg, log: g.cfg.Logger, self: self, start: time.Now(), faults: make(chan error, 8),
		mail: newMail(), frames: make(chan input, framesQueued), calls: make(chan func()), ended: make(chan struct{}), refetch: make(chan struct{}, 1),
		links: make(map[messages.NodeID]*peer), claims: make(claims), unended: make(map[*peer]bool), asked: make(map[uint64]*asked), wished: make(map[messages.NodeID]bool), dials: make(map[messages.NodeID]*dial), tries: make(map[messages.NodeID]int),
		statuses: make(map[messages.NodeID]*heard), sent: make(map[uint8]uint64),
	}
	l.random = g.random()
	l.places.Store(&map[messages.NodeID]netip.AddrPort{})
	l.bans = g.shutOut()
	l.network, l.close = context.WithCancel(context.Background())
	l.chores = newChores(l)
	l.reborn = g.lives.Add(1) > 1
	g.answers.cut()
	g.loop.Store(l)
	made := false
	defer func() {
		if !made { // it failed, or panicked
			g.loop.CompareAndSwap(l, nil)
			l.end()
		}
	}()
	remembered := recall(l.cfg)
	g.beginning.Do(func() { g.began = time.Now() })
	expect := len(l.cfg.Seeds)+len(remembered) > 0
	if !expect || time.Since(g.began) >= meetPatience {
		g.meet()
	}
	if !expect || time.Since(g.began) >= joinPatience {
		g.inform()
	}
	l.begin("meeting", l.wait)
	lines := l.cfg.Journal.Lines()
	l.told = lastOwn(lines[l.cfg.Node], l.cfg.Node, g.epoch.Load())
	var err error
	l.core, err = core.New(core.Config{
		Node: l.cfg.Node, Epoch: g.epoch.Load(), Seed: l.random.Uint64(), Lines: lines,
		Expect: expect, RetentionAge: l.cfg.RetentionAge,
	})
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	if err := l.join(remembered); err != nil {
		return nil, err
	}
	made = true
	return l, nil
}

// fork gives a generator to another goroutine.
func (l *loop) fork() *rand.Rand { return rand.New(rand.NewPCG(l.random.Uint64(), l.random.Uint64())) }

// join opens the mesh port and makes what works on it.
func (l *loop) join(remembered []member.Peer) error {
	open, err := l.cfg.Open()
	if err != nil {
		return fmt.Errorf("gossip: the mesh port: %w", err)
	}
	l.open = open
	mux := link.NewMux(listener{open}, link.MuxConfig{Refused: l.refused, Counters: &l.gossip.counters})
	l.endpoint, err = link.NewEndpoint(link.Config{
		Cluster: l.cfg.Cluster, Key: l.cfg.Key, NodeIDOf: l.cfg.NodeIDOf, Keys: l.cfg.Keys, Hello: l.hello,
		Refused: l.refused, Counters: &l.gossip.counters,
	})
	if err == nil {
		l.list, err = member.New(member.Config{
			Node: l.cfg.Node, Cluster: l.cfg.Cluster, Keys: l.cfg.Keys().Memberlist(), Seeds: l.cfg.Seeds, Advertise: l.cfg.Advertise,
			Meta:       member.Meta{Stage: l.gossip.stageNow(), Epoch: l.gossip.epoch.Load(), Protocol: frame.Version, Name: l.cfg.Name},
			Remembered: remembered, Remember: func(peers []member.Peer) { remember(l.cfg, peers) },
			Clock: l.cfg.Clock, Logger: l.log, Rand: l.fork(),
		}, streamed{open, mux.Streams()})
	}
	if err != nil {
		return errors.Join(fmt.Errorf("gossip: %w", err), open.Close())
	}
	l.begin("mux", mux.Run)
	l.begin("links", func(ctx context.Context) error { return l.endpoint.Listen(ctx, mux.Links(), l.accepted) })
	l.begin("members", l.list.Run)
	l.begin("chores", l.chores.run)
	l.begin("audit", l.auditor)
	l.begin("registry", l.registrar)
	return nil
}

// begin starts a goroutine that works until the loop has ended. That one ends before is a fault.
func (l *loop) begin(name string, work func(context.Context) error) {
	l.spawn(name, func() {
		err := work(l.network)
		if l.network.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended")
		}
		l.fault(fmt.Errorf("%s: %w", name, err))
	})
}

// spawn starts a goroutine for which the loop's end waits. What it panics with ends the loop, not the process.
func (l *loop) spawn(name string, work func()) {
	l.work.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				l.log.Error("a goroutine of gossip panicked", "goroutine", name, "panic", p, "stack", string(debug.Stack()))
				l.fault(fmt.Errorf("%s: panic: %v", name, p))
			}
		}()
		work()
	})
}

// fault ends the loop.
func (l *loop) fault(err error) {
	select {
	case l.faults <- err:
	default: // one is enough
	}
}

// run is the loop.
func (l *loop) run(ctx context.Context) error {
	defer l.end()
	tick := time.NewTimer(0)
	defer tick.Stop()
	events := l.list.Events()
	l.act(func(now core.Now) { l.core.Tick(now) })
	l.catchUp()
	for origin := range l.core.Lines() { // what was given up before, and may not have been told
		l.gaveUp(origin)
	}
	for {
		select {
		case in := <-l.frames:
			l.take(in)
		case <-l.mail.stir:
			l.read()
		case call := <-l.calls:
			call()
		case _, ok := <-events:
			if !ok {
				events = nil
			}
			l.heedMembers()
		case <-tick.C:
			l.act(func(now core.Now) { l.core.Tick(now) })
		case err := <-l.faults:
			return l.gather(err)
		case <-ctx.Done():
			return nil
		}
		if time.Since(l.pulseAt) >= pulseEvery {
			l.pulse()
		}
		tick.Reset(max(0, l.core.Due()-time.Since(l.start)))
	}
}

// meetPatience is how long a node that expects peers waits for the first of them before it answers who asks for the latest.
const meetPatience = 2 * time.Second

const (
	// joinPatience is how long a node that expects peers waits for the first of them, to learn what there is.
	joinPatience = 15 * time.Second
	// informPatience is how long after a peer has said what there is the registry may take to be alike: digests come each second.
	informPatience = 3 * time.Second
)

// wait ends the wait for the first peer. Its time is counted over all incarnations: where none lasts, nobody waits for ever.
func (l *loop) wait(ctx context.Context) error {
	g := l.gossip
	if wait(ctx, nil, meetPatience-time.Since(g.began)) {
		g.meet()
	}
	if wait(ctx, nil, joinPatience-time.Since(g.began)) {
		g.inform()
	}
	<-ctx.Done()
	return nil
}

// gather joins a fault with those that came of it, or of which it came.
func (l *loop) gather(err error) error {
	for {
		select {
		case more := <-l.faults:
			err = errors.Join(err, more)
		case <-time.After(100 * time.Millisecond):
			return err
		}
	}
}

// end gives everything back.
func (l *loop) end() {
	close(l.ended)
	l.close()
	l.claims.clear()
	for id := range l.dials {
		l.hangUp(id)
	}
	for p := range l.unended {
		if !p.ran.Swap(true) { // nobody came to it
			_ = p.link.Conn.Close()
		}
	}
	l.work.Wait()
	if l.core != nil && l.list != nil {
		l.gossip.metrics.take(l.core.Stats(), l.list.Stats(), nil)
	}
	l.refusals.close()
	l.gossip.metrics.end()
}

// call has something done by the loop, and waits for its turn; false is that the loop has ended.
func (l *loop) call(do func()) bool { return l.callBy(context.Background(), do) }

// callBy waits no longer than ctx.
func (l *loop) callBy(ctx context.Context, do func()) bool {
	select {
	case l.calls <- do:
		return true
	case <-l.ended:
	case <-ctx.Done():
	}
	return false
}

// take gives the core frames that came.
func (l *loop) take(in input) {
	for n := 1; ; n++ {
		l.receive(in)
		if n == burst {
			return
		}
		select {
		case in = <-l.frames:
		default:
			return
		}
	}
}

func (l *loop) receive(in input) {
	p := in.from
	if l.links[p.id] != p {
		return // of a link that is down
	}
	switch f := in.frame.(type) {
	case nil:
		l.act(func(now core.Now) { l.core.Heard(now, p.id) })
	case *frame.Push:
		if l.retired { // it is asked for after the next start
			l.act(func(now core.Now) { l.core.Heard(now, p.id) })
			return
		}
		l.act(func(now core.Now) { l.core.Receive(now, p.id, f) })
	case *frame.Bye:
		l.heedBye(p, f)
		l.act(func(now core.Now) { l.core.Receive(now, p.id, f) })
	case *frame.Ask:
		l.act(func(now core.Now) { l.core.Heard(now, p.id) })
		l.answer(p, f)
	case *frame.Answer:
		l.act(func(now core.Now) { l.core.Heard(now, p.id) })
		l.answered(p, f)
	case *frame.Digest:
		l.act(func(now core.Now) { l.core.Receive(now, p.id, f) })
		l.meet()
		l.compared()
		if f.Compare && f.Registry == l.core.RegistryHash() && !l.relearn {
			l.gossip.inform()
		}
	default:
		l.act(func(now core.Now) { l.core.Receive(now, p.id, f) })
	}
}

// meet notes that a peer has said what there is.
func (l *loop) meet() {
	select {
	case <-l.gossip.met:
	default:
		l.tellHeads()
		l.gossip.meet()
	}
	if l.metAt.IsZero() {
		l.metAt = time.Now()
	}
}

// compared notes that a peer said what it holds, and gives readers what is known with that.
func (l *loop) compared() {
	if now := time.Now(); now.Sub(l.gossip.Compared()) >= comparedEvery {
		l.tellHeads()
		l.gossip.comparedAt.Store(now.UnixNano())
	}
}

// comparedEvery is how often at most that is noted.
const comparedEvery = 100 * time.Millisecond

// watchInformed ends the wait for a registry like that of a peer where none will come, or what differs goes on to.
func (l *loop) watchInformed() {
	age := time.Since(l.start)
	tried := age >= meetPatience && len(l.cfg.Seeds) == 0 || age >= apartFor
	first := len(l.others()) == 0 && tried && !missesPeers(l.cfg.Node, l.members, l.list.Problems())
	if first || !l.metAt.IsZero() && time.Since(l.metAt) >= informPatience {
		l.gossip.inform()
	}
}

// tellHeads gives readers the newest places that are known.
func (l *loop) tellHeads() {
	heads := l.core.Heads()
	l.gossip.heads.Store(&heads)
}

// now is the time of an input.
func (l *loop) now() core.Now {
	return core.Now{Mono: time.Since(l.start), Wall: l.cfg.Clock().UnixMilli()}
}

// act gives the core one input, and does what it puts out.
func (l *loop) act(input func(core.Now)) {
	input(l.now())
	for {
		l.outputs = l.core.Take(l.outputs[:0])
		if len(l.outputs) == 0 {
			return
		}
		list := l.outputs
		l.outputs = nil // what is done may act, too
		for i := range list {
			l.do(&list[i])
		}
		clear(list)
		l.outputs = list[:0]
	}
}

// pulse looks at what has no event.
func (l *loop) pulse() {
	l.pulseAt = time.Now()
	l.gossip.metrics.take(l.core.Stats(), l.list.Stats(), l.core.Look())
	l.tellHeads()
	l.watchApart()
	if l.reborn && len(l.links) == 0 {
		l.tellMembers()
	}
	l.watchInformed()
	l.watchShut()
	l.learnAgain()
	l.watchUsurper()
	l.forgetTries()
	l.watchAsked()
	l.gossip.answers.sweep(l.pulseAt)
}

// tellMeta tells the mesh what this node is, and with which epoch it numbers.
func (l *loop) tellMeta() {
	l.epochSaid = l.gossip.epoch.Load()
	l.list.SetMeta(l.gossip.stageNow(), l.epochSaid)
}
