package websocket

import (
	"context"
	"fmt"

	"anode/actors/source"
	"anode/actors/source/transform"
)

// opening is one sending of an open frame.
type opening struct {
	// frame is the index in websocket.open.
	frame int
	// The items from and below to are its .items; with each, the first of them is its .item and all are
	// its .items.
	from, to int
	each     bool
}

// openings are what is sent first, in order: a frame that uses .item once for each of so many items, one that uses
// .items in chunks of at most batch (0 means all at once), and any other once.
func openings(open []any, items, batch int) []opening {
	if batch == 0 {
		batch = items
	}
	var all []opening
	for i, frame := range open {
		switch {
		case items > 0 && source.UsesItem(frame):
			for k := range items {
				all = append(all, opening{i, k, k + 1, true})
			}
		case items > 0 && source.UsesItems(frame):
			for k := 0; k < items; k += batch {
				all = append(all, opening{i, k, min(k+batch, items), false})
			}
		default:
			all = append(all, opening{i, 0, items, false})
		}
	}
	return all
}

// mostFirst is how many open frames are sent before anything is read. Of more the rest is sent beside the
// reading: a feed that answers each would be held up otherwise.
const mostFirst = 64

// introduce sends open frames.
func (s *session) introduce(ctx context.Context, frames []opening) error {
	for _, o := range frames {
		vars, err := s.vars(ctx)
		if err != nil {
			return err
		}
		if all := vars.Items; len(all) > 0 {
			if vars.Items = all[o.from:o.to:o.to]; o.each {
				vars.Item, vars.Items = all[o.from], all
			}
		}
		if err := s.fill(ctx, s.open[o.frame], vars); err != nil {
			return fmt.Errorf("open frame %d: %w", o.frame, err)
		}
	}
	return nil
}

// fill sends what a template makes, unless it makes nothing.
func (s *session) fill(ctx context.Context, t transform.Template, vars transform.Vars) error {
	text, present, err := source.Fill(ctx, t, vars, s.secret)
	if err != nil || !present {
		return err
	}
	return s.send(ctx, []byte(text))
}
