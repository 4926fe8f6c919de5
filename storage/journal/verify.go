package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"anode/messages"
	"anode/messages/wire"
)

// Check says which journal Verify and Repair work on. Their caller holds the lock of the
// data directory: no journal is open there.
type Check struct {
	// Dir is the journal's directory; required.
	Dir string
	// FS is the file system; nil means OS().
	FS FS
	// Logger hears of each segment that was read; nil means none.
	Logger *slog.Logger
	// Progress is told how many bytes were read of all there are, from one goroutine; nil is nobody.
	Progress func(done, total int64)
}

func (c Check) withDefaults() (Check, error) {
	if c.Dir == "" {
		return c, errors.New("journal: Dir is required")
	}
	if c.FS == nil {
		c.FS = OS()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = func(int64, int64) {}
	}
	return c, nil
}

// Report is what Verify found.
type Report struct {
	// Segments are in order of their numbers, Epochs by origin and epoch.
	Segments []SegmentReport `json:"segments"`
	Epochs   []EpochReport   `json:"epochs"`
	// Strays are files that are no part of a journal, or were set aside.
	Strays []string `json:"strays"`
	// Bytes, Batches and Records are over all segments; a batch that stands twice counts twice.
	Bytes   int64  `json:"bytes"`
	Batches uint64 `json:"batches"`
	Records uint64 `json:"records"`
}

// SegmentReport is what was found in one segment.
type SegmentReport struct {
	// File is its name in the directory, Family one of own, live, backfill.
	File   string `json:"file"`
	Family string `json:"family"`
	Bytes  int64  `json:"bytes"`
	// Frames are those whose header is right, Batches those that can be read, with their Records.
	Frames  uint64 `json:"frames"`
	Batches uint64 `json:"batches"`
	Records uint64 `json:"records"`
	// Damage is what is no good frame, in order of offset.
	Damage []Damage `json:"damage,omitempty"`
	// TornAt is where an end begins that a write was cut in, and that Open will cut off; 0 without one.
	TornAt int64 `json:"torn_at,omitempty"`
	// Sidecar says what is wrong with the index of a closed segment, empty when nothing is, or when
	// the segment has none yet. Open and Maintain make it again.
	Sidecar string `json:"sidecar,omitempty"`
	// Unreadable says why the segment can't be read at all; nothing else is known then. A journal
	// with such a segment can't be opened.
	Unreadable string `json:"unreadable,omitempty"`
	cause      error
}

// Damage is a stretch of a segment that is no good frame.
type Damage struct {
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	Reason string `json:"reason"`
	// Batch is which it seems to have been; zero where that can't be told. It is not certain.
	Batch messages.BatchID `json:"-"`
	// Lossless damage holds no batch: what it is about can be read.
	Lossless bool `json:"lossless,omitempty"`
}

// EpochReport is what is held of one epoch of an origin.
type EpochReport struct {
	Origin messages.NodeID `json:"origin"`
	Epoch  uint64          `json:"epoch"`
	// Floor is the lowest sequence held, Head the highest. Holes are absent between them; what is
	// absent below the floor was dropped by retention, or never came.
	Floor   uint64           `json:"floor"`
	Head    uint64           `json:"head"`
	Holes   []messages.Range `json:"holes,omitempty"`
	Batches uint64           `json:"batches"`
}

// Sound tells whether nothing is wrong: no damage, no segment or sidecar that can't be read.
// Torn ends, holes and strays are no faults of what is stored.
func (r *Report) Sound() bool {
	return !slices.ContainsFunc(r.Segments, func(s SegmentReport) bool {
		return len(s.Damage) > 0 || s.Sidecar != "" || s.Unreadable != ""
	})
}

// Openable tells whether Open will take the journal.
func (r *Report) Openable() bool {
	return !slices.ContainsFunc(r.Segments, func(s SegmentReport) bool { return s.Unreadable != "" })
}

// Verify reads all of a journal and changes nothing. An error means that it could not be
// done (the directory can't be listed, ctx ended); what is wrong with the journal is in the report.
func Verify(ctx context.Context, c Check) (Report, error) {
	c, err := c.withDefaults()
	if err != nil {
		return Report{}, err
	}
	v, err := newVerifier(c)
	if err != nil {
		return Report{}, fmt.Errorf("verify the journal: %w", err)
	}
	for _, seg := range v.segments {
		if err := ctx.Err(); err != nil {
			return Report{}, fmt.Errorf("verify the journal: %w", context.Cause(ctx))
		}
		v.inspect(seg)
	}
	v.tellEpochs()
	return v.report, nil
}

