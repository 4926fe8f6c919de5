package hub

import (
	"context"
	"slices"

	"anode/messages"
	"anode/messages/command"
)

// The most of one origin that the walker reads back before the next has its turn.
const (
	turnBatches = 64
	turnBytes   = 1 << 20
)

// backlog is an origin in which the hub must read back what was not announced in its order: after a hole was filled or
// given up. Its place moves by the walker alone until the walker is through. The hub's mu guards it.
type backlog struct {
	// again: something came since the walker looked last.
	again bool
	// late is what turned up behind the readers meanwhile; they hear of it when they have passed it.
	late messages.Gap
}

// found is what the walker finds to do in an origin.
type found uint8

const (
	// through: nothing, the hub is not behind.
	through found = iota
	// unwanted: a batch that was passed, as nobody is subscribed.
	unwanted
	// wanted: a batch that is to be read back.
	wanted
)

// walk gives the loops all that comes after where the hub stands in an origin, up to a batch that was not announced:
// the walker goes on there. mu is held.
func (h *Hub) walk(origin messages.NodeID, at []command.StoredBatch) {
	if b := h.behind[origin]; b != nil {
		b.again = true
		return
	}
	for {
		step := h.stride(origin)
		if step.Kind != messages.StepBatch {
			return
		}
		i := slices.IndexFunc(at, func(b command.StoredBatch) bool { return b.ID() == step.Batch })
		if i < 0 {
			h.behind[origin] = &backlog{}
			h.wakeWalker()
			return
		}
		from, to := h.at[origin], at[i].Position()
		if !h.wanted() {
			h.pass(step, from, &at[i])
			h.at[origin] = to.BatchEnd()
			continue
		}
		s, err := h.sheet(&at[i])
		if err != nil {
			h.unreadable(step.Batch, err)
			return
		}
		h.deliver(step, s)
	}
}

// stride passes what is gone, and gives what comes after where the hub stands then: no gap. mu is held.
func (h *Hub) stride(origin messages.NodeID) messages.Step {
	for {
		from := h.at[origin]
		step := h.cfg.Journal.Next(from)
		if step.Kind != messages.StepGap {
			return step
		}
		h.push(&item{kind: gap, origin: origin, from: from, to: step.Gap.To, gap: step.Gap})
		h.at[origin] = step.Gap.To
	}
}

// deliver gives the loops the batch of a step. mu is held.
func (h *Hub) deliver(step messages.Step, s *sheet) {
	origin := step.Batch.Origin
	if int(step.Skip) <= int(s.at.Index) {
		h.push(&item{kind: batch, origin: origin, from: h.at[origin], to: s.at, sheet: s, size: s.size})
	}
	h.at[origin] = s.at.BatchEnd()
}

func (h *Hub) unreadable(id messages.BatchID, err error) {
	h.log.Warn("a batch can't be read and is left out until it is mended or given up", "origin", id.Origin, "epoch", id.Epoch, "seq", id.Sequence, "error", err)
}

// pass tells the loops of a batch that nobody wanted a moment ago. One with a feed since gets it, unopened.
func (h *Hub) pass(step messages.Step, from messages.Position, b *command.StoredBatch) {
	to := b.Position()
	if int(step.Skip) > int(to.Index) {
		return
	}
	var it *item
	for _, l := range h.loops {
		if l.passes(to) {
			continue
		}
		if it == nil {
			s := sealedSheet(&b.Sealed, h.cfg.Clock())
			it = &item{kind: batch, origin: to.Origin, from: from, to: to, sheet: s, size: s.size}
		}
		l.push(it)
	}
}

// passUnread tells all loops of a batch that nobody wants, or none where somebody does. mu is held, and all the loops'
// mutexes are: one that had passed it must not get it.
func (h *Hub) passUnread(to messages.Position) bool {
	for _, l := range h.loops {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.running && (l.listed > 0 || l.skipped != nil) {
			return false
		}
	}
	for _, l := range h.loops {
		if l.running {
			l.passTo(to.Origin, to)
		}
	}
	return true
}

// sheet opens a batch that was announced.
func (h *Hub) sheet(b *command.StoredBatch) (*sheet, error) {
	now := h.cfg.Clock()
	if b.Batch != nil {
		return newSheet(b.Batch, now), nil
	}
	s := sealedSheet(&b.Sealed, now)
	return s, s.open()
}

// readBack opens what the journal holds. It waits for the disk: mu must not be held.
func (h *Hub) readBack(id messages.BatchID) (*sheet, error) {
	sealed, err := h.cfg.Journal.Read(id)
	if err != nil {
		return nil, err
	}
	b, err := sealed.Open()
	if err != nil {
		return nil, err
	}
	return newSheet(b, h.cfg.Clock()), nil
}

func (h *Hub) wakeWalker() {
	select {
	case h.walkOn <- struct{}{}:
	default:
	}
}

// runWalker walks on, by turns, in the origins in which the hub is behind. What is behind when ctx ends stays so for
// the next.
func (h *Hub) runWalker(ctx context.Context) error {
	for {
		origins := h.backlogs()
		for _, origin := range origins {
			h.turn(ctx, origin)
		}
		if len(origins) > 0 && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.walkOn:
		}
	}
}

// backlogs are the origins in which the hub is behind.
func (h *Hub) backlogs() []messages.NodeID {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]messages.NodeID, 0, len(h.behind))
	for origin := range h.behind {
		list = append(list, origin)
	}
	return list
}

// turn walks a stretch of one origin.
func (h *Hub) turn(ctx context.Context, origin messages.NodeID) {
	for n, size := 0, 0; n < turnBatches && size < turnBytes && ctx.Err() == nil; n++ {
		from, step, found := h.look(origin)
		switch found {
		case through:
			return
		case unwanted:
			continue
		case wanted:
		}
		s, err := h.readBack(step.Batch)
		if !h.settle(from, step, s, err) {
			return
		}
		size += s.size
	}
}

// look gives the batch to read back, and the place before it.
func (h *Hub) look(origin messages.NodeID) (messages.Position, messages.Step, found) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.behind[origin]
	if b == nil {
		return messages.Position{}, messages.Step{}, through
	}
	b.again = false
	step := h.stride(origin)
	if step.Kind != messages.StepBatch {
		h.caughtUp(origin)
		return messages.Position{}, step, through
	}
	if end := step.Batch.End(); h.passUnread(end) {
		h.at[origin] = end
		return end, step, unwanted
	}
	return h.at[origin], step, wanted
}

// settle takes in what was read back from a place; false where the turn ends.
func (h *Hub) settle(from messages.Position, step messages.Step, s *sheet, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	origin := step.Batch.Origin
	b := h.behind[origin]
	switch {
	case b == nil, h.at[origin] != from: // the actor was made anew meanwhile, and its walker was faster
		return false
	case err == nil:
		h.deliver(step, s)
		return true
	}
	h.unreadable(step.Batch, err)
	if !b.again { // else it may be mended
		h.caughtUp(origin)
	}
	return false
}

// caughtUp ends the walker's part in an origin. mu is held.
func (h *Hub) caughtUp(origin messages.NodeID) {
	late := h.behind[origin].late
	delete(h.behind, origin)
	if late.Origin != "" {
		h.pushLate(late)
	}
}
