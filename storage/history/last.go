package history

import (
	"context"
	"slices"
	"strings"

	"anode/messages"
)

// Last gives the n newest records of a stream that stand at or below a cursor and on their
// origin's line, ascending, in parts of about Config.LastBytes at most. They keep nothing of the batches that they
// came in. Where the journal has fewer, the archive is asked, and done without when it is away. More than that is read twice: backwards to find where it begins, and forwards to give it.
func (h *History) Last(ctx context.Context, stream messages.Stream, n int, upTo messages.Cursor, give func([]*messages.Record) error) error {
	to := &reach{heads: make(map[messages.NodeID]messages.Position, upTo.Len()), archived: true}
	for p := range upTo.All() {
		to.heads[p.Origin] = p
	}
	end := key{ms: most + 1}
	back := h.merge(stream, true, key{}, end, to)
	back.lineOnly, back.patience = true, 0
	var list []*messages.Record
	var oldest key
	size := 0
	for range n {
		r, err := back.next(ctx)
		if err != nil {
			return err
		}
		if r == nil {
			break
		}
		oldest = keyOf(r)
		if size += r.Size(); size <= h.cfg.LastBytes {
			list = append(list, detach(r))
		} else {
			list = nil
		}
	}
	if size <= h.cfg.LastBytes {
		slices.Reverse(list)
		return give(list)
	}
	forth := h.merge(stream, false, oldest.before(), end, to)
	forth.lineOnly, forth.patience, forth.gone = true, 0, back.gone
	return forth.parts(ctx, give)
}

// parts gives all that is left, in parts.
func (m *merge) parts(ctx context.Context, give func([]*messages.Record) error) error {
	var list []*messages.Record
	size := 0
	for {
		r, err := m.next(ctx)
		if err != nil {
			return err
		}
		if r != nil {
			list = append(list, detach(r))
			size += r.Size()
		}
		if r == nil || size >= m.history.cfg.LastBytes {
			if err := give(list); err != nil || r == nil {
				return err
			}
			list, size = nil, 0
		}
	}
}

// detach copies a record, so that its batch can go.
func detach(r *messages.Record) *messages.Record {
	c := *r
	c.Stream = messages.Stream(strings.Clone(string(r.Stream)))
	c.Position.Origin = messages.NodeID(strings.Clone(string(r.Position.Origin)))
	for _, text := range []*string{&c.Source, &c.Key, &c.NativeID, &c.ContentType} {
		*text = strings.Clone(*text)
	}
	c.Payload = slices.Clone(r.Payload)
	return &c
}
