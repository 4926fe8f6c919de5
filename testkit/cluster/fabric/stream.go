package fabric

import (
	"sync"
	"time"
)

// stream is a stream and its two ends. mu guards all of it but what is set at the making; the ways' locks are taken under it.
type stream struct {
	fabric *Fabric
	ends   [2]conn

	mu    sync.Mutex
	halfs [2]half
	// changed is closed when something has changed; nil while nobody waits.
	changed chan struct{}
}

// kind is what a segment is.
type kind uint8

const (
	data kind = iota
	// fin ends a direction; reset ends the stream.
	fin
	reset
)

// segment is something under way, or come and unread.
type segment struct {
	kind  kind
	bytes []byte
	// sent is when it was sent first, due when it comes; stuck: the way is cut, and it does not.
	sent, due time.Time
	stuck     bool
}

// half is one direction.
type half struct {
	way      *way
	segments []segment
	// used are the bytes of the window: those in segments, and those that were read and of which the sender did not hear.
	used, unheard int
	last          time.Time
	// deaf: who should read has closed. ended: no more is sent.
	deaf, ended bool
}

func newStream(f *Fabric, there, back *way) *stream {
	s := &stream{fabric: f}
	s.halfs[0].way, s.halfs[1].way = there, back
	for i := range s.ends {
		s.ends[i].stream, s.ends[i].out, s.ends[i].in = s, &s.halfs[i], &s.halfs[1-i]
		s.ends[i].far = &s.ends[1-i]
	}
	return s
}

// stir wakes all who wait. Its caller has mu.
func (s *stream) stir() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// watch gives what is closed at the next change. Its caller has mu.
func (s *stream) watch() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// turned takes in that a way was cut or healed.
func (s *stream) turned(w *way, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range s.halfs {
		h := &s.halfs[i]
		switch {
		case h.way == w && cut:
			h.stick(now)
		case h.way == w:
			h.free(now)
		case !cut: // what was read can be told now
			h.used -= h.unheard
			h.unheard = 0
		}
	}
	s.stir()
}

// put sends something. Its caller has the stream's mu.
func (h *half) put(k kind, bytes []byte) {
	now := time.Now()
	takes, open := h.way.surely()
	g := segment{kind: k, bytes: bytes, sent: now, due: h.inOrder(now.Add(takes)), stuck: !open}
	h.segments = append(h.segments, g)
	h.used += len(bytes)
}

// inOrder is when something may come that would come then: not before what was sent before it.
func (h *half) inOrder(due time.Time) time.Time {
	if due.Before(h.last) {
		due = h.last
	}
	h.last = due
	return due
}

// stick holds what has not come yet.
func (h *half) stick(now time.Time) {
	for i := range h.segments {
		if g := &h.segments[i]; g.due.After(now) {
			g.stuck = true
		}
	}
}

// free lets it go on when it is sent again next.
func (h *half) free(now time.Time) {
	first := true
	var at time.Time
	for i := range h.segments {
		g := &h.segments[i]
		if !g.stuck {
			continue
		}
		if first {
			at, first, h.last = nextTry(g.sent, now), false, time.Time{}
		}
		takes, _ := h.way.surely()
		g.stuck, g.due = false, h.inOrder(at.Add(takes))
	}
}

// drop takes back what has not come yet.
func (h *half) drop(now time.Time) {
	for i := range h.segments {
		if h.segments[i].stuck || h.segments[i].due.After(now) {
			h.segments = h.segments[:i]
			return
		}
	}
}

// arrived tells whether the first has come; when it will, or zero where that is not known.
func (h *half) arrived(now time.Time) (is bool, due time.Time) {
	if len(h.segments) == 0 || h.segments[0].stuck {
		return false, time.Time{}
	}
	due = h.segments[0].due
	return !due.After(now), due
}

// broken tells whether a reset has come; when it will, or zero.
func (h *half) broken(now time.Time) (is bool, due time.Time) {
	if len(h.segments) == 0 {
		return false, time.Time{}
	}
	g := &h.segments[len(h.segments)-1]
	if g.kind != reset || g.stuck {
		return false, time.Time{}
	}
	return !g.due.After(now), g.due
}

// read takes what has come into b. heard: the sender hears of it.
func (h *half) read(b []byte, heard bool) int {
	g := &h.segments[0]
	n := copy(b, g.bytes)
	if g.bytes = g.bytes[n:]; len(g.bytes) == 0 {
		h.segments[0] = segment{}
		h.segments = h.segments[1:]
	}
	if heard {
		h.used -= n + h.unheard
		h.unheard = 0
	} else {
		h.unheard += n
	}
	return n
}
