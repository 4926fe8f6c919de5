package memory

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// Config bounds a Journal. Zero means no bound.
type Config struct {
	// Self is the node whose own batches the budget refuses.
	Self messages.NodeID
	// RetentionBytes and RetentionAge are what is kept, Budget is what own batches are refused above.
	RetentionBytes, Budget int64
	RetentionAge           time.Duration
	// Dropping is given, before a batch is dropped, its last record of each stream that DroppingOf matches; an
	// error leaves it. It must not call the journal. Nil means nobody.
	Dropping   func([]*messages.Record) error
	DroppingOf messages.Pattern
}

// Journal implements storage.Journal. mu guards all of it.
type Journal struct {
	cfg Config

	mu     sync.RWMutex
	lines  messages.Lines
	epochs map[epochKey][]entry
	// order is all batches as they came, the oldest first; some may be dropped already.
	order   []messages.BatchID
	streams map[messages.Stream]*storage.StreamInfo
	records uint64
	bytes   int64
	forks   uint64
	closed  bool
	// pinned tells what is kept; stats are those of it.
	pinned func(origin messages.NodeID, epoch uint64, run messages.Range) bool
	stats  storage.JournalStats
}

type epochKey struct {
	origin messages.NodeID
	epoch  uint64
}

// entry is one batch, in order of sequence within its epoch.
type entry struct {
	sealed  wire.Sealed
	batch   *messages.Batch
	arrived time.Time
}

// NewJournal makes an empty journal.
func NewJournal(cfg Config) *Journal {
	return &Journal{
		cfg: cfg, lines: make(messages.Lines), epochs: make(map[epochKey][]entry),
		streams: make(map[messages.Stream]*storage.StreamInfo),
	}
}

var _ storage.Journal = (*Journal)(nil)

// Clone is a journal that holds the same, as of a copied disk, and shares nothing that changes. It is open.
func (j *Journal) Clone() *Journal {
	j.mu.RLock()
	defer j.mu.RUnlock()
	c := NewJournal(j.cfg)
	c.lines, c.order = j.lines.Clone(), slices.Clone(j.order)
	c.records, c.bytes, c.forks = j.records, j.bytes, j.forks
	for key, list := range j.epochs {
		c.epochs[key] = slices.Clone(list)
	}
	for stream, info := range j.streams {
		copied := *info
		c.streams[stream] = &copied
	}
	return c
}

// Append implements storage.Journal.
func (j *Journal) Append(family storage.Family, batches []wire.Sealed) ([]storage.Held, error) {
	opened := make([]*messages.Batch, len(batches))
	for i := range batches {
		b, err := batches[i].Open()
		if err != nil {
			return nil, fmt.Errorf("append: %w", err)
		}
		opened[i] = b
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, storage.ErrClosed
	}
	if family == storage.Own && j.cfg.Budget > 0 && j.bytes >= j.cfg.Budget {
		return nil, fmt.Errorf("%w: %d of %d bytes", storage.ErrFull, j.bytes, j.cfg.Budget)
	}
	held := make([]storage.Held, len(batches))
	for i := range batches {
		held[i] = j.add(batches[i], opened[i])
	}
	return held, nil
}

func (j *Journal) add(s wire.Sealed, b *messages.Batch) storage.Held {
	key := epochKey{s.Origin, s.Epoch}
	line := j.lines.Open(s.Origin)
	at, found := j.search(key, s.Sequence)
	if found && j.epochs[key][at].sealed.HeaderHash() != s.HeaderHash() {
		j.forks++
		return storage.HeldFork
	}
	if e, ok := line.Epoch(s.Epoch); ok && s.Sequence < e.Floor || !line.Hold(&s.Header) {
		return storage.HeldAlready
	}
	j.epochs[key] = slices.Insert(j.epochs[key], at, entry{s, b, time.Now()})
	j.order = append(j.order, s.ID())
	j.count(b, 1)
	j.bytes += int64(len(s.Bytes()))
	if line.Late(s.Epoch, s.Sequence) {
		return storage.HeldLate
	}
	return storage.HeldNew
}

func (j *Journal) search(key epochKey, sequence uint64) (int, bool) {
	return slices.BinarySearchFunc(j.epochs[key], sequence, func(e entry, s uint64) int { return cmp.Compare(e.sealed.Sequence, s) })
}

// count adds a batch to the streams' figures, or takes it out.
func (j *Journal) count(b *messages.Batch, sign int) {
	for g := range b.Groups {
		info := j.streams[b.Groups[g].Stream]
		if info == nil {
			info = &storage.StreamInfo{Stream: b.Groups[g].Stream}
			j.streams[b.Groups[g].Stream] = info
		}
		for i := range b.Groups[g].Records {
			r := &b.Groups[g].Records[i]
			j.records += uint64(sign)
			info.Records += uint64(sign)
			info.Bytes += uint64(sign * len(r.Payload))
			if sign > 0 {
				info.Last = max(info.Last, r.HLC.Millis())
			}
		}
		if info.Records == 0 {
			delete(j.streams, info.Stream)
		}
	}
}

