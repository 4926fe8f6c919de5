package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// errUnopened: a segment can't be opened now, which says nothing of what is in it.
var errUnopened = errors.New("a segment can't be opened")

// Read implements storage.Journal.
func (j *Journal) Read(id messages.BatchID) (wire.Sealed, error) {
	for try := 0; ; try++ {
		seg, e, err := j.find(id)
		if err != nil {
			return wire.Sealed{}, err
		}
		sealed, err := j.readAt(seg, e)
		if err == nil && sealed.ID() == id {
			return sealed, nil
		}
		if try < 3 && (j.moved(seg, id, e) || err != nil && try == 0) {
			continue // it was dropped or written again meanwhile, or the disk may do better
		}
		if err == nil {
			err = fmt.Errorf("batch %s stands there", sealed.ID())
		}
		if errors.Is(err, errUnopened) {
			return wire.Sealed{}, fmt.Errorf("batch %s: %w", id, err)
		}
		if j.quarantine(seg, id, err) {
			try = -1
			continue // each turn takes a copy away
		}
		return wire.Sealed{}, fmt.Errorf("batch %s: %w: %w", id, storage.ErrDamaged, err)
	}
}

func (j *Journal) readAt(seg *segment, e entry) (wire.Sealed, error) {
	f, err := j.files.get(j.fs, seg)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", errUnopened, err)
		}
		return wire.Sealed{}, err
	}
	defer j.files.put(f)
	b := make([]byte, e.length)
	if n, err := f.file.ReadAt(b, int64(e.offset)); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return wire.Sealed{}, err
	}
	return wire.Parse(b)
}

// moved tells whether a batch is not any more where it was found.
func (j *Journal) moved(seg *segment, id messages.BatchID, e entry) bool {
	now, f, err := j.find(id)
	return err != nil || now != seg || f != e
}

// find tells where a batch is.
func (j *Journal) find(id messages.BatchID) (*segment, entry, error) {
	for try := 0; ; try++ {
		seg, e, ok, err := j.findOnce(id)
		if err == nil && !ok && seg == nil || err != nil && !errors.Is(err, fs.ErrNotExist) || try == 3 {
			if err == nil && !ok {
				err = storage.ErrNotHeld
			}
			if err != nil {
				err = fmt.Errorf("batch %s: %w", id, err)
			}
			return seg, e, err
		}
		if ok {
			return seg, e, nil
		}
	}
}

func (j *Journal) findOnce(id messages.BatchID) (*segment, entry, bool, error) {
	j.mu.RLock()
	if j.closed {
		j.mu.RUnlock()
		return nil, entry{}, false, storage.ErrClosed
	}
	sp := j.spanOf(id)
	if sp == nil {
		j.mu.RUnlock()
		return nil, entry{}, false, nil
	}
	if x := sp.seg.index; x != nil {
		e, ok := x.find(sp.ordinal, id.Sequence)
		j.mu.RUnlock()
		return sp.seg, e, ok, nil
	}
	j.mu.RUnlock()
	x, err := j.detailsOf(sp.seg)
	if err != nil {
		return sp.seg, entry{}, false, err
	}
	j.mu.RLock() // it may be the segment's own index, which was made again meanwhile
	defer j.mu.RUnlock()
	e, ok := x.find(sp.ordinal, id.Sequence)
	return sp.seg, e, ok, nil
}

// spanOf gives the newest span that holds a batch, or nil. mu is held.
func (j *Journal) spanOf(id messages.BatchID) *span {
	e := j.epochs[epochKey{id.Origin, id.Epoch}]
	if e == nil || id.Sequence < e.floor {
		return nil
	}
	for _, sp := range slices.Backward(e.spans) {
		if sp.held.has(id.Sequence) {
			return sp
		}
	}
	return nil
}

