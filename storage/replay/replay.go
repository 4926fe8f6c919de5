package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/storage"
)

// Config is what a Replay needs; zero numbers are the defaults.
type Config struct {
	// Archive, Clock and Logger are required.
	Archive storage.Archive
	Clock   func() time.Time
	Logger  *slog.Logger
	// Budget is about how many bytes a part has (1 MiB), and Scarce how many while all parts together that are held have Plenty
	// (64 KiB, 64 MiB).
	Budget, Scarce, Plenty int64
	// Readers is how many parts are read at a time (8), Scans how many streams of each (4).
	Readers, Scans int
	// Fresh is how long it is not asked again which origins the archive has: 5 s.
	Fresh time.Duration
	// Patience is how long one question may take: 10 s.
	Patience time.Duration
}

func (c Config) withDefaults() Config {
	c.Budget, c.Scarce, c.Plenty = cmp.Or(c.Budget, 1<<20), cmp.Or(c.Scarce, 64<<10), cmp.Or(c.Plenty, 64<<20)
	c.Readers, c.Scans = cmp.Or(c.Readers, 8), cmp.Or(c.Scans, 4)
	c.Fresh, c.Patience = cmp.Or(c.Fresh, 5*time.Second), cmp.Or(c.Patience, 10*time.Second)
	return c
}

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	for name, missing := range map[string]bool{"Archive": c.Archive == nil, "Clock": c.Clock == nil, "Logger": c.Logger == nil} {
		if missing {
			faults = append(faults, fmt.Errorf("replay: %s is missing", name))
		}
	}
	return errors.Join(faults...)
}

// Replay reads an archive for all readers of a node. It starts no goroutine that outlives a call.
type Replay struct {
	cfg     Config
	readers chan struct{}
	// held is how many bytes the parts have that readers hold.
	held    atomic.Int64
	gate    gate
	listing chan struct{} // guards what follows
	listed  []Origin
	asOf    time.Time
}

// Origin is how far the archive is in an origin.
type Origin struct {
	// Head is the highest place that is archived.
	Head messages.Position
	// HLC is the highest reading of all.
	HLC messages.HLC
}

// New makes a Replay.
func New(cfg Config) (*Replay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	r := &Replay{cfg: cfg, readers: make(chan struct{}, cfg.Readers), listing: make(chan struct{}, 1)}
	r.gate.log, r.gate.clock = cfg.Logger, cfg.Clock
	return r, nil
}

// Origins are all that the archive has, sorted. While it is away they are those that were known last, with the error. They must
// not be changed.
func (r *Replay) Origins(ctx context.Context) ([]Origin, error) {
	select {
	case r.listing <- struct{}{}:
		defer func() { <-r.listing }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if now := r.cfg.Clock(); !r.asOf.IsZero() && now.Sub(r.asOf) < r.cfg.Fresh && !now.Before(r.asOf) {
		return r.listed, nil
	}
	if err := r.gate.enter(); err != nil {
		return r.listed, err
	}
	list, err := r.confirmed(ctx, "")
	if err = r.gate.told(ctx, err); err != nil {
		return r.listed, err
	}
	r.listed, r.asOf = origins(list), r.cfg.Clock()
	return r.listed, nil
}

// origins are those of a list that is sorted by origin.
func origins(list []storage.Archived) []Origin {
	var all []Origin
	for i := range list {
		d := &list[i]
		if len(d.Runs) == 0 {
			continue
		}
		if len(all) == 0 || all[len(all)-1].Head.Origin != d.Origin {
			all = append(all, Origin{Head: messages.Position{Origin: d.Origin}})
		}
		o := &all[len(all)-1]
		head := messages.Position{Origin: d.Origin, Epoch: d.Epoch, Sequence: d.Runs[len(d.Runs)-1].To, Index: d.HeadIndex}
		if head.Compare(o.Head) > 0 {
			o.Head = head
		}
		o.HLC = max(o.HLC, d.HeadHLC)
	}
	return slices.Clip(all)
}

func (r *Replay) confirmed(ctx context.Context, origin messages.NodeID) ([]storage.Archived, error) {
	return answer(ctx, r.cfg.Patience, func(ctx context.Context) ([]storage.Archived, error) { return r.cfg.Archive.Confirmed(ctx, origin) })
}

// locate is Archive.Locate with patience.
func (r *Replay) locate(ctx context.Context, at messages.BatchID) (storage.Mark, error) {
	return answer(ctx, r.cfg.Patience, func(ctx context.Context) (storage.Mark, error) { return r.cfg.Archive.Locate(ctx, at) })
}

// oldest is Archive.Oldest with patience.
func (r *Replay) oldest(ctx context.Context, origin messages.NodeID, epoch uint64) (storage.Mark, error) {
	return answer(ctx, r.cfg.Patience, func(ctx context.Context) (storage.Mark, error) { return r.cfg.Archive.Oldest(ctx, origin, epoch) })
}

// answer asks something small. An archive that does not answer that within the patience is away.
func answer[T any](ctx context.Context, patience time.Duration, ask func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := ask(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil && !errors.Is(err, storage.ErrAway) {
		err = fmt.Errorf("%w: no answer within %s: %w", storage.ErrAway, patience, err)
	}
	return got, err
}

// enter waits for a turn to read; leave ends it.
func (r *Replay) enter(ctx context.Context) (leave func(), err error) {
	select {
	case r.readers <- struct{}{}:
		return func() { <-r.readers }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// budget is how many bytes a part may have now.
func (r *Replay) budget() int64 {
	if r.held.Load() >= r.cfg.Plenty {
		return r.cfg.Scarce
	}
	return r.cfg.Budget
}

// The pauses of an archive that fails.
const (
	firstPause = time.Second
	mostPause  = 10 * time.Second
)

// gate keeps callers from an archive that fails. mu guards all that changes.
type gate struct {
	log   *slog.Logger
	clock func() time.Time

	mu    sync.Mutex
	err   error
	pause time.Duration
	until time.Time
	// warned is when it was told last that a question failed.
	warned time.Time
}

// enter gives the error of an archive that failed a moment ago.
func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		return nil
	}
	now := g.clock()
	if now.Before(g.until) {
		return g.err
	}
	g.until = now.Add(g.pause) // who comes meanwhile need not ask, too
	return nil
}

// told takes in what came of a question, and gives it back; what the caller's context ended is no fault of the archive, and what stays is of the
// question alone.
func (g *gate) told(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err != nil && !errors.Is(err, storage.ErrAway):
		if now := g.clock(); g.warned.IsZero() || now.Sub(g.warned) >= mostPause {
			g.warned = now
			g.log.Warn("a subscription can't read the archive, and waits", "error", err)
		}
	case err != nil:
		if g.err == nil {
			g.log.Warn("the archive can't be read: subscriptions that need it wait", "error", err)
		}
		g.pause = min(max(2*g.pause, firstPause), mostPause)
		g.err, g.until = err, g.clock().Add(g.pause)
	case g.err != nil:
		g.log.Info("the archive can be read again")
		g.err, g.pause = nil, 0
	}
	return err
}
