package source

import (
	"math"
	"slices"

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
}

const (
	// mostLooked is how many records of an epoch are looked at for one of this registration.
	mostLooked = 1000
	// unsure is, in ms, how long before the end of an epoch what follows a hole may have outlived the
	// records that it covers: a power cut takes what was written and not synced, in no order.
	unsure = 60_000
)

// newest finds the newest state on a stream, whoever sealed it; false where there is none.
func newest(cfg *Config, source string, stream messages.Stream, of string) (best held, found bool) {
	better := func(h held) {
		if h.Of == of && (!found || after(h.Turn, h.at, best.Turn, best.at)) {
			best, found = h, true
		}
	}
	if cfg.Kept != nil {
		if h, ok := cfg.Kept.get(stream); ok {
			better(h)
		}
	}
	for origin, epochs := range cfg.Journal.Digest() {
		for i := range epochs {
			query := storage.Scan{Stream: stream, Origin: origin, Epoch: epochs[i].Epoch, Descending: true}
			if origin == cfg.Node {
				if query.To = sure(cfg.Journal, origin, &epochs[i]); query.To == 0 {
					continue
				}
			}
			if h, ok := last(cfg, source, query, of); ok {
				better(h)
			}
		}
	}
	return best, found
}

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