// quarantine makes a damaged batch a hole, unless it stands elsewhere too, which it tells.
func (j *Journal) quarantine(seg *segment, id messages.BatchID, cause error) (elsewhere bool) {
	j.mu.Lock()
	sp := seg.byKey[epochKey{id.Origin, id.Epoch}]
	found := sp != nil && sp.held.has(id.Sequence)
	if found {
		seg.stale = true
		j.lose(sp, id.Sequence)
	}
	elsewhere = j.spanOf(id) != nil
	j.mu.Unlock()
	if found {
		j.cfg.Logger.Error("a batch is damaged", "origin", id.Origin, "epoch", id.Epoch, "seq", id.Sequence, "segment", seg.path, "another_copy", elsewhere, "error", cause)
	}
	return elsewhere
}

// lose makes a batch lost, and a hole unless it stands elsewhere too. mu is held.
func (j *Journal) lose(sp *span, sequence uint64) {
	sp.held.cut(sequence)
	sp.lost.add(sequence)
	j.stats.Damaged++
	if j.spanOf(messages.BatchID{Origin: sp.key.origin, Epoch: sp.key.epoch, Sequence: sequence}) == nil {
		j.lines.Open(sp.key.origin).Lose(sp.key.epoch, messages.Range{From: sequence, To: sequence})
	}
}

// detailsOf gives the details of a segment whose sidecar has them.
func (j *Journal) detailsOf(seg *segment) (*index, error) {
	if x := j.details.get(seg); x != nil {
		return x, nil
	}
	b, _, err := readPart(j.fs, seg.path+sidecarEnding, partDetails)
	var x *index
	if err == nil {
		x, err = decodeDetails(b)
	}
	if err != nil {
		return j.restore(seg, err)
	}
	if len(x.entries) > len(seg.spans) {
		return j.restore(seg, errCut)
	}
	j.details.put(seg, x)
	return x, nil
}

// restore gives the index of a segment whose sidecar can't be read, by reading the segment.
func (j *Journal) restore(seg *segment, cause error) (*index, error) {
	j.mu.RLock()
	gone, x := !slices.Contains(j.segments, seg), seg.index
	j.mu.RUnlock()
	if gone {
		return nil, fs.ErrNotExist
	}
	if x != nil {
		return x, nil
	}
	j.cfg.Logger.Warn("a sidecar is made again", "segment", seg.path, "error", cause)
	again := newSegment(j.cfg.Dir, seg.number, seg.family)
	if _, err := j.load(again, false, nil); err != nil {
		return nil, err
	}
	j.mu.Lock()
	seg.stale = true
	x = again.index.like(seg, again)
	j.missed(seg, x)
	j.mu.Unlock()
	j.details.put(seg, x)
	return x, nil
}

// like gives the index with the ordinals of another reading of the same segment.
func (x *index) like(seg, of *segment) *index {
	y := &index{streams: x.streams, sources: x.sources, ids: x.ids, entries: make([][]entry, len(seg.spans))}
	to := make([]int, len(of.spans))
	for i, sp := range of.spans {
		to[i] = -1
		if other := seg.byKey[sp.key]; other != nil {
			to[i] = other.ordinal
			if i < len(x.entries) {
				y.entries[other.ordinal] = x.entries[i]
			}
		}
	}
	for _, p := range y.streams {
		p.list = slices.DeleteFunc(p.list, func(one posting) bool { return to[one.epoch] < 0 })
		for i := range p.list {
			p.list[i].epoch = uint32(to[p.list[i].epoch])
		}
	}
	return y
}

// Scan implements storage.Journal.
func (j *Journal) Scan(q storage.Scan) iter.Seq2[storage.BatchRef, error] {
	return func(yield func(storage.BatchRef, error) bool) {
		j.post()
		groups := j.groups(epochKey{q.Origin, q.Epoch}, q.From, q.To)
		if q.Descending {
			slices.Reverse(groups)
		}
		for _, group := range groups {
			refs, err := j.refs(q, group)
			if err != nil && !yield(storage.BatchRef{}, err) {
				return
			}
			if q.Descending {
				slices.Reverse(refs)
			}
			for _, ref := range refs {
				if !yield(ref, nil) {
					return
				}
			}
		}
	}
}

