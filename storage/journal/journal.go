package journal

import (
	"cmp"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
)

func join(dir, name string) string { return filepath.Join(dir, name) }

// Journal implements storage.Journal on segment files.
type Journal struct {
	cfg Config
	fs  FS

	// writing is held by who changes which files are appended to, and by Append.
	writing   sync.Mutex
	frames    []byte                        // Append's buffer
	seen      map[messages.BatchID]struct{} // of one Append
	sinceFree int64                         // bytes appended since the disk was asked

	// syncing is held by Sync; it is taken before writing.
	syncing sync.Mutex
	// upkeep is held by who unlinks segments and makes sidecars.
	upkeep sync.Mutex
	scrub  scrubber

	files   files
	details cache
	// extracts are used again and again.
	extracts sync.Pool

	// mu guards all below.
	mu       sync.RWMutex
	lines    messages.Lines
	epochs   map[epochKey]*epochSpans
	segments []*segment // by number
	totals   map[messages.Stream]*total
	active   [len(families)]*active
	// closing were rolled and are not synced yet; failed could not be.
	closing, failed []*active
	unsynced        int64
	dirDirty        bool
	number          uint64 // of the newest segment
	spare           File   // the next segment, allocated; nil where there is none
	spareRoom       int64  // of the spare
	lacked          int64  // what a write that found no room needs; 0 after a new segment
	stats           storage.JournalStats
	bytes           int64 // of segments and sidecars
	diskFull        bool
	starved         [len(families)]bool // whose last batches found no room
	refused         string
	roomless        bool      // what was refused is for want of room
	tried           time.Time // when what was refused was last tried again
	ageOff          time.Time // age retention is off until then
	ageNote         string
	damageNote      string
	keep            keeping
	// pinned tells what retention is to keep; nil is nothing.
	pinned func(origin messages.NodeID, epoch uint64, run messages.Range) bool
	closed bool
}

// epochSpans is where the batches of an epoch are.
type epochSpans struct {
	floor uint64
	spans []*span // the newest segment last
}

// active is a segment that is appended to, or is still to be synced.
type active struct {
	seg  *segment
	file File
	// room is the size that it grows to, but that its first write may be larger.
	room int64
	// unsynced are the batches after synced bytes.
	unsynced []*wire.Sealed
	synced   int64
}

var _ storage.Journal = (*Journal)(nil)

// epoch gives where the batches of an epoch are, made where it is missing. mu is held.
func (j *Journal) epoch(key epochKey) *epochSpans {
	e := j.epochs[key]
	if e == nil {
		e = &epochSpans{floor: 1}
		j.epochs[key] = e
	}
	return e
}

// Next implements storage.Journal.
func (j *Journal) Next(after messages.Position) messages.Step {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.lines.Next(after)
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
	var top uint64
	if e := j.epochs[epochKey{origin, epoch}]; e != nil {
		for _, sp := range e.spans {
			top = max(top, sp.held.top())
		}
	}
	j.mu.RUnlock()
	if top == 0 {
		return messages.Hash{}
	}
	sealed, err := j.Read(messages.BatchID{Origin: origin, Epoch: epoch, Sequence: top})
	if err != nil {
		return messages.Hash{}
	}
	return sealed.HeaderHash()
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
	line := j.lines[origin]
	if line == nil {
		j.mu.Unlock()
		return fmt.Errorf("give up %s of origin %s: %w", gone, origin, storage.ErrNotHeld)
	}
	var holes ranges
	for _, d := range line.Digest() {
		if d.Epoch == epoch {
			holes = holesWithin(d.Holes, gone)
		}
	}
	if len(holes) == 0 {
		j.mu.Unlock()
		return nil
	}
	line.GiveUp(epoch, gone)
	key := epochKey{origin, epoch}
	list := union(append(slices.Clone(j.keep.gone[key]), holes...))
	j.keep.gone[key] = list
	change := goneChange(key, list)
	j.mu.Unlock()
	if err := j.cfg.State.Put(change); err != nil {
		return fmt.Errorf("remember what was given up of origin %s: %w", origin, err)
	}
	return nil
}

// Streams implements storage.Journal.
func (j *Journal) Streams(match messages.Pattern) []storage.StreamInfo {
	list := j.streams(match)
	// There may be a million: writers are not held up while they are sorted.
	slices.SortFunc(list, func(a, b storage.StreamInfo) int { return cmp.Compare(a.Stream, b.Stream) })
	return list
}

