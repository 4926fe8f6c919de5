package journal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/units"
	"anode/messages/wire"
	"anode/storage"
)

// Name is the actor's name in the tree.
const Name = "journal"

// callsQueued is how many questions may wait for the writer; more are refused.
const callsQueued = 256

// Spec says how the journal actor is made. The inbox belongs to it, and outlives it.
func Spec(cfg Config, inbox *Inbox) (actor.Spec, error) {
	if err := cfg.Validate(); err != nil {
		return actor.Spec{}, fmt.Errorf("journal actor: %w", err)
	}
	cfg = cfg.withDefaults()
	m, err := newMetrics(cfg.Registerer, inbox, cfg.Journal)
	if err != nil {
		return actor.Spec{}, fmt.Errorf("journal actor: %w", err)
	}
	return actor.Spec{
		Name:    Name,
		New:     func() actor.Actor { return &journalActor{cfg: cfg, inbox: inbox, metrics: m} },
		Backoff: actor.Backoff{Min: 10 * time.Millisecond, Max: time.Second},
	}, nil
}

// journalActor is one incarnation: it owns a writer, a syncer and a keeper.
type journalActor struct {
	cfg     Config
	inbox   *Inbox
	metrics *metrics
	calls   chan call
}

// Started implements actor.Starter.
func (j *journalActor) Started(ctx *actor.Context) error {
	j.calls = make(chan call, callsQueued)
	groups := make(chan written, 64)
	w := &writer{
		cfg: j.cfg, inbox: j.inbox, metrics: j.metrics, calls: j.calls, written: groups,
		number: recall(j.cfg), known: newRecogniser(j.cfg.Window, j.cfg.MostIdentities),
	}
	s := &syncer{
		durability: j.cfg.Durability, journal: j.cfg.Journal, inbox: j.inbox, metrics: j.metrics, log: j.cfg.Logger,
		every: j.cfg.SyncEvery, lazy: j.cfg.LazySync, written: groups,
		ended: make(chan struct{}),
	}
	k := &keeper{cfg: j.cfg, log: j.cfg.Logger, wrong: make(map[string]bool)}
	ctx.Go("writer", func(life context.Context) error {
		defer j.refuse()
		w.known.fill(j.cfg)
		j.inbox.wake() // what was taken in before
		j.inbox.remotes.wake()
		w.run(life)
		return nil
	})
	ctx.Go("syncer", func(life context.Context) error { s.run(life); return nil })
	ctx.Go("sweeper", func(context.Context) error { s.sweep(); return nil })
	ctx.Go("keeper", func(life context.Context) error { k.run(life); return nil })
	return nil
}

// refuse answers the questions that nobody will come to.
func (j *journalActor) refuse() {
	for {
		select {
		case c := <-j.calls:
			c.answer(nil, fmt.Errorf("%w: the journal is stopping", command.ErrUnavailable))
		default:
			return
		}
	}
}

// Receive implements actor.Actor.
func (j *journalActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case command.Store:
		j.call(ctx, call{store: &m})
	case command.Probe:
		j.call(ctx, call{})
	case command.Component:
		actor.Answer(ctx, m, j.view(), nil)
	}
}

func (j *journalActor) call(ctx *actor.Context, c call) {
	c.answer = ctx.Later()
	select {
	case j.calls <- c:
	default:
		c.answer(nil, fmt.Errorf("%w: the journal is busy", command.ErrUnavailable))
	}
}

// view says how the journal is.
func (j *journalActor) view() command.ComponentView {
	stats := j.cfg.Journal.Stats()
	_, waiting := j.inbox.pending()
	v := command.ComponentView{Name: Name, State: command.StateOK, Figures: map[string]float64{
		"records": float64(stats.Records), "batches": float64(stats.Batches), "bytes": float64(stats.Bytes),
		"budget_bytes": float64(stats.Budget), "segments": float64(stats.Segments), "damaged": float64(stats.Damaged),
		"torn": float64(stats.Torn), "rewritten": float64(stats.Rewritten), "forks": float64(stats.Forks),
		"queued_bytes": float64(waiting), "records_in": actor.Count(j.metrics.in),
	}}
	if stats.FreeDisk >= 0 {
		v.Figures["free_disk_bytes"] = float64(stats.FreeDisk)
	}
	switch {
	case stats.Refused != "":
		v.State, v.Detail = command.StateFailed, stats.Refused
	case stats.Full != "":
		v.State, v.Detail = command.StateDegraded, stats.Full
	case stats.Damaged > 0:
		v.State, v.Detail = command.StateDegraded, units.Count(stats.Damaged, "batch")+" failed the checksum and can't be served"
	case stats.Note != "":
		v.State, v.Detail = command.StateDegraded, stats.Note
	default:
		v.Detail = fmt.Sprintf("%s in %s, durability %s", units.Count(stats.Records, "record"), units.Count(stats.Segments, "segment"), j.cfg.Durability)
	}
	return v
}

// recall finds where this node's numbers go on.
func recall(cfg Config) numberer {
	n := numberer{sealer: wire.NewSealer(cfg.Codec), next: wire.Place{BatchID: messages.BatchID{Origin: cfg.Self, Epoch: cfg.Epoch, Sequence: 1}}}
	switch head := cfg.Journal.Head(cfg.Self); {
	case head.Epoch == cfg.Epoch:
		n.next.Sequence = head.Sequence + 1
		n.next.Previous = cfg.Journal.HeadHash(cfg.Self, cfg.Epoch)
	case head.Sequence > 0:
		n.next.Prior = head
	}
	for _, e := range cfg.Journal.Digest()[cfg.Self] {
		n.last = max(n.last, e.HeadHLC)
	}
	if ahead := n.last.Time().Sub(cfg.Clock()); ahead > messages.MaxClockLead {
		cfg.Logger.Warn("the journal's last time is far ahead of the clock: numbering begins from now", "ahead", ahead)
		n.last = 0
	}
	return n
}

// fill learns what was published within the window.
func (r *recogniser) fill(cfg Config) {
	published := ""
	var known []storage.IdentityAt
	for at, err := range cfg.Journal.Identities(cfg.Clock().Add(-r.window).UnixMilli(), &published) {
		if err != nil { // the rest is still given
			cfg.Logger.Error("identities of published records can't be read: their duplicates are not recognised", "error", err)
			continue
		}
		known = append(known, at)
	}
	slices.SortFunc(known, func(a, b storage.IdentityAt) int { return cmp.Compare(a.Ms, b.Ms) })
	for _, at := range known {
		r.learn(at.Identity, at.Ms)
	}
}
