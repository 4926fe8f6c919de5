package sse

import "bytes"

// The bounds of what has no end. Tests have smaller ones.
const (
	// headKept is how much is kept of a line that is too long: enough to tell what it is, and to show.
	headKept = 4 << 10
	// patienceTimes is after how many times the most of a message it counts as one without end.
	patienceTimes = 4
)

// line is one line without its end.
type line struct {
	// text is valid until the splitter is asked again. Of a line that is too long it is the beginning.
	text []byte
	// size is the bytes of the line.
	size    int
	tooLong bool
}

// splitter takes a text that comes in pieces apart into lines. The zero value of all but most is the
// beginning.
type splitter struct {
	// most is the most bytes of a line.
	most int
	// onlyLF tells that a CR ends no line.
	onlyLF bool

	// part is the beginning of a line whose end did not come yet, size its bytes.
	part []byte
	size int
	// afterCR tells that a LF belongs to the line before.
	afterCR bool
	// begun tells that the byte order mark was looked for.
	begun bool
}

// next takes a line off the piece, and gives the rest of it. False means that the piece holds no end
// of a line: it was taken whole.
func (s *splitter) next(piece []byte) (l line, rest []byte, ok bool) {
	if s.afterCR && len(piece) > 0 {
		s.afterCR = false
		if piece[0] == '\n' {
			piece = piece[1:]
		}
	}
	end := s.end(piece)
	if end < 0 {
		s.keep(piece)
		return line{}, nil, false
	}
	s.afterCR = piece[end] == '\r'
	text, rest := piece[:end], piece[end+1:]
	if s.size > 0 {
		s.keep(text)
		l = line{s.part, s.size, s.size > s.most}
		s.part, s.size = s.part[:0], 0
		if cap(s.part) > headKept {
			s.part = nil // the next line may be short
		}
	} else {
		l = s.clipped(text)
	}
	if !s.begun {
		s.begun = true
		if text, marked := bytes.CutPrefix(l.text, []byte("\xef\xbb\xbf")); marked {
			l.text, l.size = text, l.size-3
		}
	}
	return l, rest, true
}

func (s *splitter) end(piece []byte) int {
	if s.onlyLF {
		return bytes.IndexByte(piece, '\n')
	}
	lf := bytes.IndexByte(piece, '\n')
	before := piece
	if lf >= 0 {
		before = piece[:lf]
	}
	if cr := bytes.IndexByte(before, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

func (s *splitter) clipped(text []byte) line {
	if len(text) > s.most {
		return line{text[:min(headKept, len(text))], len(text), true}
	}
	return line{text, len(text), false}
}

// keep adds to the line that has no end yet, within the bound.
func (s *splitter) keep(text []byte) {
	s.size += len(text)
	switch {
	case s.size <= s.most:
		s.part = append(s.part, text...)
	case len(s.part) > headKept:
		s.part = append([]byte(nil), s.part[:headKept]...) // the memory of the rest is free
	case len(s.part) < headKept && s.size-len(text) <= s.most:
		s.part = append(s.part, text[:min(len(text), headKept-len(s.part))]...)
	}
}

// endless tells that the line that did not end yet is so long that it has none.
func (s *splitter) endless() bool { return s.size > patienceTimes*s.most }

// last gives what follows the last end of a line; false where there is nothing.
func (s *splitter) last() (line, bool) {
	if s.size == 0 {
		return line{}, false
	}
	l := line{s.part, s.size, s.size > s.most}
	s.part, s.size = nil, 0
	return l, true
}
