package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"anode/messages"
	"anode/storage"
)

// The buckets of State that a journal has.
const (
	bucketFloors  = "journal.floors"  // <origin>-<epoch> → floor and what an emptied epoch had
	bucketGone    = "journal.gone"    // <origin>-<epoch> → ranges that were given up
	bucketHorizon = "journal.horizon" // <origin> → the highest epoch that was forgotten
	bucketClock   = "journal.clock"   // "seen", "off" → ms
)

// keeping is what is remembered in State. The journal's mu guards it.
type keeping struct {
	floors  map[epochKey]remembered
	gone    map[epochKey]ranges
	horizon map[messages.NodeID]uint64
	// seen is when the clock was last looked at, and stored when that was last remembered.
	seen, stored time.Time
	off          time.Time
}

// remembered is what is kept of an epoch that retention took from.
type remembered struct {
	floor, head uint64
	index       uint32
	hlc         messages.HLC
	begun       bool
	prior       messages.Position
}

func (r remembered) encode() []byte {
	e := encoder{b: []byte{formatVersion}}
	e.uint(r.floor)
	e.uint(r.head)
	e.uint(uint64(r.index))
	e.uint(uint64(r.hlc))
	e.bool(r.begun)
	e.position(r.prior)
	return e.b
}

func decodeRemembered(b []byte, origin messages.NodeID) (remembered, error) {
	if len(b) == 0 || b[0] != formatVersion {
		return remembered{}, errCut
	}
	d := decoder{b: b[1:]}
	r := remembered{floor: d.uint(), head: d.uint(), index: d.uint32(), hlc: messages.HLC(d.uint()), begun: d.bool(), prior: d.position(origin)}
	return r, d.end()
}

// text is the key under which an epoch is remembered.
func (k epochKey) text() string { return string(k.origin) + "-" + strconv.FormatUint(k.epoch, 10) }

func parseKey(text string) (epochKey, error) {
	name, number, _ := strings.Cut(text, "-")
	origin, err := messages.ParseNodeID(name)
	if err != nil {
		return epochKey{}, err
	}
	epoch, err := strconv.ParseUint(number, 10, 64)
	if err != nil || epoch == 0 {
		return epochKey{}, fmt.Errorf("epoch %q is not a number from 1", number)
	}
	return epochKey{origin, epoch}, nil
}

func goneChange(key epochKey, list ranges) storage.Change {
	if len(list) == 0 {
		return storage.Change{Bucket: bucketGone, Key: key.text()}
	}
	e := encoder{b: []byte{formatVersion}}
	e.ranges(list)
	return storage.Change{Bucket: bucketGone, Key: key.text(), Value: e.b}
}

func decodeGone(b []byte) (ranges, error) {
	if len(b) == 0 || b[0] != formatVersion {
		return nil, errCut
	}
	d := decoder{b: b[1:]}
	list := d.ranges()
	return list, d.end()
}

// holesWithin gives the parts of holes that are within a range.
func holesWithin(holes []messages.Range, within messages.Range) ranges {
	var list ranges
	for _, hole := range holes {
		if hole = (messages.Range{From: max(hole.From, within.From), To: min(hole.To, within.To)}); hole.From <= hole.To {
			list = append(list, hole)
		}
	}
	return list
}

// union sorts runs and joins those that touch.
func union(list ranges) ranges {
	slices.SortFunc(list, func(a, b messages.Range) int {
		switch {
		case a.From < b.From:
			return -1
		case a.From > b.From:
			return 1
		}
		return 0
	})
	out := list[:0]
	for _, run := range list {
		if n := len(out); n > 0 && (run.From <= out[n-1].To || run.From == out[n-1].To+1) {
			out[n-1].To = max(out[n-1].To, run.To)
			continue
		}
		out = append(out, run)
	}
	return out
}

// above gives what is not below a floor. It shares nothing with the list.
func (r ranges) above(floor uint64) ranges {
	var kept ranges
	for _, run := range r {
		if run.From = max(run.From, floor); run.From <= run.To {
			kept = append(kept, run)
		}
	}
	return kept
}

// recall reads what is remembered. What is damaged is learned again from the segments.
func recall(state storage.State, log *slog.Logger) keeping {
	k := keeping{floors: make(map[epochKey]remembered), gone: make(map[epochKey]ranges), horizon: make(map[messages.NodeID]uint64)}
	each := func(bucket string, take func(key string, value []byte) error) {
		for pair := range state.Each(bucket) {
			err := pair.Err
			if err == nil {
				err = take(pair.Key, pair.Value)
			}
			if err != nil {
				log.Warn("a remembered value is damaged and is learned again", "bucket", bucket, "key", pair.Key, "error", err)
			}
		}
	}
	each(bucketFloors, func(text string, value []byte) error {
		key, err := parseKey(text)
		if err != nil {
			return err
		}
		k.floors[key], err = decodeRemembered(value, key.origin)
		if err != nil {
			delete(k.floors, key)
		}
		return err
	})
	each(bucketGone, func(text string, value []byte) error {
		key, err := parseKey(text)
		if err != nil {
			return err
		}
		list, err := decodeGone(value)
		if err == nil {
			k.gone[key] = list
		}
		return err
	})
	each(bucketHorizon, func(text string, value []byte) error {
		origin, err := messages.ParseNodeID(text)
		if err != nil || len(value) != 8 {
			return errors.Join(errCut, err)
		}
		k.horizon[origin] = le.Uint64(value)
		return nil
	})
	each(bucketClock, func(text string, value []byte) error {
		if len(value) != 8 {
			return errCut
		}
		at := time.UnixMilli(int64(le.Uint64(value)))
		switch text {
		case "seen":
			k.seen, k.stored = at, at
		case "off":
			k.off = at
		}
		return nil
	})
	return k
}

func number64(bucket, key string, v uint64) storage.Change {
	return storage.Change{Bucket: bucket, Key: key, Value: le.AppendUint64(nil, v)}
}