// verifier reads segments one after another.
type verifier struct {
	Check
	report   Report
	segments []*segment
	number   uint64 // the highest
	held     map[epochKey]ranges
	batches  map[epochKey]uint64
	// done and total are bytes of segments.
	done, total int64
}

// newVerifier lists what is in the directory.
func newVerifier(c Check) (*verifier, error) {
	v := &verifier{Check: c, held: make(map[epochKey]ranges), batches: make(map[epochKey]uint64)}
	names, err := c.FS.List(c.Dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		base, ending, _ := strings.Cut(name, ".")
		number, family, ok := parseName(base)
		switch ending = "." + ending; {
		case ok && ending == segmentEnding:
			v.segments = append(v.segments, newSegment(c.Dir, number, family))
		case ok && ending == sidecarEnding && slices.Contains(names, base+segmentEnding), ending == ".tmp":
		default:
			v.report.Strays = append(v.report.Strays, name)
		}
		if ok {
			v.number = max(v.number, number)
		}
	}
	slices.SortFunc(v.segments, func(a, b *segment) int { return cmp.Compare(a.number, b.number) })
	for _, seg := range v.segments {
		v.total += v.sizeOf(seg)
	}
	return v, nil
}

// sizeOf gives a segment's size, 0 where it can't be told.
func (v *verifier) sizeOf(seg *segment) int64 {
	f, err := v.FS.Open(seg.path + segmentEnding)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	size, err := f.Size()
	if err != nil {
		return 0
	}
	return size
}

// inspect reads a segment and its sidecar, and reports on both. It gives what was damaged.
func (v *verifier) inspect(seg *segment) (SegmentReport, []damage) {
	r := SegmentReport{File: segmentName(seg.number, seg.family) + segmentEnding, Family: families[seg.family]}
	old, fault := v.sidecar(seg)
	var damages []damage
	r.Bytes = v.sizeOf(seg)
	err := v.read(seg, old == nil, &r, func(d damage) { damages = append(damages, d) })
	switch {
	case err != nil:
		r.Unreadable, r.cause = err.Error(), err
	case fault != "":
		r.Sidecar = fault
	case old != nil:
		r.Sidecar = old.differs(seg)
	}
	for _, d := range damages {
		r.Damage = append(r.Damage, Damage{Offset: d.offset, Length: d.length, Reason: d.reason, Batch: d.guess, Lossless: d.harmless()})
	}
	v.done += r.Bytes
	v.Progress(v.done, v.total)
	v.Logger.Info("segment read", "segment", r.File, "batches", r.Batches, "damaged", len(r.Damage), "sidecar", r.Sidecar, "unreadable", r.Unreadable)
	v.report.Segments = append(v.report.Segments, r)
	v.report.Bytes += r.Bytes
	v.report.Batches += r.Batches
	v.report.Records += r.Records
	return r, damages
}

// read scans a segment into its index.
func (v *verifier) read(seg *segment, open bool, r *SegmentReport, bad func(damage)) error {
	f, err := v.FS.Open(seg.path + segmentEnding)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size > maxFile {
		return fmt.Errorf("%w: %d", errTooLarge, size)
	}
	seg.index = newIndex()
	s := scanner{
		window: window{file: f, size: size, read: func(from int64) { v.Progress(v.done+from, v.total) }}, open: open, bad: bad,
		good: func(offset int64, b *wire.Sealed) {
			seg.take(offset, b)
			key := epochKey{b.Origin, b.Epoch}
			list := v.held[key]
			list.add(b.Sequence)
			v.held[key] = list
			v.batches[key]++
			r.Batches++
			r.Records += uint64(b.Count)
		},
	}
	end, torn, err := s.scan()
	if err != nil {
		return err
	}
	if seg.size = end; torn {
		r.TornAt = end
	}
	r.Frames = s.frames
	return nil
}

