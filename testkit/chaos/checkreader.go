package chaos

import (
	"fmt"
	"maps"
	"slices"
)

// stretch is what a gap covers: (from, to].
type stretch struct{ from, to Position }

// reading is what a reader has got, over all its sessions.
type reading struct {
	f     *faults
	held  *shelf
	acked map[string]bool
	who   string
	// got are ids, gaps what was named of each origin; at is the reader's cursor.
	got  map[string]bool
	gaps map[string][]stretch
	at   Cursor
	// base is where a reader of the latest began: it has no claim to what is not above. Of an origin that its cursor does
	// not list all is its due: no epoch of a run began before what the latest reaches back to.
	base Cursor
}

// checkReader looks at each session by itself, and then at what all of them brought.
func checkReader(f *faults, r *Reader, held *shelf, acked map[string]bool) {
	all := &reading{f: f, held: held, acked: acked, who: r.Name, got: make(map[string]bool), gaps: make(map[string][]stretch), at: make(Cursor)}
	all.base = base(r)
	for i := range r.Sessions {
		s := &r.Sessions[i]
		all.who = fmt.Sprintf("%s, session %d on %s", r.Name, i+1, s.Node)
		all.session(s)
	}
	all.who = r.Name
	all.whole()
}

// base is where a reader begins in each origin: what the node named when it was asked for the latest.
func base(r *Reader) Cursor {
	c := make(Cursor)
	if !r.Latest {
		return c
	}
	for i := range r.Sessions {
		for j := range r.Sessions[i].Messages {
			if m := &r.Sessions[i].Messages[j]; m.Op == "subscribed" {
				c.See(m.After...)
				return c
			}
		}
	}
	return c
}

// session checks the promises of one subscription.
func (a *reading) session(s *Session) {
	w := &within{reading: a, start: make(Cursor), delivered: make(Cursor), said: make(Cursor), got: make(map[string]bool)}
	w.start.See(s.After...)
	w.said.See(s.After...)
	for i := range s.Messages {
		m := &s.Messages[i]
		switch m.Op {
		case "subscribed", "cursor":
			w.after(m)
		case "records":
			w.records(m)
		case "gap":
			w.gap(m)
		case "live", "unsubscribed", "pong":
		default:
			a.f.add(Malformed, "%s: %s %s %s", a.who, m.Op, m.Code, m.Message)
		}
		a.at.seen(m)
	}
}

// within is one subscription.
type within struct {
	*reading
	// start is the cursor it came with; delivered the highest record of each origin; said the highest position that the
	// node named, by whatever message.
	start, delivered, said Cursor
	got                    map[string]bool
}

func (w *within) after(m *Message) {
	for _, id := range m.After {
		if id != "" && id[0] == '@' {
			continue
		}
		w.say(id, m.Op)
	}
}

// say takes in a position that a message names, which no later one may be below.
func (w *within) say(id, op string) {
	p, ok := ParsePosition(id)
	switch {
	case !ok:
		w.f.add(Malformed, "%s: %s names the position %q", w.who, op, id)
	case p.Compare(w.said[p.Origin]) < 0:
		w.f.add(WentBack, "%s: %s names %s after %s", w.who, op, p, w.said[p.Origin])
	default:
		w.said[p.Origin] = p
	}
}

func (w *within) records(m *Message) {
	for _, r := range m.Records {
		p, ok := ParsePosition(r.ID)
		if !ok {
			w.f.add(Malformed, "%s: a record has the id %q", w.who, r.ID)
			continue
		}
		switch {
		case w.got[r.ID]:
			w.f.add(Doubled, "%s: %s", w.who, r.ID)
		case p.Compare(w.start[p.Origin]) <= 0:
			w.f.add(Doubled, "%s: %s, and it came with the cursor %s", w.who, r.ID, w.start[p.Origin])
		case p.Compare(w.delivered[p.Origin]) < 0:
			w.f.add(Disordered, "%s: %s after %s", w.who, r.ID, w.delivered[p.Origin])
		case p.Compare(w.said[p.Origin]) <= 0:
			w.f.add(Disordered, "%s: %s, and %s was named before", w.who, r.ID, w.said[p.Origin])
		default:
			w.delivered[p.Origin] = p
		}
		w.got[r.ID], w.reading.got[r.ID] = true, true
	}
	if m.Pos != "" {
		w.say(m.Pos, m.Op)
	}
}

func (w *within) gap(m *Message) {
	from, okFrom := ParsePosition(m.From)
	to, okTo := ParsePosition(m.To)
	if !okFrom || !okTo || from.Origin != to.Origin || from.Origin != m.Origin || from.Compare(to) >= 0 {
		w.f.add(Malformed, "%s: a gap of %q from %q to %q", w.who, m.Origin, m.From, m.To)
		return
	}
	w.gaps[to.Origin] = append(w.gaps[to.Origin], stretch{from, to})
	if m.Reason != "late" { // what comes late lies below what was passed
		w.say(m.To, m.Op)
	}
	for _, p := range w.held.byOrigin[to.Origin] {
		if p.Compare(from) <= 0 || p.Compare(to) > 0 {
			continue
		}
		switch {
		case m.Reason == "missing":
			w.f.add(FalseGap, "%s: %s is held, and missing in the gap from %s to %s", w.who, p, m.From, m.To)
		case m.Reason == "late" && w.acked[p.String()]:
			w.f.add(FalseGap, "%s: %s was acknowledged, and is late in the gap from %s to %s", w.who, p, m.From, m.To)
		}
	}
}

// whole demands that every record that is held was delivered, or named in a gap.
func (a *reading) whole() {
	for _, origin := range slices.Sorted(maps.Keys(a.held.byOrigin)) {
		for _, p := range a.held.byOrigin[origin] {
			switch {
			case a.got[p.String()], a.named(p), p.Compare(a.base[origin]) <= 0:
			case p.Compare(a.at[origin]) <= 0:
				a.f.add(Silent, "%s stands at %s and never got %s", a.who, a.at[origin], p)
			default:
				a.f.add(Unread, "%s stands at %q and has not come to %s", a.who, a.at[origin], p)
			}
		}
	}
}

func (a *reading) named(p Position) bool {
	return slices.ContainsFunc(a.gaps[p.Origin], func(s stretch) bool { return p.Compare(s.from) > 0 && p.Compare(s.to) <= 0 })
}
