package demo

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// picture is what is shown at a moment.
type picture struct {
	now   time.Time
	tally *tally
	// subscribers are those besides the view; -1 is not known.
	subscribers int
	log         []string
}

// line is the picture where there is no terminal.
func (p *picture) line(newest string) string {
	text := fmt.Sprintf("%4ds  %6d records  %5.1f/s  %3d streams  %s", int(p.now.Sub(p.tally.start).Seconds()),
		p.tally.all.total, p.tally.all.rate(p.now, p.tally.start), len(p.tally.streams), p.people())
	if s := p.tally.streams[newest]; s != nil {
		text += "  " + s.name + " " + s.latest
	}
	return clean(text, 160)
}

func (p *picture) people() string {
	switch p.subscribers {
	case -1:
		return "subscribers ?"
	case 1:
		return "1 subscriber"
	}
	return fmt.Sprintf("%d subscribers", p.subscribers)
}

// block is the picture on a terminal of that size, as lines without their ends.
func (p *picture) block(width, height int) []string {
	t := p.tally
	head := fmt.Sprintf("  %s   %d records   %.1f/s   %d streams   %s", p.now.Sub(t.start).Truncate(time.Second),
		t.all.total, t.all.rate(p.now, t.start), len(t.streams), p.people())
	if t.gaps > 0 {
		head += fmt.Sprintf("   %d gaps", t.gaps)
	}
	lines := []string{clean(head+"   (q ends)", width), ""}
	streams := t.sorted()
	column := len("STREAM")
	for _, s := range streams {
		column = max(column, min(utf8.RuneCountInString(s.name), 32))
	}
	row := func(name, records, rate, latest string) {
		name = clean(name, column)
		pad := strings.Repeat(" ", column-utf8.RuneCountInString(name))
		lines = append(lines, clean(fmt.Sprintf("  %s%s %8s %6s  %s", name, pad, records, rate, latest), width))
	}
	row("STREAM", "RECORDS", "/s", "LATEST")
	room := max(height-len(lines)-len(p.log)-2, 1)
	for i, s := range streams {
		if i == room-1 && len(streams) > room {
			lines = append(lines, clean(fmt.Sprintf("  … and %d streams more", len(streams)-i), width))
			break
		}
		row(s.name, fmt.Sprint(s.total), fmt.Sprintf("%.1f", s.rate(p.now, t.start)), s.latest)
	}
	for _, l := range p.log {
		lines = append(lines, clean("  "+l, width))
	}
	return lines
}

// clean is a text for one line of a terminal, of so many characters at most: what people publish can't
// steer it.
func clean(text string, most int) string {
	var b strings.Builder
	count := 0
	for _, r := range text {
		if count == most-1 && utf8.RuneCountInString(text) > most {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			r = '·'
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
}
