package sse

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"
)

// mostID is the most bytes of an id that is remembered.
const mostID = 64 << 10

// event is what the feed sent between two empty lines, with data.
type event struct {
	name string
	data []byte
	// size is the bytes of its data; of what is too large, data is the beginning.
	size     int
	tooLarge bool
}

// events makes events of lines. It is the state machine of the standard: three buffers that an
// empty line empties, but for the id.
type events struct {
	// most is the most bytes of data.
	most int

	data     []byte
	size     int
	hasData  bool
	tooLarge bool
	name     string
	// idBuffer is the newest id; id is that of the last empty line, which counts.
	idBuffer, id string
	// retry is the feed's wish for the pause between connections; 0 is none.
	retry time.Duration
}

// take takes a line; true means that it completed an event, which is the caller's.
func (s *events) take(l line) (e event, complete bool) {
	if l.size == 0 {
		return s.dispatch()
	}
	name, value, _ := bytes.Cut(l.text, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		s.add(value, l)
	case "event":
		if !l.tooLong {
			s.name = strings.ToValidUTF8(string(value), "\uFFFD")
		}
	case "id":
		if id := string(value); !l.tooLong && sendable(id) {
			s.idBuffer = id
		}
	case "retry":
		if wish, ok := milliseconds(value); ok && !l.tooLong {
			s.retry = wish
		}
	}
	return event{}, false // a comment has an empty name
}

// sendable tells whether a header can have an id; NUL is what the standard forbids.
func sendable(id string) bool {
	return len(id) <= mostID && utf8.ValidString(id) && !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// milliseconds reads ASCII digits, as retry has them.
func milliseconds(text []byte) (time.Duration, bool) {
	const most = int64(24 * time.Hour / time.Millisecond)
	n := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(most, n*10+int64(c-'0'))
	}
	return time.Duration(n) * time.Millisecond, len(text) > 0
}

// add joins lines of data.
func (s *events) add(value []byte, l line) {
	size := len(value)
	if l.tooLong {
		size += l.size - len(l.text)
	}
	if s.hasData {
		size++
	}
	s.size += size
	if s.size > s.most || l.tooLong {
		if !s.tooLarge {
			s.tooLarge = true
			kept := append(s.data, value[:min(len(value), headKept)]...)
			s.data = append([]byte(nil), kept[:min(len(kept), headKept)]...)
		}
		s.hasData = true
		return
	}
	if s.hasData {
		s.data = append(s.data, '\n')
	}
	s.hasData = true
	s.data = append(s.data, value...)
}

// endless tells that the data that no empty line ended yet is so much that it has no end.
func (s *events) endless() bool { return s.size > patienceTimes*s.most }

// dispatch ends an event.
func (s *events) dispatch() (event, bool) {
	s.id = s.idBuffer
	e, complete := event{s.name, s.data, s.size, s.tooLarge}, s.hasData
	s.data, s.size, s.hasData, s.tooLarge, s.name = nil, 0, false, false, ""
	if e.name == "" {
		e.name = "message"
	}
	return e, complete
}
