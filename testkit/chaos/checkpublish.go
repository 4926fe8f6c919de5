package chaos

import (
	"cmp"
	"slices"
	"strings"
)

// checkPublishes holds what publishers were told against what is held.
func checkPublishes(f *faults, h *History, held *shelf) {
	published := make(map[Datum]bool, len(h.Publishes))
	for i := range h.Publishes {
		p := &h.Publishes[i]
		published[p.Datum] = true
		switch {
		case p.Outcome == Acknowledged:
			checkAcknowledged(f, p, held)
		case p.Outcome == Refused && p.Why != "unavailable" && p.Why != "storage_full":
			f.add(Malformed, "%s refused %+v: %s", p.Node, p.Datum, p.Why)
		}
	}
	for id, r := range held.byID {
		if !published[r.Data] {
			f.add(Invented, "%s: %+v", id, r.Data)
		}
	}
	for datum, ids := range held.copies {
		origins := make(map[string]string, len(ids))
		for _, id := range ids {
			origin, _, _ := strings.Cut(id, "-")
			if first, twice := origins[origin]; twice && !h.Wiped[origin] {
				f.add(StoredTwice, "%+v is %s and %s", datum, first, id)
			}
			origins[origin] = id
		}
	}
	checkNumbers(f, h)
}

func checkAcknowledged(f *faults, p *Publish, held *shelf) {
	switch {
	case p.ID == "":
		if len(held.copies[p.Datum]) == 0 {
			f.add(Lost, "%+v, acknowledged by %s as a duplicate at %s, is nowhere", p.Datum, p.Node, p.End)
		}
	case held.byID[p.ID].ID == "":
		f.add(Lost, "%+v, acknowledged by %s as %s at %s, is nowhere", p.Datum, p.Node, p.ID, p.End)
	case held.byID[p.ID].Data != p.Datum:
		f.add(Lost, "%+v was acknowledged by %s as %s, and there is %+v", p.Datum, p.Node, p.ID, held.byID[p.ID].Data)
	}
}

// checkNumbers demands of each origin that who began to publish when another had its answer comes after it. It walks
// by time: what was answered before an operation began must lie lower than it.
func checkNumbers(f *faults, h *History) {
	type moment struct {
		at    int64
		begin bool
		pos   Position
	}
	byOrigin := make(map[string][]moment)
	for i := range h.Publishes {
		p := &h.Publishes[i]
		pos, ok := ParsePosition(p.ID)
		if p.Outcome != Acknowledged || !ok {
			continue
		}
		byOrigin[pos.Origin] = append(byOrigin[pos.Origin], moment{int64(p.Begin), true, pos}, moment{int64(p.End), false, pos})
	}
	for _, list := range byOrigin {
		// Of one moment beginnings come first: they are at the same time, not after.
		slices.SortStableFunc(list, func(a, b moment) int {
			if c := cmp.Compare(a.at, b.at); c != 0 || a.begin == b.begin {
				return c
			} else if a.begin {
				return -1
			}
			return 1
		})
		var highest Position
		for _, m := range list {
			switch {
			case !m.begin && m.pos.Compare(highest) > 0:
				highest = m.pos
			case m.begin && m.pos.Compare(highest) < 0:
				f.add(Misnumbered, "%s was published after %s had been acknowledged", m.pos, highest)
			}
		}
	}
}
