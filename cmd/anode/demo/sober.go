package demo

import (
	"fmt"
	"io"
	"time"

	"anode/messages/units"
)

// sober writes the model where there is no terminal: lines without escapes. It belongs to one goroutine.
type sober struct {
	out io.Writer
	// next is when the next line of figures is due.
	next   time.Time
	pasted bool
}

// lineEvery is how often there is a line of figures.
const lineEvery = 3 * time.Second

// show writes what is new.
func (s *sober) show(m *model, now time.Time) error {
	var err error
	write := func(text string) {
		if err == nil {
			_, err = fmt.Fprintln(s.out, text)
		}
	}
	if m.up && !s.pasted {
		s.pasted = true
		for i := range m.nodes {
			n := &m.nodes[i]
			write(fmt.Sprintf("%s  pid %d  %s/", n.name, n.pid, n.url))
		}
		write("data and logs are in " + m.dir + ", removed at the end. To paste into another terminal:")
		for _, text := range m.pasted() {
			write("  " + text)
		}
	}
	for _, e := range m.story.untold() {
		write(fmt.Sprintf("%6s  %s", clockText(e.at.Sub(m.began)), clean(e.text())))
	}
	if !now.Before(s.next) {
		s.next = now.Add(lineEvery)
		if m.up {
			write(m.figures(now))
		}
	}
	return err
}

// figures are the model in one line.
func (m *model) figures(now time.Time) string {
	living := 0
	for i := range m.nodes {
		if m.nodes[i].life == alive {
			living++
		}
	}
	c := m.count
	text := fmt.Sprintf("%6s  nodes %d/%d  %.1f/s  stored %d  seen %d  missed %d  doubled %d  gaps %d", clockText(now.Sub(m.began)),
		living, len(m.nodes), m.tally.all.rate(now, m.began), c.published, c.delivered(), len(c.missed), c.doubled, c.gaps)
	if q, known := m.delays.quantiles(0.5, 0.99); known {
		text += fmt.Sprintf("  p50 %s  p99 %s", span(q[0]), span(q[1]))
	}
	return text
}

// summary is what is said at the end.
func (m *model) summary(now time.Time) string {
	c := m.count
	text := fmt.Sprintf("%s records in %s", units.Grouped(m.tally.all.total), span(now.Sub(m.began)))
	if !m.tally.first.IsZero() {
		text += ", the first after " + span(m.tally.first.Sub(m.began))
	}
	text += fmt.Sprintf(".\n  Of %s numbered ones stored %s were seen: missed %d, doubled %d, %s.",
		units.Grouped(c.published), units.Grouped(c.delivered()), len(c.missed), c.doubled, plural(c.gaps, "gap", "gaps"))
	if n := len(c.waiting); n > 0 {
		text += fmt.Sprintf(" %d more are held by nodes that were down.", n)
	}
	return text
}
