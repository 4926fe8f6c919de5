package registry

import (
	"anode/messages/wire/frame"
)

// The bounds of what is stored of other nodes' events at once.
const (
	mostAtOnce  = 512
	bytesAtOnce = 4 << 20
)

// mostLate is how many events wait for the log only; beyond, the oldest are left out of it.
const mostLate = 1024

// heard are events of other nodes that wait to be stored: of each register the highest, so that there are never more than there
// are registers. Its zero value has none.
type heard struct {
	keys   []string // in order of arrival
	events map[string]frame.Event
	// late are others that came: they hold nothing, and are told of. unlogged counts those for which there was no room.
	late     []frame.Event
	unlogged int
}

func (h *heard) len() int { return len(h.keys) + len(h.late) }

// put takes an event in.
func (h *heard) put(e *frame.Event) {
	old, ok := h.events[e.Key]
	switch {
	case !ok:
		if h.events == nil {
			h.events = make(map[string]frame.Event)
		}
		h.keys = append(h.keys, e.Key)
		h.events[e.Key] = *e
		return
	case compareWire(e, &old) > 0:
		h.events[e.Key], e = *e, &old
	}
	if len(h.late) >= mostLate {
		h.late = h.late[1:]
		h.unlogged++
	}
	h.late = append(h.late, *e)
}

// take gives what is to be stored at once.
func (h *heard) take() (list []frame.Event) {
	list, h.late = h.late, nil
	n, bytes := 0, 0
	for ; n < len(h.keys) && n < mostAtOnce && bytes < bytesAtOnce; n++ {
		e := h.events[h.keys[n]]
		bytes += len(e.Body)
		list = append(list, e)
		delete(h.events, h.keys[n])
	}
	if h.keys = h.keys[n:]; len(h.keys) == 0 {
		h.keys = nil
	}
	return list
}

// found is what comes of events that were heard.
type found struct {
	batch
	// beaten are those that held a register before, by the event that holds it now; of late ones the event that beats them.
	beaten map[*event]*event
	// skipped are removals of what was forgotten here.
	skipped []*event
}

// weigh says what events that came are to what is held: each may come in any order, twice, and lie about anything. It is pure.
func weigh(list []frame.Event, s *sources, rest others, logged map[string]struct{}) found {
	f := found{beaten: make(map[*event]*event)}
	holder, values, late := make(map[string]*event), make(map[string]int), make(map[string]bool)
	for i := range list {
		w := &list[i]
		e := readWire(w)
		if e == nil {
			f.value(w, rest, values)
			continue
		}
		at, has := holder[w.Key]
		if !has {
			at = s.holder(e)
		}
		switch {
		case s.forgotten(e, mostRemoved):
			f.skipped = append(f.skipped, e)
		case at == nil || e.compare(at) > 0:
			if at != nil {
				f.beaten[e] = at
			}
			holder[w.Key] = e
			f.events = append(f.events, e)
		case (at.supersedes(e) || at.unread()) && !e.unread():
			stamp := e.stamp()
			if _, has := logged[stamp]; !has && !late[stamp] {
				late[stamp] = true
				f.late = append(f.late, e)
				f.beaten[e] = at
			}
		}
	}
	return f
}

// value takes in an event that is of no source.
func (f *found) value(w *frame.Event, rest others, at map[string]int) {
	old, has := rest[w.Key]
	if i, again := at[w.Key]; again {
		if compareWire(w, &f.values[i]) > 0 {
			f.values[i] = *w
		}
		return
	}
	if !has || compareWire(w, &old) > 0 {
		at[w.Key] = len(f.values)
		f.values = append(f.values, *w)
	}
}
