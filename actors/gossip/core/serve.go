package core

import (
	"slices"

	"anode/messages"
	"anode/messages/wire/frame"
)

// mostServing is how many pulls of one peer are answered at a time, and how many a node opens over one link: with a
// round trip of 100 ms, 320 flows a second that miss something.
const mostServing = 32

// serve answers a pull: with what is held of it, what is not, and below what retention took all.
func (c *Core) serve(l *link, p *frame.Pull) {
	if l.serving >= mostServing || c.choked(l) {
		c.send(l, &frame.End{ID: p.ID, Busy: true}, Repair)
		return
	}
	end := frame.End{ID: p.ID}
	var held messages.Ranges
	line := c.lineOf(p.Origin)
	e, known := line.Epoch(p.Epoch)
	switch {
	case known:
		held = split(&e, p, &end)
	case p.Epoch <= line.Horizon():
		end.Floor = messages.MaxSequence
	default:
		end.NotHeld = slices.Clone(p.Ranges)
	}
	if len(held) == 0 {
		c.send(l, &end, Repair)
		return
	}
	l.serving++
	l.ends = append(l.ends, end)
	pull := &frame.Pull{ID: p.ID, Origin: p.Origin, Epoch: p.Epoch, Ranges: held, Descending: p.Descending, Bytes: min(p.Bytes, uint32(c.cfg.MaxPull))}
	c.put(Output{Kind: Serve, Peer: l.peer, Pull: pull, Class: Repair})
}

// lineOf is an origin's line, an empty one where the origin is not known.
func (c *Core) lineOf(id messages.NodeID) *messages.Line {
	if o := c.origins[id]; o != nil {
		return o.line
	}
	return messages.NewLine(id)
}

// split tells what of a pull is held, and puts the rest into its End.
func split(e *messages.EpochDigest, p *frame.Pull, end *frame.End) messages.Ranges {
	var held, not messages.Ranges
	for _, r := range p.Ranges {
		if r.From < e.Floor {
			end.Floor = e.Floor
			r.From = e.Floor
		}
		held = held.Add(messages.Range{From: r.From, To: min(r.To, e.Head)})
		not = not.Add(messages.Range{From: max(r.From, e.Head+1), To: r.To})
		for _, h := range e.Holes {
			both := messages.Range{From: max(h.From, r.From), To: min(h.To, r.To)}
			held, not = held.Drop(both), not.Add(both)
		}
	}
	end.NotHeld = not[:min(len(not), frame.MaxRanges)]
	return held[:min(len(held), frame.MaxRanges)]
}

// served ends an answer.
func (c *Core) served(peer messages.NodeID, pull uint64, missing []messages.Range) {
	l := c.links[peer]
	if l == nil {
		return
	}
	for i := range l.ends {
		if l.ends[i].ID != pull {
			continue
		}
		end := l.ends[i]
		l.ends = append(l.ends[:i], l.ends[i+1:]...)
		l.serving--
		not := messages.Ranges(end.NotHeld)
		for _, r := range missing {
			not = not.Add(r)
		}
		end.NotHeld = not[:min(len(not), frame.MaxRanges)]
		c.send(l, &end, Repair)
		return
	}
}
