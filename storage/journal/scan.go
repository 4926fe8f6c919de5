package journal

import (
	"bytes"
	"errors"
	"io"

	"anode/messages"
	"anode/messages/wire"
)

// scanner reads a segment from its beginning and finds what is in it.
type scanner struct {
	window window
	// good is called for each batch; its bytes are good until the call returns.
	good func(offset int64, s *wire.Sealed)
	// bad is called for each damaged stretch.
	bad func(d damage)
	// open says that the end may be torn: the segment was not closed.
	open bool
	// frames counts the frames whose header was right.
	frames uint64
	// after is the last good batch so far.
	after messages.BatchID
	// sums are for what looks like a batch behind damage.
	sums sums
}

// damage is a stretch of a segment that is no good frame.
type damage struct {
	offset, length int64
	// guess is the batch that it seems to have been, zero where nothing can be told; after is
	// the good batch before it in the segment, zero where none is.
	guess, after messages.BatchID
	// reason says what is wrong.
	reason string
}

// harmless tells whether no batch can have been in it.
func (d *damage) harmless() bool { return d.length < leastBatch }

// scan tells where the good bytes end, and whether something torn follows.
func (s *scanner) scan() (end int64, torn bool, err error) {
	head := s.window.at(0, segmentHeader)
	whole, err := checkSegmentHeader(head)
	if err != nil {
		return 0, false, err
	}
	if !whole {
		if empty := s.window.zeros(segmentHeader); empty && (zeros(head) || s.open && turned(head)) {
			return segmentHeader, len(head) > 0, nil
		}
		s.found(damage{offset: 0, length: int64(len(head)), reason: "the segment's header is damaged"})
	}
	off := int64(segmentHeader)
	for {
		switch next, what := s.step(off); what {
		case stepOn:
			off = next
		case stepTorn:
			return off, true, nil
		default:
			return next, false, nil
		}
	}
}

// turned tells whether a segment's header ends early, or turns to zeros.
func turned(head []byte) bool { return len(head) < segmentHeader || head[27] == 0 }

// found reports damage, and that a part of it could not be read where that is so.
func (s *scanner) found(d damage) {
	d.after = s.after
	if err := s.window.fault(d.offset, d.length); err != nil {
		d.reason += ": " + err.Error()
	}
	s.bad(d)
}

// take reports a good batch.
func (s *scanner) take(offset int64, b *wire.Sealed) {
	s.good(offset, b)
	s.after = b.ID()
}

type step uint8

const (
	stepOn step = iota
	stepEnd
	stepTorn
)

// step reads the frame at an offset and gives where the next one is.
func (s *scanner) step(off int64) (int64, step) {
	head := s.window.at(off, frameHeader)
	if len(head) == 0 || zeros(head) && s.window.zeros(off) {
		return off, stepEnd
	}
	length, ok := frameLength(head)
	if !ok {
		if s.open && s.window.zeros(off+frameHeader) && cut(head) {
			return off, stepTorn
		}
		return s.search(off, messages.BatchID{})
	}
	s.frames++
	sum := le.Uint32(head[8:])
	end := off + frameHeader + length
	batch := s.window.at(off+frameHeader, int(length))
	reason := "it ends before its length"
	if int64(len(batch)) == length {
		b, err := wire.Parse(batch)
		if err == nil {
			if sum != le.Uint32(batch[length-4:]) {
				s.found(damage{offset: off, length: frameHeader, reason: "the frame's copy of the checksum differs; its batch is whole"})
			}
			s.take(off+frameHeader, &b)
			return end, stepOn
		}
		reason = err.Error()
	}
	if s.open && s.window.zeros(end) && (int64(len(batch)) < length || zeros(batch[length-4:])) {
		return off, stepTorn
	}
	of := guess(batch)
	if end = min(end, s.window.size); s.begins(end) {
		s.found(damage{offset: off, length: end - off, guess: of, reason: reason})
		return end, stepOn
	}
	return s.search(off, of)
}

// cut tells whether a frame's header ends early, or turns to zeros.
func cut(head []byte) bool { return len(head) < frameHeader || head[frameHeader-1] == 0 }

// begins tells whether a frame's header, or the end, stands at an offset.
func (s *scanner) begins(off int64) bool {
	head := s.window.at(off, frameHeader)
	if len(head) == 0 || zeros(head) && s.window.zeros(off) {
		return true
	}
	_, ok := frameLength(head)
	return ok
}

// search looks for the next good batch behind damage: by the mark that each begins with,
// so that a frame whose header alone is damaged loses nothing.
func (s *scanner) search(off int64, of messages.BatchID) (int64, step) {
	for at := off + 1; ; at++ {
		at = s.window.find(at, []byte{'a', 'N', wire.Version})
		if at < 0 {
			end := s.window.size
			if s.window.zeros(end) {
				end = max(s.window.clean, off+1)
			}
			s.found(damage{offset: off, length: end - off, guess: of, reason: "no frame begins here, and no good batch follows"})
			return end, stepEnd
		}
		b, ok := s.batchAt(at)
		if !ok {
			if of == (messages.BatchID{}) && at == off+frameHeader {
				of = guess(s.window.at(at, wire.MaxSealed))
			}
			continue
		}
		reason := "no frame begins here"
		if at == off+frameHeader {
			reason = "the frame's header is damaged; its batch is whole"
		}
		s.found(damage{offset: off, length: at - off, guess: of, reason: reason})
		s.take(at, &b)
		return at + int64(len(b.Bytes())), stepOn
	}
}

