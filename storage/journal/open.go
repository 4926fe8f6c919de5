package journal

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// Open opens the journal in a directory, made where there is none. It reads the summaries
// of sidecars, and whole segments where there is none: those that were active.
func Open(cfg Config) (*Journal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	cfg = cfg.withDefaults()
	j := &Journal{
		cfg: cfg, fs: cfg.FS, seen: make(map[messages.BatchID]struct{}), lines: make(messages.Lines),
		epochs: make(map[epochKey]*epochSpans), totals: make(map[messages.Stream]*total),
	}
	if err := j.fs.MkdirAll(cfg.Dir); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	found, err := j.loadAll()
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j.keep = recall(cfg.State, cfg.Logger)
	for _, f := range found {
		j.register(f)
	}
	j.restoreLines()
	for _, f := range found {
		for _, d := range f.damages {
			j.judge(f.seg, d)
		}
	}
	j.giveUpAgain()
	if err := j.secure(found); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j.stats.LastSync = cfg.Clock()
	j.ageOff = j.keep.off
	j.askFree()
	return j, nil
}

// found is one segment as it was found at open.
type found struct {
	seg *segment
	// streams are the totals where the segment has no index.
	streams map[messages.Stream]total
	// scanned says that the segment was read whole; torn that its end was.
	scanned, torn bool
	damages       []damage
	err           error
}

// loadAll reads what is in the directory, segments in order of number.
func (j *Journal) loadAll() ([]*found, error) {
	names, err := j.fs.List(j.cfg.Dir)
	if err != nil {
		return nil, err
	}
	var list []*found
	j.tidy(names)
	for _, name := range names {
		base, ok := strings.CutSuffix(name, segmentEnding)
		if !ok {
			continue
		}
		number, family, ok := parseName(base)
		if !ok {
			j.cfg.Logger.Warn("a file is no segment of a journal", "file", name)
			continue
		}
		list = append(list, &found{seg: newSegment(j.cfg.Dir, number, family)})
	}
	slices.SortFunc(list, func(a, b *found) int { return cmp.Compare(a.seg.number, b.seg.number) })
	j.loadEach(list)
	faults := make([]error, 0, len(list))
	for _, f := range list {
		faults = append(faults, f.err)
	}
	return list, errors.Join(faults...)
}

// tidy removes what was half made, and sidecars whose segment is gone: a number may come
// again. Of what was set aside it notes the numbers.
func (j *Journal) tidy(names []string) {
	for _, name := range names {
		base, ending, _ := strings.Cut(name, ".")
		number, _, ok := parseName(base)
		switch "." + ending {
		case ".tmp":
			_ = j.fs.Remove(join(j.cfg.Dir, name))
		case sidecarEnding:
			if ok && !slices.Contains(names, base+segmentEnding) {
				_ = j.fs.Remove(join(j.cfg.Dir, name))
			}
		case damagedEnding:
			if ok {
				j.number = max(j.number, number)
			}
		}
	}
}

// loadEach loads on all cores, and returns when all is loaded.
func (j *Journal) loadEach(list []*found) {
	var group sync.WaitGroup
	next := make(chan *found)
	for range min(runtime.GOMAXPROCS(0), len(list)) {
		group.Go(func() {
			for f := range next {
				f.err = j.loadOne(f)
			}
		})
	}
	for _, f := range list {
		next <- f
	}
	close(next)
	group.Wait()
}

// loadOne reads a segment's summary, or the segment where that can't be trusted.
func (j *Journal) loadOne(f *found) error {
	old := newSegment(j.cfg.Dir, f.seg.number, f.seg.family)
	b, whole, err := readPart(j.fs, old.path+sidecarEnding, partSummary)
	var sum summary
	if err == nil {
		sum, err = decodeSummary(b, old)
	}
	closed := err == nil
	if closed {
		file, err := j.fs.Open(old.path + segmentEnding)
		if err != nil {
			return err
		}
		size, err := file.Size()
		_ = file.Close()
		if err == nil && size >= sum.size {
			old.size, old.sidecar, old.made, old.closed = sum.size, whole, sum.made, sum.closed
			old.batches, old.records, old.durable = sum.batches, sum.records, true
			f.seg, f.streams = old, sum.streams
			return nil
		}
	}
	if f.damages, err = j.load(f.seg, !closed, &f.torn); err != nil {
		return err
	}
	f.scanned = true
	if closed {
		f.seg.made, f.seg.closed = sum.made, sum.closed
		f.seg.compare(old)
	}
	return nil
}

// compare notes as lost what a sidecar says was held and was not found.
func (s *segment) compare(old *segment) {
	for _, was := range old.spans {
		sp, _ := s.span(was.key)
		for _, list := range []ranges{was.held, was.lost} {
			for _, run := range list {
				for sequence := run.From; sequence <= run.To; sequence++ {
					if !sp.held.has(sequence) {
						sp.lost.add(sequence)
					}
				}
			}
		}
		if !sp.begun {
			sp.begun, sp.prior = was.begun, was.prior
		}
	}
}