// Sync implements storage.Journal.
func (j *Journal) Sync() error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.closed {
		return storage.ErrClosed
	}
	return nil
}

// Read implements storage.Journal.
func (j *Journal) Read(id messages.BatchID) (wire.Sealed, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	key := epochKey{id.Origin, id.Epoch}
	at, ok := j.search(key, id.Sequence)
	if !ok {
		return wire.Sealed{}, fmt.Errorf("batch %s: %w", id, storage.ErrNotHeld)
	}
	return j.epochs[key][at].sealed, nil
}

// Lose drops a batch as damage would: it becomes a hole.
func (j *Journal) Lose(id messages.BatchID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.take(id)
	if line := j.lines[id.Origin]; line != nil {
		line.Lose(id.Epoch, messages.Range{From: id.Sequence, To: id.Sequence})
	}
}

// take removes a batch's bytes.
func (j *Journal) take(id messages.BatchID) {
	key := epochKey{id.Origin, id.Epoch}
	if at, ok := j.search(key, id.Sequence); ok {
		j.cut(key, at, at+1)
	}
}

// cut removes the bytes of some of an epoch's batches.
func (j *Journal) cut(key epochKey, from, to int) {
	for _, e := range j.epochs[key][from:to] {
		j.bytes -= int64(len(e.sealed.Bytes()))
		j.count(e.batch, -1)
	}
	j.epochs[key] = slices.Delete(j.epochs[key], from, to)
}

// raise moves an epoch's floor up, and drops what is below it in whatever order it came.
func (j *Journal) raise(key epochKey, floor uint64) {
	j.lines.Open(key.origin).Raise(key.epoch, floor)
	below, _ := j.search(key, floor)
	j.cut(key, 0, below)
}

// Next implements storage.Journal.
func (j *Journal) Next(after messages.Position) messages.Step {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.lines.Next(after)
}

// Seek implements storage.Journal.
func (j *Journal) Seek(origin messages.NodeID, ms int64) messages.Position {
	j.mu.RLock()
	defer j.mu.RUnlock()
	line := j.lines[origin]
	if line == nil {
		return messages.Position{Origin: origin}
	}
	first := true
	taken := func(epoch uint64) messages.Position { // retention took the beginning of what is asked for
		if first {
			return messages.Position{Origin: origin}
		}
		return line.Before(messages.BatchID{Origin: origin, Epoch: epoch, Sequence: 1})
	}
	for _, d := range line.Digest() {
		if line.Emptied(d.Epoch, ms) {
			return taken(d.Epoch)
		}
		list := j.epochs[epochKey{origin, d.Epoch}]
		at, _ := slices.BinarySearchFunc(list, ms, func(e entry, ms int64) int {
			if e.sealed.Last.Millis() < ms {
				return -1
			}
			return 1
		})
		for ; at < len(list); at++ {
			s := &list[at].sealed
			if line.Late(s.Epoch, s.Sequence) {
				break
			}
			if at == 0 && (d.Floor > 1 || first && line.Horizon() > 0) {
				return taken(d.Epoch)
			}
			return line.Before(s.ID())
		}
		if len(list) > 0 && !line.Late(d.Epoch, list[0].sealed.Sequence) {
			first = false
		}
	}
	return line.Head()
}

// Origins implements storage.Journal.
func (j *Journal) Origins() []messages.NodeID {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.lines.Origins()
}

// Head implements storage.Journal.
func (j *Journal) Head(origin messages.NodeID) messages.Position {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.lines.Head(origin)
}

// HeadHash implements storage.Journal.
func (j *Journal) HeadHash(origin messages.NodeID, epoch uint64) messages.Hash {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if list := j.epochs[epochKey{origin, epoch}]; len(list) > 0 {
		return list[len(list)-1].sealed.HeaderHash()
	}
	return messages.Hash{}
}

// Digest implements storage.Journal.
func (j *Journal) Digest() messages.Digest {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.lines.Digest()
}

// Lines implements storage.Journal.
func (j *Journal) Lines() messages.Lines {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.lines.Clone()
}

// Line implements storage.Journal.
func (j *Journal) Line(origin messages.NodeID) *messages.Line {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.lines.Copy(origin)
}

// GiveUp implements storage.Journal.
func (j *Journal) GiveUp(origin messages.NodeID, epoch uint64, gone messages.Range) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := j.lines[origin]
	if line == nil {
		return fmt.Errorf("origin %s: %w", origin, storage.ErrNotHeld)
	}
	line.GiveUp(epoch, gone)
	return nil
}

// Raise implements storage.Journal.
func (j *Journal) Raise(origin messages.NodeID, epoch, floor uint64) error {
	if floor > messages.MaxSequence+1 || epoch == 0 || epoch > messages.MaxEpoch {
		return fmt.Errorf("raise the floor of origin %s, epoch %d: %d is beyond all sequences", origin, epoch, floor)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return storage.ErrClosed
	}
	if floor > 1 {
		j.raise(epochKey{origin, epoch}, floor)
	}
	return nil
}