// groups gives the spans of an epoch within bounds, in order of sequence; those that
// overlap are in one group.
func (j *Journal) groups(key epochKey, from, to uint64) [][]*span {
	j.mu.RLock()
	defer j.mu.RUnlock()
	e := j.epochs[key]
	if e == nil {
		return nil
	}
	type bounded struct {
		*span
		lo, hi uint64
	}
	var all []bounded
	for _, sp := range e.spans {
		if len(sp.held) == 0 {
			continue
		}
		b := bounded{sp, sp.held[0].From, sp.held.top()}
		if b.hi >= max(from, e.floor) && (to == 0 || b.lo <= to) {
			all = append(all, b)
		}
	}
	slices.SortStableFunc(all, func(a, b bounded) int { return cmp.Compare(a.lo, b.lo) })
	var groups [][]*span
	var end uint64
	for _, b := range all {
		if n := len(groups); n > 0 && b.lo <= end {
			groups[n-1] = append(groups[n-1], b.span)
		} else {
			groups = append(groups, []*span{b.span})
		}
		end = max(end, b.hi)
	}
	return groups
}

// refs gives what the spans have of a stream, in order of sequence.
func (j *Journal) refs(q storage.Scan, group []*span) ([]storage.BatchRef, error) {
	var refs []storage.BatchRef
	var faults []error
	for _, sp := range group {
		j.mu.RLock()
		if sp.last.Millis() < q.FromMs || q.ToMs > 0 && sp.first.Millis() >= q.ToMs {
			j.mu.RUnlock()
			continue
		}
		x := sp.seg.index
		if x == nil {
			j.mu.RUnlock()
			var err error
			if x, err = j.detailsOf(sp.seg); err != nil {
				if !errors.Is(err, fs.ErrNotExist) { // else retention dropped it meanwhile
					faults = append(faults, fmt.Errorf("scan of %s: %w", q.Stream, err))
				}
				continue
			}
			j.mu.RLock()
		}
		refs = x.refs(refs, q, sp, j.epochs[sp.key])
		j.mu.RUnlock()
	}
	slices.SortStableFunc(refs, func(a, b storage.BatchRef) int { return cmp.Compare(a.ID.Sequence, b.ID.Sequence) })
	refs = slices.CompactFunc(refs, func(a, b storage.BatchRef) bool { return a.ID == b.ID })
	return refs, errors.Join(faults...)
}

func (x *index) refs(refs []storage.BatchRef, q storage.Scan, sp *span, e *epochSpans) []storage.BatchRef {
	p := x.streams[q.Stream]
	if p == nil || e == nil {
		return refs
	}
	low, high := x.within(sp.ordinal, q)
	low = max(low, q.From, e.floor)
	for _, one := range p.list {
		s := one.sequence
		if int(one.epoch) != sp.ordinal || s < low || s > high || q.To > 0 && s > q.To || !sp.held.has(s) {
			continue
		}
		at, ok := x.find(sp.ordinal, s)
		if !ok {
			continue
		}
		refs = append(refs, storage.BatchRef{
			ID: messages.BatchID{Origin: q.Origin, Epoch: q.Epoch, Sequence: s}, First: at.first, Last: at.last,
		})
	}
	return refs
}

// within gives the sequences of a span that may have what was received when it is asked for:
// readings grow with sequences. The high one is below the low one where there are none.
func (x *index) within(ordinal int, q storage.Scan) (low, high uint64) {
	if ordinal >= len(x.entries) {
		return 1, 0
	}
	list := x.entries[ordinal]
	from, _ := slices.BinarySearchFunc(list, q.FromMs, func(e entry, ms int64) int {
		if e.last.Millis() < ms {
			return -1
		}
		return 1
	})
	to := len(list)
	if q.ToMs > 0 {
		to, _ = slices.BinarySearchFunc(list, q.ToMs, func(e entry, ms int64) int {
			if e.first.Millis() < ms {
				return -1
			}
			return 1
		})
	}
	if from >= to {
		return 1, 0
	}
	return list[from].sequence, list[to-1].sequence
}