// load reads a segment whole: what is in it, and what is damaged.
func (j *Journal) load(seg *segment, open bool, torn *bool) ([]damage, error) {
	f, err := j.fs.Open(seg.path + segmentEnding)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > maxFile {
		return nil, fmt.Errorf("segment %s: %w: %d", seg.path, errTooLarge, size)
	}
	seg.index = newIndex()
	var damages []damage
	s := scanner{
		window: window{file: f, size: size}, open: open,
		bad:  func(d damage) { damages = append(damages, d) },
		good: func(offset int64, b *wire.Sealed) { seg.take(offset, b) },
	}
	end, cut, err := s.scan()
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", seg.path, err)
	}
	if torn != nil {
		*torn = cut
	}
	seg.size = end
	seg.closed = j.cfg.Clock().UnixMilli()
	if last := seg.last(); last > 0 {
		seg.closed = min(last, seg.closed)
	}
	seg.made = seg.closed
	return damages, nil
}

// take notes a batch that was read from a segment. Of two copies the first counts.
func (s *segment) take(offset int64, b *wire.Sealed) {
	if sp := s.byKey[epochKey{b.Origin, b.Epoch}]; sp != nil && sp.held.has(b.Sequence) {
		return
	}
	sp, _ := s.note(b, offset)
	var e extract
	if e.add(b) == nil {
		s.index.post(func(epochKey) int { return sp.ordinal }, &e, nil)
	}
}

// register takes a segment into the journal.
func (j *Journal) register(f *found) {
	seg := f.seg
	j.number = max(j.number, seg.number)
	j.segments = append(j.segments, seg)
	j.bytes += seg.bytes()
	for _, sp := range seg.spans {
		e := j.epoch(sp.key)
		e.spans = append(e.spans, sp)
	}
	for stream, t := range f.streams {
		addTotal(j.totals, stream, t)
	}
	if seg.index != nil {
		for stream, p := range seg.index.streams {
			addTotal(j.totals, stream, p.total)
		}
	}
	if f.torn {
		j.stats.Torn++
		j.cfg.Logger.Info("a torn end is cut off", "segment", seg.path, "at", seg.size)
	}
}

// restoreLines makes the lines of what is held and remembered.
func (j *Journal) restoreLines() {
	for origin, horizon := range j.keep.horizon {
		j.lines.Open(origin).Forget(horizon)
	}
	keys := make(map[epochKey]bool)
	for key := range j.epochs {
		keys[key] = true
	}
	for key := range j.keep.floors {
		keys[key] = true
	}
	order := make([]epochKey, 0, len(keys))
	for key := range keys {
		order = append(order, key)
	}
	slices.SortFunc(order, func(a, b epochKey) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.epoch, b.epoch))
	})
	for _, key := range order {
		j.restoreEpoch(key)
	}
}

func (j *Journal) restoreEpoch(key epochKey) {
	line, e := j.lines.Open(key.origin), j.epoch(key)
	kept, some := j.keep.floors[key]
	if some {
		e.floor = max(kept.floor, 1)
		index := uint32(messages.IndexEnd)
		if kept.head == e.floor-1 { // it was emptied: the head is what it was
			index = kept.index
		}
		line.Recall(messages.EpochDigest{Epoch: key.epoch, Floor: e.floor, Head: e.floor - 1, HeadIndex: index, HeadHLC: kept.hlc})
		if kept.begun {
			line.Name(key.epoch, kept.prior)
		}
	}
	var held, lost ranges
	newest := messages.Header{Origin: key.origin, Epoch: key.epoch}
	for _, sp := range e.spans {
		if sp.begun {
			line.Name(key.epoch, sp.prior)
		}
		held, lost = append(held, sp.held...), append(lost, sp.lost...)
		newest.Last = max(newest.Last, sp.last)
		if sp.top >= newest.Sequence {
			newest.Sequence, newest.Count = sp.top, sp.topCount
		}
	}
	held = union(held)
	for _, run := range held {
		for sequence := max(run.From, e.floor); sequence <= run.To; sequence++ {
			h := messages.Header{Origin: key.origin, Epoch: key.epoch, Sequence: sequence, Count: 1}
			if sequence == newest.Sequence {
				h = newest
			}
			line.Hold(&h)
		}
	}
	for _, run := range union(lost) {
		for sequence := max(run.From, e.floor); sequence <= run.To; sequence++ {
			if !held.has(sequence) {
				line.Lose(key.epoch, messages.Range{From: sequence, To: sequence})
			}
		}
	}
	if top := max(held.top(), e.floor-1); some && kept.head > top {
		line.Lose(key.epoch, messages.Range{From: top + 1, To: kept.head})
	}
}

