package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	// Clock is the wall clock; nil means time.Now.
	Clock func() time.Time
	// LastBytes is about the most of records that Last holds at a time; 0 means 4 MiB.
	LastBytes int
}

const defaultLastBytes = 4 << 20

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	if c.Journal == nil {
		return errors.New("history: Journal is required")
	}
	return nil
}

// History gives walks over a journal.
type History struct {
	cfg               Config
	damaged, vanished atomic.Uint64
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
	return &History{cfg: cfg}, nil
}

// Stats counts what walks left out.
type Stats struct {
	// Damaged batches failed their checksum, Vanished ones were dropped while a walk went on.
	Damaged, Vanished uint64
}

// Stats tells what was left out since the start.
func (h *History) Stats() Stats { return Stats{Damaged: h.damaged.Load(), Vanished: h.vanished.Load()} }

// Walk begins a walk, or goes on with one where the question has a page token. What is wrong with the
// question is a command.ErrInvalid.
func (h *History) Walk(q command.History) (command.Walk, error) {
	b, err := h.begin(q)
	if err != nil {
		return nil, err
	}
	w := &walk{history: h, begun: b}
	w.merge = h.merge(b.stream, b.descending, b.lower(), b.upper(), b.heads)
	return w, nil
}

// most is the highest millisecond that a record can have.
const most = 1<<48 - 1

// begin says what a walk gives.
func (h *History) begin(q command.History) (*begun, error) {
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
		at: h.cfg.Clock().UnixMilli(), heads: headsOf(h.cfg.Journal.Digest()),
	}
	if !q.After.IsZero() {
		at, err := h.keyOf(q.After)
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

// keyOf gives the place of a record in the order. One that is not held stands before the next
// on its origin's line.
func (h *History) keyOf(p messages.Position) (key, error) {
	batch := messages.BatchID{Origin: p.Origin, Epoch: p.Epoch, Sequence: p.Sequence}
	if sealed, err := h.cfg.Journal.Read(batch); err == nil {
		if p.Index >= sealed.Count {
			return key{sealed.Last.Millis(), p.BatchEnd()}, nil
		}
		return key{(sealed.First + messages.HLC(p.Index)).Millis(), p}, nil
	} else if !absent(err) {
		return key{}, fmt.Errorf("after %s: %w", p, err)
	}
	for at := p; ; {
		step := h.cfg.Journal.Next(at)
		switch step.Kind {
		case messages.StepBatch:
			sealed, err := h.cfg.Journal.Read(step.Batch)
			if err == nil {
				return key{sealed.First.Millis(), p}, nil
			}
			if !absent(err) {
				return key{}, fmt.Errorf("after %s: %w", p, err)
			}
			at = step.Batch.End()
		case messages.StepGap:
			at = step.Gap.To
		case messages.StepWait:
			at = messages.Position{Origin: p.Origin, Epoch: step.Batch.Epoch, Sequence: step.Hole.To, Index: messages.IndexEnd}
		default:
			return h.keyAhead(p)
		}
	}
}

// keyAhead is keyOf beyond all that is held of an origin.
func (h *History) keyAhead(p messages.Position) (key, error) {
	epochs := h.cfg.Journal.Digest()[p.Origin]
	if len(epochs) == 0 {
		return key{}, fmt.Errorf("%w after: nothing is known here of the origin of %s", command.ErrInvalid, p)
	}
	var newest messages.HLC
	for _, e := range epochs {
		newest = max(newest, e.HeadHLC)
	}
	return key{newest.Millis(), p}, nil
}

// absent tells whether a batch can't be read for good, and others can.
func absent(err error) bool {
	return errors.Is(err, storage.ErrNotHeld) || errors.Is(err, storage.ErrDamaged)
}

// Last gives the n newest records of a stream that stand at or below a cursor and on their
// origin's line, ascending, in parts of about Config.LastBytes at most. They keep nothing of the batches that they
// came in. More than that is read twice: backwards to find where it begins, and forwards to give it.
func (h *History) Last(ctx context.Context, stream messages.Stream, n int, upTo messages.Cursor, give func([]*messages.Record) error) error {
	heads := make(map[messages.NodeID]messages.Position, upTo.Len())
	for p := range upTo.All() {
		heads[p.Origin] = p
	}
	end := key{ms: most + 1}
	back := h.merge(stream, true, key{}, end, heads)
	back.lineOnly = true
	var list []*messages.Record
	var oldest key
	size := 0
	for range n {
		r, err := back.next(ctx)
		if err != nil {
			return err
		}
		if r == nil {
			break
		}
		oldest = keyOf(r)
		if size += r.Size(); size <= h.cfg.LastBytes {
			list = append(list, detach(r))
		} else {
			list = nil
		}
	}
	if size <= h.cfg.LastBytes {
		slices.Reverse(list)
		return give(list)
	}
	forth := h.merge(stream, false, oldest.before(), end, heads)
	forth.lineOnly = true
	return forth.parts(ctx, give)
}

// parts gives all that is left, in parts.
func (m *merge) parts(ctx context.Context, give func([]*messages.Record) error) error {
	var list []*messages.Record
	size := 0
	for {
		r, err := m.next(ctx)
		if err != nil {
			return err
		}
		if r != nil {
			list = append(list, detach(r))
			size += r.Size()
		}
		if r == nil || size >= m.history.cfg.LastBytes {
			if err := give(list); err != nil || r == nil {
				return err
			}
			list, size = nil, 0
		}
	}
}

// detach copies a record, so that its batch can go.
func detach(r *messages.Record) *messages.Record {
	c := *r
	c.Stream = messages.Stream(strings.Clone(string(r.Stream)))
	c.Position.Origin = messages.NodeID(strings.Clone(string(r.Position.Origin)))
	for _, text := range []*string{&c.Source, &c.Key, &c.NativeID, &c.ContentType} {
		*text = strings.Clone(*text)
	}
	c.Payload = slices.Clone(r.Payload)
	return &c
}