// StreamsAfter implements storage.Journal.
func (j *Journal) StreamsAfter(match messages.Pattern, after messages.Stream, most int) []storage.StreamInfo {
	j.post()
	j.mu.RLock()
	defer j.mu.RUnlock()
	page := storage.NewStreamPage(after, most)
	for stream, t := range j.totals {
		if page.Wants(stream) && match.Match(stream) {
			page.Add(storage.StreamInfo{Stream: stream, Records: t.records, Bytes: t.bytes, Last: t.last})
		}
	}
	return page.Sorted()
}

// streams are those that match, in no order.
func (j *Journal) streams(match messages.Pattern) (list []storage.StreamInfo) {
	j.post()
	j.mu.RLock()
	defer j.mu.RUnlock()
	if match.Literal() {
		stream := messages.Stream(match)
		if t := j.totals[stream]; t != nil {
			list = append(list, storage.StreamInfo{Stream: stream, Records: t.records, Bytes: t.bytes, Last: t.last})
		}
		return list
	}
	for stream, t := range j.totals {
		if match.Match(stream) {
			list = append(list, storage.StreamInfo{Stream: stream, Records: t.records, Bytes: t.bytes, Last: t.last})
		}
	}
	return list
}

// Identities implements storage.Journal.
func (j *Journal) Identities(sinceMs int64, source *string) iter.Seq2[storage.IdentityAt, error] {
	return func(yield func(storage.IdentityAt, error) bool) {
		j.post()
		j.mu.RLock()
		segments := slices.Clone(j.segments)
		j.mu.RUnlock()
		for _, seg := range segments {
			x, err := j.identities(seg, sinceMs)
			if err != nil {
				if !yield(storage.IdentityAt{}, err) {
					return
				}
				continue
			}
			if x == nil {
				continue
			}
			for _, one := range x.ids {
				if one.ms < sinceMs || source != nil && x.sources[one.source] != *source {
					continue
				}
				if !yield(storage.IdentityAt{Identity: one.id, Ms: one.ms}, nil) {
					return
				}
			}
		}
	}
}

// identities gives a segment's identities; nil where none is so new.
func (j *Journal) identities(seg *segment, sinceMs int64) (*index, error) {
	j.mu.RLock()
	if seg.last() < sinceMs {
		j.mu.RUnlock()
		return nil, nil
	}
	if x := seg.index; x != nil { // slices only grow: their present part is stable
		part := &index{ids: x.ids[:len(x.ids):len(x.ids)], sources: x.sources[:len(x.sources):len(x.sources)]}
		j.mu.RUnlock()
		return part, nil
	}
	gone := !slices.Contains(j.segments, seg)
	j.mu.RUnlock()
	if gone {
		return nil, nil
	}
	b, _, err := readPart(j.fs, seg.path+sidecarEnding, partIdentities)
	if err == nil {
		var x *index
		if x, err = decodeIdentities(b); err == nil {
			return x, nil
		}
	}
	return j.restore(seg, err)
}

// Stats implements storage.Journal.
func (j *Journal) Stats() storage.JournalStats {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s := j.stats
	s.Aging = j.aging(j.cfg.Clock())
	s.Bytes, s.Budget, s.Segments = j.bytes, j.cfg.DiskBudget, len(j.segments)
	for _, seg := range j.segments {
		s.Batches += seg.batches
		s.Records += seg.records
	}
	if err := j.noRoomFor(); err != nil {
		s.Full = err.Error()
	}
	switch {
	case j.refused == "":
	case j.roomless:
		s.Full = fmt.Sprintf("%s: %s", j.refusal(), j.refused)
	default:
		s.Refused = j.refused
	}
	s.Note = j.ageNote
	if s.Note == "" {
		s.Note = j.damageNote
	}
	return s
}

// Close implements storage.Journal.
func (j *Journal) Close() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.RLock()
	done := j.closed
	j.mu.RUnlock()
	if done {
		return nil
	}
	err := j.sync()
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.Lock()
	j.closed = true
	now := j.cfg.Clock()
	open := slices.Concat(j.closing, j.failed) // what they have unsynced is lost with the power only
	for f, a := range j.active {
		if a == nil {
			continue
		}
		open = append(open, a)
		a.seg.closed, a.seg.durable = now.UnixMilli(), err == nil && len(a.unsynced) == 0
		j.active[f] = nil
	}
	j.closing, j.failed = nil, nil
	spare := j.spare
	j.spare = nil
	j.mu.Unlock()
	j.upkeep.Lock()
	defer j.upkeep.Unlock()
	j.post()
	if made := j.sidecars(len(j.segments)); err == nil {
		err = made
	}
	for _, a := range open {
		_ = a.file.Truncate(a.seg.size) // what stays allocated only takes room
		if end := a.file.Close(); err == nil {
			err = end
		}
	}
	if spare != nil {
		_ = spare.Close()
		_ = j.fs.Remove(join(j.cfg.Dir, spareName))
	}
	j.files.close()
	return err
}