// sidecar reads a segment's sidecar whole: nil where there is none, or where it has a fault.
func (v *verifier) sidecar(seg *segment) (old *segment, fault string) {
	old = newSegment(v.Dir, seg.number, seg.family)
	b, _, err := readPart(v.FS, seg.path+sidecarEnding, partSummary)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ""
	}
	if err != nil {
		return nil, err.Error()
	}
	sum, err := decodeSummary(b, old)
	if err != nil {
		return nil, "summary " + err.Error()
	}
	old.size, old.batches, old.records, old.made, old.closed = sum.size, sum.batches, sum.records, sum.made, sum.closed
	if b, _, err = readPart(v.FS, seg.path+sidecarEnding, partDetails); err == nil {
		old.index, err = decodeDetails(b)
	}
	if err != nil {
		return old, "details: " + err.Error()
	}
	if b, _, err = readPart(v.FS, seg.path+sidecarEnding, partIdentities); err == nil {
		var ids *index
		if ids, err = decodeIdentities(b); err == nil {
			old.index.ids, old.index.sources = ids.ids, ids.sources
		}
	}
	if err != nil {
		return old, "identities: " + err.Error()
	}
	return old, ""
}

// differs says where a sidecar and what was read from its segment disagree; empty where
// they don't. What is damaged in the segment is no disagreement.
func (s *segment) differs(read *segment) string {
	for _, was := range s.spans {
		for _, run := range was.held {
			for sequence := run.From; sequence <= run.To; sequence++ {
				at, ok := s.index.find(was.ordinal, sequence)
				if !ok {
					return fmt.Sprintf("batch %s-%d-%d is said to be held, and has no place", was.key.origin, was.key.epoch, sequence)
				}
				sp := read.byKey[was.key]
				if sp == nil {
					continue
				}
				if e, ok := read.index.find(sp.ordinal, sequence); ok && e != at {
					return fmt.Sprintf("batch %s-%d-%d is said to be at %d, and is at %d", was.key.origin, was.key.epoch, sequence, at.offset, e.offset)
				}
			}
		}
	}
	for _, sp := range read.spans {
		was := s.byKey[sp.key]
		for _, run := range sp.held {
			for sequence := run.From; sequence <= run.To; sequence++ {
				if was == nil || !was.held.has(sequence) && !was.lost.has(sequence) {
					return fmt.Sprintf("batch %s-%d-%d is in the segment, and not in the sidecar", sp.key.origin, sp.key.epoch, sequence)
				}
			}
		}
	}
	return s.index.lacks(s, read)
}

// lacks says which postings or identities of a segment a sidecar's index is without.
func (x *index) lacks(s, read *segment) string {
	type place struct {
		key      epochKey
		sequence uint64
	}
	for stream, p := range read.index.streams {
		known := make(map[place]posting)
		if q := x.streams[stream]; q != nil {
			for _, one := range q.list {
				if int(one.epoch) < len(s.spans) {
					known[place{s.spans[one.epoch].key, one.sequence}] = one
				}
			}
		}
		for _, one := range p.list {
			key := read.spans[one.epoch].key
			was, ok := known[place{key, one.sequence}]
			held := s.byKey[key] != nil && s.byKey[key].held.has(one.sequence)
			if held && (!ok || was.records != one.records || was.bytes != one.bytes) {
				return fmt.Sprintf("stream %s is not as in batch %s-%d-%d", stream, key.origin, key.epoch, one.sequence)
			}
		}
	}
	ids := make(map[messages.Identity]bool, len(x.ids))
	for _, one := range x.ids {
		ids[one.id] = true
	}
	for _, one := range read.index.ids {
		if !ids[one.id] {
			return fmt.Sprintf("identity %x is missing", one.id)
		}
	}
	return ""
}

// tellEpochs reports what is held of each epoch.
func (v *verifier) tellEpochs() {
	for key, held := range v.held {
		e := EpochReport{Origin: key.origin, Epoch: key.epoch, Floor: held[0].From, Head: held.top(), Batches: v.batches[key]}
		for i := 1; i < len(held); i++ {
			e.Holes = append(e.Holes, messages.Range{From: held[i-1].To + 1, To: held[i].From - 1})
		}
		v.report.Epochs = append(v.report.Epochs, e)
	}
	slices.SortFunc(v.report.Epochs, func(a, b EpochReport) int {
		return cmp.Or(cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Epoch, b.Epoch))
	})
}