// batchAt reads a batch by its own lengths.
func (s *scanner) batchAt(at int64) (wire.Sealed, bool) {
	head := s.window.at(at, leastBatch)
	if len(head) < leastBatch {
		return wire.Sealed{}, false
	}
	length := int64(le.Uint32(head[4:])) + int64(le.Uint32(head[8:])) + 4
	if length < leastBatch || length > wire.MaxSealed || at+length > s.window.size {
		return wire.Sealed{}, false
	}
	// the header is what fails first; and what is made to look like a batch must not cost the reading of one
	batch := s.window.at(at, int(length))
	want := le.Uint32(batch[length-4:])
	if _, err := wire.ParseChecked(batch); err != nil || s.sums.of(&s.window, at, int(length)-4) != want {
		return wire.Sealed{}, false
	}
	b, err := wire.Parse(s.window.at(at, int(length)))
	return b, err == nil
}

// guess reads the name in a damaged batch. It may be wrong: who uses it checks whether
// it can be.
func guess(batch []byte) messages.BatchID {
	if len(batch) < leastBatch {
		return messages.BatchID{}
	}
	n := int(batch[leastBatch-4])
	if n == 0 || n > messages.MaxNodeID || len(batch) < leastBatch-3+n {
		return messages.BatchID{}
	}
	origin, err := messages.ParseNodeID(string(batch[leastBatch-3 : leastBatch-3+n]))
	if err != nil {
		return messages.BatchID{}
	}
	return messages.BatchID{Origin: origin, Epoch: le.Uint64(batch[16:]), Sequence: le.Uint64(batch[24:])}
}

// window gives parts of a file through one buffer. What can't be read is zeros.
type window struct {
	file  io.ReaderAt
	size  int64
	from  int64
	buf   []byte
	space []byte
	// read is told from where each piece is read; nil is nobody.
	read func(from int64)
	// faults are the stretches that could not be read.
	faults []fault
	// clean is a place from which all is known to be zeros, once it was looked for.
	clean  int64
	looked bool
}

// fault is a stretch of a file that could not be read.
type fault struct {
	from, to int64
	err      error
}

// fault gives why a part of a stretch could not be read, nil where it could.
func (w *window) fault(off, length int64) error {
	for _, f := range w.faults {
		if f.from < off+length && f.to > off {
			return f.err
		}
	}
	return nil
}

const (
	windowSize = 4 * mib
	pageSize   = 4096
)

// at gives n bytes, or fewer where the file ends. They are good until the next call.
func (w *window) at(off int64, n int) []byte {
	if off >= w.size {
		return nil
	}
	n = int(min(int64(n), w.size-off))
	if off < w.from || off+int64(n) > w.from+int64(len(w.buf)) {
		w.fill(off, max(n, windowSize))
	}
	lo := off - w.from
	return w.buf[lo : lo+int64(n) : lo+int64(n)]
}

func (w *window) fill(off int64, n int) {
	n = int(min(int64(n), w.size-off))
	if cap(w.space) < n {
		w.space = make([]byte, n)
	}
	w.from, w.buf = off, w.space[:n]
	if w.read != nil {
		w.read(off)
	}
	if got, err := w.file.ReadAt(w.buf, off); got == n || errors.Is(err, io.EOF) {
		clear(w.buf[got:])
		return
	}
	for at := 0; at < n; at += pageSize { // a part of it can't be read: keep the rest
		page := w.buf[at:min(at+pageSize, n)]
		got, err := w.file.ReadAt(page, off+int64(at))
		if got == len(page) {
			continue
		}
		clear(page[got:])
		if from := off + int64(at+got); !errors.Is(err, io.EOF) && w.fault(from, 1) == nil {
			w.faults = append(w.faults, fault{from, off + int64(at+len(page)), err})
		}
	}
}

// zeros tells whether all from an offset on is zeros.
func (w *window) zeros(off int64) bool {
	if !w.looked {
		w.looked, w.clean = true, w.tail()
	}
	return off >= w.clean
}

// tail finds where the zeros at the end of the file begin.
func (w *window) tail() int64 {
	page := make([]byte, 64<<10)
	for end := w.size; end > 0; {
		n := min(int64(len(page)), end)
		part := page[:n]
		if got, err := w.file.ReadAt(part, end-n); got < len(part) && err != nil && !errors.Is(err, io.EOF) {
			return end // what can't be read is not known to be zeros
		} else if got < len(part) {
			clear(part[got:])
		}
		if last := lastNonZero(part); last >= 0 {
			return end - n + int64(last) + 1
		}
		end -= n
	}
	return 0
}

func lastNonZero(b []byte) int {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0 {
			return i
		}
	}
	return -1
}

// find gives the place of a mark from an offset on, or -1.
func (w *window) find(off int64, mark []byte) int64 {
	for off+int64(len(mark)) <= w.size {
		part := w.at(off, int(min(64<<10, w.size-off)))
		if i := bytes.Index(part, mark); i >= 0 {
			return off + int64(i)
		}
		off += int64(len(part) - len(mark) + 1)
	}
	return -1
}

func zeros(b []byte) bool { return lastNonZero(b) < 0 }
