package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// Config says what is read.
type Config struct {
	// Journal is where from; required.
	Journal storage.Journal
	// Archive has what the journal has not any more; nil is none.
	Archive storage.Archive
	// Patience is how long a walk waits for the archive where it needs it; 0 means 5 s.
	Patience time.Duration
	// Known is how long what the archive says to have is taken for what it has; 0 means 10 s.
	Known time.Duration
	// Clock is the wall clock; nil means time.Now.
	Clock func() time.Time
	// LastBytes is about the most of records that Last holds at a time; 0 means 4 MiB.
	LastBytes int
}

const (
	defaultLastBytes = 4 << 20
	defaultPatience  = 5 * time.Second
)

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	if c.Journal == nil {
		return errors.New("history: Journal is required")
	}
	if c.Patience < 0 || c.Known < 0 {
		return fmt.Errorf("history: Patience (%s) and Known (%s) can't be negative", c.Patience, c.Known)
	}
	return nil
}

// History gives walks over a journal and an archive.
type History struct {
	cfg                     Config
	damaged, vanished, away atomic.Uint64
	confirmed               confirmed
	silence                 silence
	names                   names
	times                   times
}

// New makes a history. It does no I/O.
func New(cfg Config) (*History, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.LastBytes <= 0 {
		cfg.LastBytes = defaultLastBytes
	}
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	if cfg.Known == 0 {
		cfg.Known = known
	}
	return &History{cfg: cfg}, nil
}

// Stats counts what walks left out.
type Stats struct {
	// Damaged batches failed their checksum, Vanished ones were dropped while a walk went on.
	Damaged, Vanished uint64
	// Away is how often the archive was needed and could not be reached.
	Away uint64
}

// Stats tells what was left out since the start.
func (h *History) Stats() Stats {
	return Stats{Damaged: h.damaged.Load(), Vanished: h.vanished.Load(), Away: h.away.Load()}
}

// Walk begins a walk, or goes on with one where the question has a page token. What is wrong with the
// question is a command.ErrInvalid. Where the walk, or After, needs the archive and that can't be reached, Walk and the
// walk's Next wait up to Config.Patience, then they give a command.ErrUnavailable; Next may be asked again.
func (h *History) Walk(ctx context.Context, q command.History) (command.Walk, error) {
	b, err := h.begin(ctx, q)
	if err != nil {
		return nil, err
	}
	w := &walk{history: h, begun: b}
	w.merge = h.merge(b.stream, b.descending, b.lower(), b.upper(), &b.reach)
	return w, nil
}

// most is the highest millisecond that a record can have.
const most = 1<<48 - 1

// begin says what a walk gives.
func (h *History) begin(ctx context.Context, q command.History) (*begun, error) {
	if q.Page != "" {
		b, err := decode(q.Page)
		if err != nil {
			return nil, fmt.Errorf("%w page: %w", command.ErrInvalid, err)
		}
		if q.Stream != "" && q.Stream != b.stream {
			return nil, fmt.Errorf("%w page: it is of stream %q, not %q", command.ErrInvalid, b.stream, q.Stream)
		}
		return b, nil
	}
	if _, err := messages.ParseStream(string(q.Stream)); err != nil {
		return nil, fmt.Errorf("%w: %w", command.ErrInvalid, err)
	}
	if q.FromMs < 0 || q.ToMs < 0 {
		return nil, fmt.Errorf("%w: from (%d) and to (%d) can't be before 1970", command.ErrInvalid, q.FromMs, q.ToMs)
	}
	b := &begun{
		stream: q.Stream, descending: q.Descending, unique: q.Unique, from: min(q.FromMs, most), to: min(q.ToMs, most),
		at: h.cfg.Clock().UnixMilli(),
	}
	digest := h.cfg.Journal.Digest()
	b.heads = headsOf(digest)
	if h.cfg.Archive != nil && q.Descending { // its cursor names them, though it may never need their records
		h.glimpse(ctx, glimpsed)
		said, _ := h.confirmed.of(q.Stream)
		b.addHeads(digest, said)
	}
	if !q.After.IsZero() {
		at, err := h.keyOf(ctx, q.Stream, q.After)
		if err != nil {
			return nil, err
		}
		b.after = &at
	}
	return b, nil
}

// headsOf gives the newest place that is held of each origin.
func headsOf(digest messages.Digest) map[messages.NodeID]messages.Position {
	heads := make(map[messages.NodeID]messages.Position, len(digest))
	for origin, epochs := range digest {
		for _, e := range slices.Backward(epochs) {
			if e.Head > 0 {
				heads[origin] = messages.Position{Origin: origin, Epoch: e.Epoch, Sequence: e.Head, Index: e.HeadIndex}
				break
			}
		}
	}
	return heads
}
