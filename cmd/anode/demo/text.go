package demo

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// style is how a piece of text looks where there are colours. Only the sixteen colours that every terminal has, in the
// terminal's own tones, are used.
type style int

const (
	plain style = iota
	strong
	faint
	good
	warn
	bad
	accent
)

// codes are the parameters of SGR for each style.
var codes = [...]string{plain: "", strong: "1", faint: "2", good: "32", warn: "33", bad: "1;31", accent: "36"}

// piece is text in one style.
type piece struct {
	style style
	text  string
}

// line is one line of the view, without its end.
type line []piece

// add appends a piece.
func (l line) add(s style, text string) line { return append(l, piece{s, text}) }

// cells is how many columns of a terminal it takes.
func (l line) cells() (n int) {
	for _, p := range l {
		n += cells(p.text)
	}
	return n
}

// cut shortens a line to so many cells.
func (l line) cut(most int) line {
	var cut line
	for _, p := range l {
		n := cells(p.text)
		if n > most {
			return cut.add(p.style, shorten(p.text, most))
		}
		cut, most = append(cut, p), most-n
	}
	return cut
}

// string is the line with escape codes where colour is wanted, and as plain text otherwise. Blanks at its end are left out.
func (l line) string(colour bool) string {
	var b strings.Builder
	for _, p := range l {
		if !colour || codes[p.style] == "" || strings.TrimSpace(p.text) == "" {
			b.WriteString(p.text)
			continue
		}
		b.WriteString("\x1b[" + codes[p.style] + "m" + p.text + "\x1b[0m")
	}
	return strings.TrimRight(b.String(), " ")
}

// cells is how many columns of a terminal a text takes.
func cells(text string) (n int) {
	for _, r := range text {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100:
		return 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// shorten cuts a text to so many cells, with a mark where something is left out.
func shorten(text string, most int) string {
	if cells(text) <= most {
		return text
	}
	if most <= 0 {
		return ""
	}
	n := 0
	for i, r := range text {
		if n += cellsOf(r); n > most-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// left and right fill a text up with blanks to so many cells, or shorten it.
func left(text string, to int) string {
	text = shorten(text, to)
	return text + strings.Repeat(" ", to-cells(text))
}

func right(text string, to int) string {
	text = shorten(text, to)
	return strings.Repeat(" ", to-cells(text)) + text
}

// clean is a text for one line of a terminal: what people publish can't steer it.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, text)
}

// wrap breaks a text at "; " into lines of so many cells; those that follow are indented by the caller.
func wrap(text string, most int) []string {
	var lines []string
	for i, part := range strings.SplitAfter(text, "; ") {
		if n := len(lines) - 1; i > 0 && cells(lines[n]+strings.TrimRight(part, " ")) <= most {
			lines[n] += part
			continue
		}
		lines = append(lines, part)
	}
	for i := range lines {
		lines[i] = shorten(strings.TrimRight(lines[i], " "), most)
	}
	return lines
}

// spark is a bar for each count, as high as it is beside the most of them, or beside twice the usual one: a short burst
// does not flatten all else.
func spark(counts []uint64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	most := uint64(1)
	if len(counts) > 0 {
		most = max(most, slices.Max(counts))
		if usual := slices.Sorted(slices.Values(counts))[len(counts)/2]; usual > 0 {
			most = min(most, 2*usual)
		}
	}
	var b strings.Builder
	for _, c := range counts {
		b.WriteRune(bars[min(c*uint64(len(bars)-1)/most, uint64(len(bars)-1))])
	}
	return b.String()
}
