package sse

import "bytes"

// recordSeparator begins each text of a JSON sequence (RFC 7464).
const recordSeparator = 0x1e

// sequence puts the lines of a JSON sequence together: a text begins with a separator, may have several lines, and
// is complete with the line that closes what it opened, or with the next separator. A line outside of a text is one
// by itself. The zero value of all but most is the beginning.
type sequence struct {
	// most is the most bytes of a text.
	most int
	// data is the text so far, or of one that is too large the beginning; size is all its bytes.
	data     []byte
	size     int
	tooLarge bool
	// open tells that a text began and is not complete, depth how many arrays and objects of it are open.
	open  bool
	depth int
}

// take takes a line, and gives the texts that are complete with it, at most two.
func (q *sequence) take(l line) []event {
	var complete []event
	for len(l.text) > 0 && l.text[0] == recordSeparator {
		complete = append(complete, q.end()...)
		l.text, l.size = l.text[1:], l.size-1
		q.open = true
	}
	q.append(l)
	if !q.open || q.depth <= 0 && q.size > 0 && !q.tooLarge {
		complete = append(complete, q.end()...)
	}
	return complete
}

func (q *sequence) append(l line) {
	text := bytes.TrimSuffix(l.text, []byte("\r"))
	if q.size == 0 && len(bytes.TrimSpace(text)) == 0 && !l.tooLong {
		return
	}
	if q.size > 0 {
		q.data, q.size = append(q.data, '\n'), q.size+1
	}
	q.size += l.size - (len(l.text) - len(text))
	q.tooLarge = q.tooLarge || l.tooLong || q.size > q.most
	q.depth += opened(text)
	q.data = append(q.data, text...)
	if q.tooLarge {
		q.data = bytes.Clone(q.data[:min(len(q.data), headKept)])
	}
}

// end gives what there is of a text, and begins anew.
func (q *sequence) end() []event {
	e := event{data: q.data, size: q.size, tooLarge: q.tooLarge}
	*q = sequence{most: q.most}
	if e.size == 0 {
		return nil
	}
	return []event{e}
}

// endless tells that a text is so long that no end is awaited.
func (q *sequence) endless() bool { return q.size > patienceTimes*q.most }

// opened is how many arrays and objects a line of JSON opens more than it closes.
func opened(text []byte) (depth int) {
	for quoted, i := false, 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		}
	}
	return depth
}
