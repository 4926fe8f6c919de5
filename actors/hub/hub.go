package hub

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/room"
	"anode/messages/units"
	"anode/storage"
)

// Name is the actor's name in the tree.
const Name = "hub"

// Config is what a Hub needs. Zero numbers mean the defaults.
type Config struct {
	// Node is this node, and Nodes are the URLs that clients may go to, this node's among them; Nodes
	// is required.
	Node  messages.NodeID
	Nodes func() []string
	// Journal is read for what was not announced with its bytes; required.
	Journal storage.Journal
	// Logger is required.
	Logger *slog.Logger
	// Clock is the wall clock; required.
	Clock func() time.Time
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer
	// Loops is one a core.
	Loops int
	// FlushInterval is the pause between two writes to a connection; 0 adapts to load.
	FlushInterval time.Duration
	// QueueBytes is the most that waits for one loop: 16 MiB.
	QueueBytes int
	// Slack is the most frames of a subscription that wait, beyond the message in flight: 64 KiB.
	Slack int
	// SlowBytes is the most that all slow connections together hold of what they don't take, and of what is read
	// for them: 256 MiB. Beyond, those that take nothing for longest are closed.
	SlowBytes int64
	// Patience is how long a connection may take nothing before it is closed: 2 minutes.
	Patience time.Duration
	// Heartbeat is how often an idle subscription hears of its cursor: 15 s.
	Heartbeat time.Duration
	// LatestFrom is how far back an origin that turns up later counts as live: 1 h.
	LatestFrom time.Duration
	// Archived: readers may find elsewhere what the journal lacks. A live feed is not told of what is gone, but read for.
	Archived bool
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	set(&c.Patience, 2*time.Minute)
	set(&c.Heartbeat, 15*time.Second)
	set(&c.LatestFrom, time.Hour)
	if c.Loops <= 0 {
		c.Loops = runtime.GOMAXPROCS(0)
	}
	if c.QueueBytes <= 0 {
		c.QueueBytes = 16 << 20
	}
	if c.SlowBytes <= 0 {
		c.SlowBytes = 256 << 20
	}
	if c.Slack <= 0 {
		c.Slack = 64 << 10
	}
	return c
}

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	return actor.Missing("hub", map[string]bool{"Journal": c.Journal == nil, "Logger": c.Logger == nil, "Clock": c.Clock == nil, "Nodes": c.Nodes == nil})
}

// Hub outlives its actor: what is announced while that is down goes to loops that are empty.
type Hub struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	loops   []*loop
	slow    *room.Room
	seated  atomic.Uint64
	// latency is the actor's.
	latency actor.Latency

	// mu guards where the hub stands, and the order of items; the loops' mutexes are below it.
	mu sync.Mutex
	at map[messages.NodeID]messages.Position
	// kept is the latest of each ephemeral stream.
	kept map[messages.Stream]*item
	// behind are the origins that the walker walks on in, alone; walkOn wakes it.
	behind map[messages.NodeID]*backlog
	walkOn chan struct{}
}

// New makes a hub that stands where the journal does.
func New(cfg Config) (*Hub, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	h := &Hub{
		cfg: cfg, log: cfg.Logger, slow: room.New(cfg.SlowBytes), at: make(map[messages.NodeID]messages.Position), kept: make(map[messages.Stream]*item),
		behind: make(map[messages.NodeID]*backlog), walkOn: make(chan struct{}, 1),
	}
	for i := range cfg.Loops {
		h.loops = append(h.loops, newLoop(h, i))
	}
	var err error
	if h.metrics, err = newMetrics(h, cfg.Registerer); err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	for _, origin := range cfg.Journal.Origins() {
		h.at[origin] = h.stand(origin)
	}
	return h, nil
}

// stand is the highest place of an origin with nothing below it that is still awaited.
func (h *Hub) stand(origin messages.NodeID) messages.Position {
	for _, e := range h.cfg.Journal.Digest()[origin] {
		for _, hole := range e.Holes {
			before := messages.Position{Origin: origin, Epoch: e.Epoch, Sequence: hole.From - 1, Index: messages.IndexEnd}
			if step := h.cfg.Journal.Next(before); step.Kind == messages.StepWait && step.Batch.Epoch == e.Epoch {
				return before
			}
		}
	}
	return h.cfg.Journal.Head(origin)
}

// Announce takes in what was stored, and gives the loops what the reading rule allows. It never waits for the disk:
// where a batch must be read back, the walker goes on.
func (h *Hub) Announce(stored command.Stored) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range stored.Batches {
		b := &stored.Batches[i]
		if b.Late {
			h.late(b)
			continue
		}
		at, met := h.at[b.Origin]
		switch {
		case !met && b.Live:
			h.at[b.Origin] = before(b)
		case !met, at.Compare(b.Position()) >= 0:
			h.push(&item{kind: touched, origin: b.Origin})
			continue
		}
		h.walk(b.Origin, stored.Batches[i:])
		if h.at[b.Origin].Compare(b.Position()) < 0 {
			h.push(&item{kind: touched, origin: b.Origin})
		}
	}
}

// before is where the hub stands in an origin that it meets with a batch.
func before(b *command.StoredBatch) messages.Position {
	switch {
	case b.Sequence > 1:
		return messages.Position{Origin: b.Origin, Epoch: b.Epoch, Sequence: b.Sequence - 1, Index: messages.IndexEnd}
	case !b.Prior.IsZero():
		return b.Prior.BatchEnd()
	default:
		return messages.Position{Origin: b.Origin}
	}
}