// giveUpAgain marks the holes that were given up.
func (j *Journal) giveUpAgain() {
	for key, list := range j.keep.gone {
		if line := j.lines[key.origin]; line != nil {
			for _, run := range list {
				line.GiveUp(key.epoch, run)
			}
		}
	}
}

// judge makes a hole of what was damaged, as far as it can be told which batch it was.
func (j *Journal) judge(seg *segment, d damage) {
	if d.harmless() {
		j.cfg.Logger.Warn("a segment is damaged, and no batch is lost", "segment", seg.path, "offset", d.offset, "bytes", d.length, "reason", d.reason)
		j.damageNote = fmt.Sprintf("%s at %d: %s", seg.path, d.offset, d.reason)
		return
	}
	j.stats.Damaged++
	j.cfg.Logger.Error("a segment is damaged", "segment", seg.path, "offset", d.offset, "bytes", d.length, "reason", d.reason)
	id, ok := j.plausible(seg, d)
	if !ok {
		id, ok = j.following(seg, d)
	}
	if !ok {
		j.damageNote = fmt.Sprintf("%d bytes of %s at %d are damaged, and can't be told to be of any batch", d.length, seg.path, d.offset)
		return
	}
	key := epochKey{id.Origin, id.Epoch}
	if e := j.epoch(key); id.Sequence < e.floor {
		return
	}
	sp, made := seg.span(key)
	if made {
		e := j.epoch(key)
		e.spans = append(e.spans, sp)
	}
	sp.lost.add(id.Sequence)
	j.lines.Open(id.Origin).Lose(id.Epoch, messages.Range{From: id.Sequence, To: id.Sequence})
}

// plausible tells whether the name that was read from damaged bytes can be right: it is
// not held, and no further on than so many bytes can reach.
func (j *Journal) plausible(seg *segment, d damage) (messages.BatchID, bool) {
	id, reach := d.guess, uint64(d.length/leastBatch)+1
	if id.Origin == "" || id.Epoch == 0 || id.Sequence == 0 || seg.family == storage.Own && id.Origin != j.cfg.Self {
		return id, false
	}
	if d.after.Sequence > 0 && seg.family == storage.Own && (id.Epoch <= d.after.Epoch || id.Sequence > 1) {
		return id, false // it is the one that follows, or begins an epoch
	}
	if j.spanOf(id) != nil {
		return id, false
	}
	if line := j.lines[id.Origin]; line != nil {
		for _, e := range line.Digest() {
			if e.Epoch == id.Epoch {
				return id, id.Sequence <= e.Head+reach
			}
		}
	}
	latest := j.cfg.Clock()
	if seg.family != storage.Own { // an own epoch of the future would be above all that follow
		latest = latest.Add(messages.MaxClockLead)
	}
	return id, id.Sequence <= reach && id.Epoch <= uint64(max(latest.UnixMilli(), 0))
}

// following takes damage among own batches for the one after the batch before it: they
// stand in order.
func (j *Journal) following(seg *segment, d damage) (messages.BatchID, bool) {
	if seg.family != storage.Own {
		return messages.BatchID{}, false
	}
	id := d.after
	if id.Sequence == 0 {
		for _, later := range j.segments {
			if later.number > seg.number && later.family == storage.Own && later.batches > 0 {
				return id, false // what is absent shows between the segments
			}
		}
		head := j.lines.Open(j.cfg.Self).Head()
		id = messages.BatchID{Origin: head.Origin, Epoch: head.Epoch, Sequence: head.Sequence}
	}
	id.Sequence++
	return id, id.Sequence > 1 && j.spanOf(id) == nil
}

// lossy tells whether any of the damages can have been a batch.
func lossy(list []damage) bool {
	return slices.ContainsFunc(list, func(d damage) bool { return !d.harmless() })
}

// secure makes what was found durable, cuts what is torn, and removes what is empty: a
// process that died may have answered for what it had not synced.
func (j *Journal) secure(list []*found) error {
	for _, f := range list {
		if !f.scanned {
			continue
		}
		name := f.seg.path + segmentEnding
		if f.seg.batches == 0 && len(f.seg.spans) == 0 && !lossy(f.damages) {
			j.segments = slices.DeleteFunc(j.segments, func(s *segment) bool { return s == f.seg })
			j.bytes -= f.seg.bytes()
			if err := j.fs.Remove(name); err != nil {
				return err
			}
			continue
		}
		// what is torn goes, and what was allocated for more
		if err := j.fs.Truncate(name, f.seg.size); err != nil {
			return fmt.Errorf("segment %s: %w", f.seg.path, err)
		}
		f.seg.durable = true
	}
	return j.fs.SyncDir(j.cfg.Dir)
}
