package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

// Repaired is what Repair did.
type Repaired struct {
	// Report is what was found before.
	Report Report `json:"report"`
	// Salvaged are the segments that were set aside, in order.
	Salvaged []Salvage `json:"salvaged"`
	// Left are segments that Repair could not or must not touch, each with the reason: it can't be
	// opened, or a newer aNode made it.
	Left []string `json:"left,omitempty"`
}

// Salvage is one segment that was set aside.
type Salvage struct {
	// File was set aside under the name Aside.
	File  string `json:"file"`
	Aside string `json:"aside"`
	// Into is the new segment that has what could be read; empty when nothing could.
	Into    string `json:"into,omitempty"`
	Batches uint64 `json:"batches"`
	Records uint64 `json:"records"`
	// Lost counts the damaged stretches that can have been batches.
	Lost int `json:"lost"`
}

// Repair makes a journal whole that is damaged, or can't be opened: each segment with damage, or
// that is no segment as far as Open can tell, is set aside as *.damaged, after what
// is good in it was written into a new one. What was lost stays named, so that it is a hole and not
// forgotten. It may be stopped and run again at any time. Its caller holds the lock of the data directory.
//
// A segment of a newer format, or one that can't be opened, is left as it is, and an error.
func Repair(ctx context.Context, c Check) (Repaired, error) {
	c, err := c.withDefaults()
	if err != nil {
		return Repaired{}, err
	}
	v, err := newVerifier(c)
	if err != nil {
		return Repaired{}, fmt.Errorf("repair the journal: %w", err)
	}
	r := repairer{verifier: v}
	var faults []error
	for _, seg := range v.segments {
		if ctx.Err() != nil {
			return r.done, fmt.Errorf("repair the journal: %w", context.Cause(ctx))
		}
		if err := r.salvage(seg); err != nil {
			faults = append(faults, fmt.Errorf("repair segment %s: %w", seg.path, err))
		}
	}
	v.tellEpochs()
	r.done.Report = v.report
	return r.done, errors.Join(faults...)
}

// repairer salvages segments one after another.
type repairer struct {
	*verifier
	done Repaired
}

// salvage writes what is good of a bad segment into a new one, and sets it aside.
func (r *repairer) salvage(seg *segment) error {
	report, damages := r.inspect(seg)
	if report.Unreadable != "" && !errors.Is(report.cause, errTooLarge) {
		r.done.Left = append(r.done.Left, report.File+": "+report.Unreadable)
		return report.cause
	}
	if len(report.Damage) == 0 && report.Unreadable == "" {
		return nil // a sidecar alone is made again by the journal
	}
	s := Salvage{File: report.File, Aside: segmentName(seg.number, seg.family) + damagedEnding}
	for i := range damages {
		if !damages[i].harmless() {
			s.Lost++
		}
	}
	again, err := r.copy(seg, damages)
	if err != nil {
		return err
	}
	if again != nil {
		s.Into = segmentName(again.number, again.family) + segmentEnding
		s.Batches, s.Records = again.batches, again.records
	}
	if err := r.setAside(seg); err != nil {
		return err
	}
	r.Logger.Warn("a damaged segment was set aside", "segment", s.File, "aside", s.Aside, "into", s.Into, "batches", s.Batches, "lost", s.Lost)
	r.done.Salvaged = append(r.done.Salvaged, s)
	return nil
}

// setAside renames a segment and drops its sidecar.
func (r *repairer) setAside(seg *segment) error {
	if err := r.FS.Rename(seg.path+segmentEnding, seg.path+damagedEnding); err != nil {
		return err
	}
	_ = r.FS.Remove(seg.path + sidecarEnding) // without its segment it says nothing
	return r.FS.SyncDir(r.Dir)
}