// GaveUp walks on over holes that are gone for good.
func (h *Hub) GaveUp(g command.GaveUp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, met := h.at[g.Origin]; met {
		h.walk(g.Origin, nil)
	}
	h.push(&item{kind: touched, origin: g.Origin})
}

// wanted tells whether anybody is subscribed.
func (h *Hub) wanted() bool {
	return slices.ContainsFunc(h.loops, (*loop).wanted)
}

// late tells readers who passed that something turned up behind them. Where the hub is behind, nobody has passed it
// before the walker is through.
func (h *Hub) late(b *command.StoredBatch) {
	g := messages.Gap{Origin: b.Origin, From: before(b), To: b.Position(), Reason: messages.ReasonLate}
	if b.Sequence == 1 {
		g.From = messages.Position{Origin: b.Origin, Epoch: b.Epoch}
	}
	if l := h.behind[b.Origin]; l != nil {
		l.late, l.again = widen(l.late, g), true
		return
	}
	h.pushLate(g)
}

func (h *Hub) pushLate(g messages.Gap) {
	h.push(&item{kind: late, origin: g.Origin, from: g.From, to: g.To, gap: g})
}

// Publish gives an ephemeral record to those who are live now, and keeps it for those who come.
func (h *Hub) Publish(e command.Ephemeral) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Withdrawn {
		delete(h.kept, e.Stream)
		return
	}
	i := &item{kind: ephemeral, stream: e.Stream, json: e.JSON, record: ephemeralRecord(e.JSON), size: len(e.JSON)}
	h.kept[e.Stream] = i
	h.push(i)
}

// latest is what is kept of the streams that match. The loops ask.
func (h *Hub) latest(s *command.Subscription) []*item {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*item
	for stream, i := range h.kept {
		if s.Matches(stream) {
			list = append(list, i)
		}
	}
	return list
}

// push gives every loop an item. mu is held, so that all get the same order.
func (h *Hub) push(i *item) {
	for _, l := range h.loops {
		l.push(i)
	}
}

// Open gives a connection a seat, in the loop with the fewest.
func (h *Hub) Open(outlet command.Outlet, remote string) command.Seat {
	best := h.loops[0]
	for _, l := range h.loops[1:] {
		if l.count.Load() < best.count.Load() {
			best = l
		}
	}
	return best.open(outlet, remote)
}

// Canary waits until something went round every loop.
func (h *Hub) Canary(ctx context.Context) error {
	round := make(chan struct{}, len(h.loops))
	for _, l := range h.loops {
		if !l.do(func() { round <- struct{}{} }) {
			return fmt.Errorf("%w: a loop of the hub is down", command.ErrUnavailable)
		}
	}
	for range h.loops {
		select {
		case <-round:
		case <-ctx.Done():
			return fmt.Errorf("%w: nothing came round the hub in time", command.ErrUnavailable)
		}
	}
	return nil
}

// Spec says how the hub's actor is made: it runs the loops and the walker.
func (h *Hub) Spec() actor.Spec {
	return actor.Spec{Name: Name, New: func() actor.Actor { return &hubActor{hub: h} }, Backoff: actor.Backoff{Min: 10 * time.Millisecond, Max: time.Second}}
}

type hubActor struct{ hub *Hub }

// Started implements actor.Starter.
func (a *hubActor) Started(ctx *actor.Context) error {
	for i, l := range a.hub.loops {
		l.begin() // here, so that who speaks to the actor next finds all loops
		ctx.Go(fmt.Sprintf("loop %d", i), l.run)
	}
	ctx.Go("walker", a.hub.runWalker)
	return nil
}

// Receive implements actor.Actor.
func (a *hubActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case command.Component:
		actor.Answer(ctx, m, a.hub.view(), nil)
	case command.Subscribers:
		answer := ctx.Later()
		ctx.Go("subscribers", func(life context.Context) error {
			answer(a.hub.subscribers(life))
			return nil
		})
	case command.Canary:
		answer := ctx.Later()
		ctx.Go("canary", func(life context.Context) error {
			life, cancel := context.WithTimeout(life, 5*time.Second)
			defer cancel()
			answer(struct{}{}, a.hub.Canary(life))
			return nil
		})
	}
}

// subscribers collects the sessions of all loops.
func (h *Hub) subscribers(ctx context.Context) (any, error) {
	views := []command.SubscriberView{}
	for _, l := range h.loops {
		part := make(chan []command.SubscriberView, 1)
		l.do(func() {
			list := make([]command.SubscriberView, 0, len(l.seats))
			for s := range l.seats {
				list = append(list, s.view())
			}
			part <- list
		})
		select {
		case list := <-part:
			views = append(views, list...)
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: the hub is stopping", command.ErrUnavailable)
		}
	}
	return views, nil
}

func (h *Hub) view() command.ComponentView {
	v := command.ComponentView{Name: Name, State: command.StateOK, Figures: map[string]float64{}}
	var queued, seats, busy float64
	for _, l := range h.loops {
		queued += float64(l.waiting())
		seats += float64(l.count.Load())
		busy = max(busy, float64(l.load.Load())/1000)
	}
	v.Figures["queued"], v.Figures["sessions"], v.Figures["load"] = queued, seats, busy
	v.Figures["records_out"] = actor.Count(h.metrics.out)
	h.latency.Add(v.Figures, "delivery", h.metrics.delivery, h.cfg.Clock())
	v.Detail = fmt.Sprintf("%s, %s, the busiest loop works %.0f %% of the time", units.Count(len(h.loops), "loop"), units.Count(int(seats), "session"), busy*100)
	if busy > 0.95 {
		v.State = command.StateDegraded
		v.Detail += ": subscribers may fall behind"
	}
	return v
}