// Seek implements storage.Journal.
func (j *Journal) Seek(origin messages.NodeID, ms int64) messages.Position {
	j.mu.RLock()
	line := j.lines[origin]
	if line == nil {
		j.mu.RUnlock()
		return messages.Position{Origin: origin}
	}
	epochs, forgot := line.Digest(), line.Horizon() > 0
	j.mu.RUnlock()
	first := true
	taken := func(epoch uint64) messages.Position { // retention took the beginning of what is asked for
		if first {
			return messages.Position{Origin: origin}
		}
		j.mu.RLock()
		defer j.mu.RUnlock()
		return line.Before(messages.BatchID{Origin: origin, Epoch: epoch, Sequence: 1})
	}
	for _, d := range epochs {
		j.mu.RLock()
		emptied := line.Emptied(d.Epoch, ms)
		j.mu.RUnlock()
		if emptied {
			return taken(d.Epoch)
		}
		key := epochKey{origin, d.Epoch}
		sequence, lowest, some := j.seek(key, ms)
		if sequence > 0 {
			j.mu.RLock()
			late, before := line.Late(d.Epoch, sequence), line.Before(messages.BatchID{Origin: origin, Epoch: d.Epoch, Sequence: sequence})
			j.mu.RUnlock()
			if !late {
				if sequence == lowest && (d.Floor > 1 || first && forgot) {
					return taken(d.Epoch)
				}
				return before
			}
		}
		j.mu.RLock()
		first = first && (!some || line.Late(d.Epoch, lowest))
		j.mu.RUnlock()
	}
	return j.Head(origin)
}

// seek gives the lowest sequence of an epoch with a record received at ms or later, 0
// without one, and the lowest of all.
func (j *Journal) seek(key epochKey, ms int64) (sequence, lowest uint64, some bool) {
	for _, group := range j.groups(key, 0, 0) {
		j.mu.RLock()
		reaches, floor := false, j.epochs[key].floor
		for _, sp := range group {
			reaches = reaches || sp.last.Millis() >= ms
			if low := max(sp.held.from(floor), floor); low > 0 && sp.held.has(low) && (!some || low < lowest) {
				lowest, some = low, true
			}
		}
		j.mu.RUnlock()
		if !reaches {
			continue
		}
		for _, sp := range group {
			if s := j.seekSpan(sp, floor, ms); s > 0 && (sequence == 0 || s < sequence) {
				sequence = s
			}
		}
		if sequence > 0 {
			return sequence, lowest, some
		}
	}
	return 0, lowest, some
}

// seekSpan is seek in one span: readings grow with sequences.
func (j *Journal) seekSpan(sp *span, floor uint64, ms int64) uint64 {
	j.mu.RLock()
	x := sp.seg.index
	if x == nil {
		j.mu.RUnlock()
		var err error
		if x, err = j.detailsOf(sp.seg); err != nil {
			return 0
		}
		j.mu.RLock()
	}
	defer j.mu.RUnlock()
	if sp.ordinal >= len(x.entries) {
		return 0
	}
	entries := x.entries[sp.ordinal]
	at, _ := slices.BinarySearchFunc(entries, ms, func(e entry, ms int64) int {
		if e.last.Millis() < ms {
			return -1
		}
		return 1
	})
	for ; at < len(entries); at++ {
		if s := entries[at].sequence; s >= floor && sp.held.has(s) {
			return s
		}
	}
	return 0
}

// from gives the lowest sequence that is not below a floor, 0 without one.
func (r ranges) from(floor uint64) uint64 {
	for _, run := range r {
		if run.To >= floor {
			return max(run.From, floor)
		}
	}
	return 0
}