// Streams implements storage.Journal.
func (j *Journal) Streams(match messages.Pattern) []storage.StreamInfo {
	j.mu.RLock()
	defer j.mu.RUnlock()
	var list []storage.StreamInfo
	for stream, info := range j.streams {
		if match.Match(stream) {
			list = append(list, *info)
		}
	}
	slices.SortFunc(list, func(a, b storage.StreamInfo) int { return cmp.Compare(a.Stream, b.Stream) })
	return list
}

// StreamsAfter implements storage.Journal.
func (j *Journal) StreamsAfter(match messages.Pattern, after messages.Stream, most int) []storage.StreamInfo {
	j.mu.RLock()
	defer j.mu.RUnlock()
	page := storage.NewStreamPage(after, most)
	for stream, info := range j.streams {
		if page.Wants(stream) && match.Match(stream) {
			page.Add(*info)
		}
	}
	return page.Sorted()
}

// Scan implements storage.Journal.
func (j *Journal) Scan(q storage.Scan) iter.Seq2[storage.BatchRef, error] {
	j.mu.RLock()
	var refs []storage.BatchRef
	for _, e := range j.epochs[epochKey{q.Origin, q.Epoch}] {
		h := &e.sealed.Header
		if h.Sequence < q.From || q.To > 0 && h.Sequence > q.To || h.Last.Millis() < q.FromMs || q.ToMs > 0 && h.First.Millis() >= q.ToMs {
			continue
		}
		if e.batch.Group(q.Stream) != nil {
			refs = append(refs, storage.BatchRef{ID: h.ID(), First: h.First, Last: h.Last})
		}
	}
	j.mu.RUnlock()
	if q.Descending {
		slices.Reverse(refs)
	}
	return func(yield func(storage.BatchRef, error) bool) {
		for _, ref := range refs {
			if !yield(ref, nil) {
				return
			}
		}
	}
}

// Identities implements storage.Journal.
func (j *Journal) Identities(sinceMs int64, source *string) iter.Seq2[storage.IdentityAt, error] {
	j.mu.RLock()
	var list []storage.IdentityAt
	for _, epoch := range j.epochs {
		for _, e := range epoch {
			for g := range e.batch.Groups {
				for i := range e.batch.Groups[g].Records {
					r := &e.batch.Groups[g].Records[i]
					if r.HasIdentity() && r.HLC.Millis() >= sinceMs && (source == nil || *source == r.Source) {
						list = append(list, storage.IdentityAt{Identity: r.Identity(), Ms: r.HLC.Millis()})
					}
				}
			}
		}
	}
	j.mu.RUnlock()
	return func(yield func(storage.IdentityAt, error) bool) {
		for _, at := range list {
			if !yield(at, nil) {
				return
			}
		}
	}
}

// hand gives what is to outlive a batch to who keeps it.
func (j *Journal) hand(b *messages.Batch) error {
	if j.cfg.Dropping == nil {
		return nil
	}
	var last []*messages.Record
	for g := range b.Groups {
		if group := &b.Groups[g]; j.cfg.DroppingOf.Match(group.Stream) {
			last = append(last, &group.Records[len(group.Records)-1])
		}
	}
	if len(last) == 0 {
		return nil
	}
	return j.cfg.Dropping(last)
}

// aging is as storage.JournalStats says, by bytes alone. mu is held.
func (j *Journal) aging() (ms int64) {
	left := j.bytes
	for _, id := range j.order {
		if j.cfg.RetentionBytes == 0 || left <= j.cfg.RetentionBytes/4*3 {
			break
		}
		key := epochKey{id.Origin, id.Epoch}
		at, held := j.search(key, id.Sequence)
		if !held {
			continue
		}
		sealed := &j.epochs[key][at].sealed
		left -= int64(len(sealed.Bytes()))
		if id.Origin == j.cfg.Self {
			ms = max(ms, sealed.Last.Millis()+1)
		}
	}
	return ms
}

// Scrub implements storage.Journal: memory does not rot.
func (j *Journal) Scrub(context.Context, int64) (int64, error) { return 0, nil }

// Stats implements storage.Journal.
func (j *Journal) Stats() storage.JournalStats {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s := storage.JournalStats{
		Records: j.records, Bytes: j.bytes, Budget: j.cfg.Budget,
		Pinned: j.stats.Pinned, Forced: j.stats.Forced, FreeDisk: -1, FreeFloor: -1, Segments: 1, Forks: j.forks, LastSync: time.Now(), Aging: j.aging(),
	}
	for _, list := range j.epochs {
		s.Batches += uint64(len(list))
	}
	if j.cfg.Budget > 0 && j.bytes >= j.cfg.Budget {
		s.Full = fmt.Sprintf("the journal has %d of %d bytes", j.bytes, j.cfg.Budget)
	}
	return s
}

// Close implements storage.Journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	return nil
}