// copy writes the good batches of a segment into a new one with a sidecar that names what
// was lost. It gives nil where there is nothing to write.
func (r *repairer) copy(from *segment, damages []damage) (*segment, error) {
	old, _ := r.sidecar(from)
	r.number++
	to := newSegment(r.Dir, r.number, from.family)
	to.index, to.size = newIndex(), segmentHeader
	f, err := r.FS.Create(to.path + ".tmp")
	if err != nil {
		return nil, err
	}
	if err = r.fill(f, from, to, old); err == nil {
		name(to, from, old, damages)
		err = f.Sync()
	}
	if end := f.Close(); err == nil {
		err = end
	}
	if err != nil || to.batches == 0 && len(to.spans) == 0 {
		_ = r.FS.Remove(to.path + ".tmp")
		return nil, err
	}
	if err := r.FS.Rename(to.path+".tmp", to.path+segmentEnding); err != nil {
		return nil, err
	}
	if err := writeSidecar(r.FS, to.path, encodeSidecar(to)); err != nil {
		return nil, err
	}
	return to, errors.Join(syncFile(r.FS, to.path+sidecarEnding), r.FS.SyncDir(r.Dir))
}

// syncFile makes a file durable.
func syncFile(fs FS, name string) error {
	f, err := fs.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if end := f.Close(); err == nil {
		err = end
	}
	return err
}

// fill writes the good batches of a segment into the file of another.
func (r *repairer) fill(f File, from, to *segment, old *segment) error {
	to.made = time.Now().UnixMilli()
	if old != nil {
		to.made = old.made
	}
	_, err := f.WriteAt(appendSegmentHeader(nil, to.number, to.family, time.UnixMilli(to.made)), 0)
	if err != nil {
		return err
	}
	source, err := r.FS.Open(from.path + segmentEnding)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	size, err := source.Size()
	if err != nil {
		return err
	}
	var fault error
	s := scanner{window: window{file: source, size: size}, open: old == nil, bad: func(damage) {}, good: func(_ int64, b *wire.Sealed) {
		if fault == nil {
			fault = to.copyBatch(f, b)
		}
	}}
	if _, _, err = s.scan(); err == nil {
		err = fault
	}
	return err
}

// copyBatch writes a batch to the end of a segment, unless it is there already.
func (s *segment) copyBatch(f File, b *wire.Sealed) error {
	if sp := s.byKey[epochKey{b.Origin, b.Epoch}]; sp != nil && sp.held.has(b.Sequence) {
		return nil
	}
	frame := appendFrame(nil, b.Bytes())
	if s.size+int64(len(frame)) > maxFile {
		return fmt.Errorf("more than %d bytes are good, no segment has so many", int64(maxFile))
	}
	if _, err := f.WriteAt(frame, s.size); err != nil {
		return err
	}
	s.take(s.size+frameHeader, b)
	s.size += int64(len(frame))
	return nil
}

// name notes in a new segment what the old one lost: what its sidecar had and is not there, and what
// its damage seems to have been.
func name(to, from, old *segment, damages []damage) {
	if old != nil {
		to.compare(old)
	}
	for i := range damages {
		d := &damages[i]
		id := d.guess
		if from.family == storage.Own && d.after.Sequence > 0 && !(id.Epoch > d.after.Epoch && id.Sequence == 1) {
			id = messages.BatchID{Origin: d.after.Origin, Epoch: d.after.Epoch, Sequence: d.after.Sequence + 1}
		}
		if d.harmless() || id.Origin == "" || id.Epoch == 0 || id.Sequence == 0 {
			continue
		}
		key := epochKey{id.Origin, id.Epoch}
		top := uint64(0)
		if sp := to.byKey[key]; sp != nil {
			top = max(sp.held.top(), sp.lost.top())
		}
		if id.Sequence > top+uint64(d.length/leastBatch)+1 || id.Epoch > uint64(time.Now().UnixMilli()) {
			continue // it can't be so: who holds the rest sees what is absent
		}
		if sp, _ := to.span(key); !sp.held.has(id.Sequence) {
			sp.lost.add(id.Sequence)
		}
	}
	to.closed = time.Now().UnixMilli()
	if last := to.last(); last > 0 {
		to.closed = min(to.closed, last)
	}
	if old != nil {
		to.closed = old.closed
	}
}
