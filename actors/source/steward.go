package source

import (
	"context"
	"slices"
	"strings"
	"time"

	"anode/actors/expr"
	"anode/messages"
	"anode/messages/command"
)

// stewardEvery is the pace at which states are looked after.
const stewardEvery = 30 * time.Second

// steward keeps the states of sources from aging out of the journal: those that this node runs, or
// that are paused here, it seals again; of those that are not registered any more it drops what was kept. It belongs to one
// goroutine.
type steward struct{ *Sources }

func (s steward) run(ctx context.Context) {
	pace := time.NewTicker(s.cfg.stewardEvery())
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
			s.look(ctx)
		}
	}
}

func (c *Config) stewardEvery() time.Duration {
	if c.StatesEvery > 0 {
		return c.StatesEvery
	}
	return stewardEvery
}

// look does what is due.
func (s steward) look(ctx context.Context) {
	latest := s.latest.Load()
	if latest == nil {
		return
	}
	registered := make(map[messages.Stream]*Assignment, len(*latest))
	for i := range *latest {
		registered[stateStream((*latest)[i].name(), nil)] = &(*latest)[i]
	}
	present := make(map[messages.Stream]struct{})
	var due []messages.Stream
	aging := s.cfg.Journal.Stats().Aging
	for _, info := range s.cfg.Journal.Streams(StateStreams) {
		present[info.Stream] = struct{}{}
		if info.Last < aging {
			due = append(due, info.Stream)
		}
	}
	if s.cfg.Kept != nil {
		var gone []messages.Stream
		s.cfg.Kept.each(func(stream messages.Stream, _ string, h held) {
			a := registered[sourceOf(stream)]
			if _, there := present[stream]; a == nil || a.Registered != h.Of {
				gone = append(gone, stream)
			} else if !there {
				due = append(due, stream)
			}
		})
		if err := s.cfg.Kept.forget(gone); err != nil {
			s.cfg.Logger.Warn("states of sources that were removed can't be dropped", "error", err)
		}
	}
	var drafts []messages.Draft
	items := make(map[*Assignment]map[string]bool)
	for _, stream := range due {
		if ctx.Err() != nil {
			return
		}
		a := registered[sourceOf(stream)]
		if a == nil || a.Spec == nil || s.board(a.Spec.Name) == nil { // another node's, or nobody's
			continue
		}
		if h, ok := newest(&s.cfg, a.Spec.Name, stream, a.Registered); ok && (h.Item == nil || itemsOf(a, items)[string(h.Item)]) {
			drafts = append(drafts, messages.Draft{Stream: stream, Source: a.Spec.Name, Payload: slices.Clone(h.payload)})
		}
	}
	s.seal(ctx, drafts)
}

// seal seals states again as they are: one with a higher turn, of which the source may know already, stays
// the newest.
func (s steward) seal(ctx context.Context, drafts []messages.Draft) {
	for len(drafts) > 0 {
		n, size := 0, 0
		for n < len(drafts) && n < mostStates && size < mostStatesBytes {
			size += drafts[n].Size()
			n++
		}
		if err := s.cfg.Intake.Submit(ctx, command.Submission{State: drafts[:n:n]}); err != nil {
			if ctx.Err() == nil {
				s.cfg.Logger.Debug("states can't be sealed again yet", "error", err)
			}
			return
		}
		drafts = drafts[n:]
	}
}

// sourceOf is the stream of the source whose state, or a part of it, is on a stream.
func sourceOf(stream messages.Stream) messages.Stream {
	if dot := strings.LastIndexByte(string(stream), '.'); dot > 0 && dot+1 < len(stream) && stream[dot+1] >= 'A' && stream[dot+1] <= 'Z' {
		return stream[:dot]
	}
	return stream
}

// itemsOf are the items of a source, as JSON; they are made once.
func itemsOf(a *Assignment, made map[*Assignment]map[string]bool) map[string]bool {
	items := made[a]
	if items == nil {
		items = make(map[string]bool, len(a.Spec.Items))
		for _, one := range a.Spec.Items {
			if text, err := expr.Append(nil, one); err == nil {
				items[string(text)] = true
			}
		}
		made[a] = items
	}
	return items
}
