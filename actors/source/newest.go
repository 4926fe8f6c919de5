package source

import (
	"math"
	"slices"
	"time"

	"anode/messages"
	"anode/storage"
)

// held is a state that was found: a record in a journal, or one that retention took from it.
type held struct {
	saved
	position messages.Position
	at       messages.HLC
	payload  []byte
	// kept tells that the journal does not hold it any more.
	kept bool
	// walks are those of other owners that had not ended when they sealed a state last.
	walks map[messages.NodeID]held
}

const (
	// mostLooked is how many records of an epoch are looked at for one of this registration.
	mostLooked = 1000
	// skew is, in ms, by how much the clocks of owners may differ: beyond, what one sealed may be passed over, so
	// that an older state is taken.
	skew = 300_000
	// unsure is, in ms, how long before the end of an epoch what follows a hole may have outlived the
	// records that it covers: a power cut takes what was written and not synced, in no order.
	unsure = 60_000
)

// newest finds the newest state on a stream, whoever sealed it; false where there is none.
func newest(cfg *Config, source string, stream messages.Stream, of string) (best held, found bool) {
	if cfg.Kept != nil {
		if best, found = cfg.Kept.get(stream); found && best.Of != of {
			best, found = held{}, false
		}
	}
	infos := cfg.Journal.Streams(messages.Pattern(stream))
	if len(infos) == 0 {
		return best, found
	}
	query := storage.Scan{Stream: stream, Descending: true}
	if at := infos[0].Last; at <= cfg.Clock().Add(time.Minute).UnixMilli() {
		// Only the segments around its last record are opened, unless a clock was ahead.
		query.FromMs, query.ToMs = at-skew, at+1
		if h, ok := newestWithin(cfg, source, query, of); ok {
			if !found || h.after(&best) {
				best = h
			}
			return best, true
		}
		query.FromMs, query.ToMs = 0, 0
	}
	if h, ok := newestWithin(cfg, source, query, of); ok && (!found || h.after(&best)) {
		return h, true
	}
	return best, found
}

// newestWithin finds the newest state of any origin that a query allows.
func newestWithin(cfg *Config, source string, query storage.Scan, of string) (best held, found bool) {
	var walks map[messages.NodeID]held
	for origin, epochs := range cfg.Journal.Digest() {
		latest := held{}
		for i := range epochs {
			if epochs[i].HeadHLC.Millis() < query.FromMs {
				continue
			}
			query.Origin, query.Epoch, query.To = origin, epochs[i].Epoch, 0
			h, ok := lastSure(cfg, source, query, of, &epochs[i])
			if !ok {
				continue
			}
			if h.after(&latest) {
				latest = h
			}
			if !found || h.after(&best) {
				best, found = h, true
			}
		}
		if latest.Walk != nil && origin != cfg.Node {
			if walks == nil {
				walks = make(map[messages.NodeID]held)
			}
			walks[origin] = latest
		}
	}
	for origin, h := range walks { // of a while ago: this source went past it since
		if best.at.Millis()-h.at.Millis() > skew {
			delete(walks, origin)
		}
	}
	best.walks = walks
	return best, found
}

// lastSure finds the last state in one epoch that covers nothing which is missing. Of another node what is missing may
// only be on its way, as when this one is new and fetches what was before it came: then a state a good while
// before that would be too old.
func lastSure(cfg *Config, source string, query storage.Scan, of string, e *messages.EpochDigest) (held, bool) {
	bound := uint64(math.MaxUint64)
	if len(e.Holes) > 0 {
		bound = sure(cfg.Journal, query.Origin, e)
	}
	own := query.Origin == cfg.Node
	if own && bound == 0 {
		return held{}, false
	}
	if own {
		query.To = bound
		return last(cfg, source, query, of)
	}
	h, ok := last(cfg, source, query, of)
	if !ok || h.position.Sequence <= bound || bound == 0 {
		return h, ok
	}
	query.To = bound
	if before, ok := last(cfg, source, query, of); ok && h.at.Millis()-before.at.Millis() <= skew {
		return before, true
	}
	return h, true
}

// after tells whether a state is newer than another one.
func (h *held) after(o *held) bool { return after(h.Turn, h.at, o.Turn, o.at) }

// last finds the last state in one epoch. What can't be read is passed over: an older state gives
// records again, which deduplication knows.
func last(cfg *Config, source string, query storage.Scan, of string) (held, bool) {
	looked := 0
	for ref, err := range cfg.Journal.Scan(query) {
		var group *messages.Group
		if err == nil {
			group, err = groupOf(cfg.Journal, ref.ID, query.Stream)
		}
		if err != nil {
			cfg.Logger.Warn("a state can't be read: an older one is looked for", "source", source, "stream", query.Stream, "error", err)
			continue
		}
		if group == nil {
			continue
		}
		for i := range slices.Backward(group.Records) {
			r := &group.Records[i]
			s, err := decodeSaved(r.Payload)
			if err != nil {
				cfg.Logger.Warn("a state can't be read: an older one is looked for", "source", source, "stream", query.Stream, "error", err)
			} else if s.Of == of {
				return held{saved: s, position: r.Position, at: r.HLC, payload: r.Payload}, true
			}
			if looked++; looked >= mostLooked {
				return held{}, false
			}
		}
	}
	return held{}, false
}

// sure is the highest sequence of an own epoch before which nothing may be missing that was there when
// it was written; 0 is none.
func sure(j storage.Journal, origin messages.NodeID, e *messages.EpochDigest) uint64 {
	bound := uint64(math.MaxUint64)
	for _, hole := range slices.Backward(e.Holes) {
		next, err := j.Read(messages.BatchID{Origin: origin, Epoch: e.Epoch, Sequence: hole.To + 1})
		if err != nil || e.HeadHLC.Millis()-next.First.Millis() > unsure {
			break
		}
		bound = hole.From - 1
	}
	return bound
}

// groupOf gives what a batch has of a stream; nil where it has none.
func groupOf(j storage.Journal, id messages.BatchID, stream messages.Stream) (*messages.Group, error) {
	sealed, err := j.Read(id)
	if err != nil {
		return nil, err
	}
	b, err := sealed.Open()
	if err != nil {
		return nil, err
	}
	return b.Group(stream), nil
}
