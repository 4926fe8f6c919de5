package journal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"anode/actors/actor"
	"anode/messages/command"
	"anode/messages/units"
	"anode/messages/wire"
	"anode/storage"
)

// Name is the actor's name in the tree.
const Name = "journal"

// probesQueued is how many probes may wait for the writer; more are refused.
const probesQueued = 256

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
	probes  chan probe
}

// Started implements actor.Starter.
func (j *journalActor) Started(ctx *actor.Context) error {
	j.probes = make(chan probe, probesQueued)
	groups := make(chan written, 64)
	w := &writer{
		cfg: j.cfg, inbox: j.inbox, metrics: j.metrics, probes: j.probes, written: groups,
		number: recall(j.cfg, &j.inbox.moves), known: newRecogniser(j.cfg.Window, j.cfg.MostIdentities),
	}
	s := &syncer{
		durability: j.cfg.Durability, journal: j.cfg.Journal, inbox: j.inbox, metrics: j.metrics, log: j.cfg.Logger,
		every: j.cfg.SyncEvery, lazy: j.cfg.LazySync, written: groups,
		ended: make(chan struct{}),
	}
	if j.cfg.Ack == AckPeer {
		j.inbox.covers.begin(recent(j.cfg))
		confirm := make(chan written, 64)
		s.confirm = confirm
		c := &confirmer{
			inbox: j.inbox, metrics: j.metrics, log: j.cfg.Logger, patience: j.cfg.CoverPatience, synced: confirm,
			ended: make(chan struct{}),
		}
		ctx.Go("confirmer", func(life context.Context) error { c.run(life); return nil })
		ctx.Go("confirmed", func(context.Context) error { c.sweep(); return nil })
	}
	k := &keeper{cfg: j.cfg, log: j.cfg.Logger, wrong: make(map[string]bool)}
	ctx.Go("writer", func(life context.Context) error {
		defer j.refuse()
		w.known.fill(j.cfg)
		j.inbox.wake() // what was taken in before
		j.inbox.remotes.wake()
		j.inbox.moves.wake()
		w.run(life)
		return nil
	})
	ctx.Go("syncer", func(life context.Context) error { s.run(life); return nil })
	ctx.Go("sweeper", func(context.Context) error { s.sweep(); return nil })
	ctx.Go("keeper", func(life context.Context) error { k.run(life); return nil })
	return nil
}

// refuse answers the probes that nobody will come to.
func (j *journalActor) refuse() {
	for {
		select {
		case answer := <-j.probes:
			answer(nil, fmt.Errorf("%w: the journal is stopping", command.ErrUnavailable))
		default:
			return
		}
	}
}

// Receive implements actor.Actor.
func (j *journalActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case command.Probe:
		j.probe(ctx.Later())
	case command.Component:
		actor.Answer(ctx, m, j.view(), nil)
	}
}

func (j *journalActor) probe(answer probe) {
	select {
	case j.probes <- answer:
	default:
		answer(nil, fmt.Errorf("%w: the journal is busy", command.ErrUnavailable))
	}
}

// What to look at where it is not the disk's health.
const (
	hintFull        = "free space on the disk of --data, or start the node with a smaller --retention-bytes (smaller than the disk), which drops the oldest, or a larger --disk-budget"
	hintPinned      = "most of it waits for the archive, which is away or behind: see the alarm of that; when it is back there is room within seconds, and a larger --disk-budget keeps more until then"
	hintUnconfirmed = "`anode status` shows the links: look whether peers are up and reached, and whether their disks take records; --ack local waits for none"
)

// hintOf is what to look at where the journal is full.
func hintOf(s *storage.JournalStats) string {
	if s.Pinned > s.Bytes/2 {
		return hintPinned
	}
	return hintFull
}

// view says how the journal is.
func (j *journalActor) view() command.ComponentView {
	stats := j.cfg.Journal.Stats()
	_, waiting := j.inbox.pending()
	v := command.ComponentView{Name: Name, State: command.StateOK, Figures: map[string]float64{
		"records": float64(stats.Records), "batches": float64(stats.Batches), "bytes": float64(stats.Bytes),
		"budget_bytes": float64(stats.Budget), "segments": float64(stats.Segments), "damaged": float64(stats.Damaged),
		"torn": float64(stats.Torn), "rewritten": float64(stats.Rewritten), "forks": float64(stats.Forks),
		"pinned_bytes": float64(stats.Pinned), "forced": float64(stats.Forced),
		"queued_bytes": float64(waiting), "records_in": actor.Count(j.metrics.in),
	}}
	if j.cfg.Ack == AckPeer {
		v.Figures["unconfirmed"] = actor.Count(j.metrics.uncovered)
	}
	if stats.FreeDisk >= 0 {
		v.Figures["free_disk_bytes"] = float64(stats.FreeDisk)
	}
	switch {
	case stats.Refused != "":
		v.State, v.Detail = command.StateFailed, stats.Refused
	case stats.Full != "":
		v.State, v.Detail, v.Hint = command.StateDegraded, stats.Full, hintOf(&stats)
	case j.inbox.covers.failed():
		v.State, v.Detail, v.Hint = command.StateDegraded, "no peer confirms: publishers get 503 unconfirmed", hintUnconfirmed
	case stats.Damaged > 0:
		v.State, v.Detail = command.StateDegraded, units.Count(stats.Damaged, "batch")+" failed the checksum and can't be served"
	case stats.Note != "":
		v.State, v.Detail = command.StateDegraded, stats.Note
	default:
		v.Detail = fmt.Sprintf("%s in %s, durability %s", units.Count(stats.Records, "record"), units.Count(stats.Segments, "segment"), j.cfg.Durability)
	}
	return v
}

// recall finds where this node's numbers go on: in the epoch that the numberer was moved to last, if it was.
func recall(cfg Config, moves *moves) numberer {
	own := cfg.Journal.Digest()[cfg.Self]
	epoch, prior := moves.kept()
	n := numberer{
		sealer: wire.NewSealer(cfg.Codec), next: begin(cfg, max(epoch, cfg.Epoch), own, prior), last: lastOf(cfg, own),
	}
	moves.keep(n.next)
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
