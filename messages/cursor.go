package messages

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Cursor is what a reader has seen: of each origin in it all up to its position.
// An origin not in it is new from its beginning, or, where the cursor has a time,
// from its first batch with a record received then or later. The zero Cursor has
// seen nothing.
//
// Its text form is a list of positions with at most one "@<ms>" among them, joined
// by commas where it stands in one string. A Cursor is not safe for concurrent
// change; Clone it to hand it on.
type Cursor struct {
	at   map[NodeID]Position
	from int64
	time bool
}

// MaxCursor is the most positions of a cursor.
const MaxCursor = 10_000

// ParseCursor reads a list of positions. Of several of one origin the highest counts.
func ParseCursor(list []string) (Cursor, error) {
	var c Cursor
	if len(list) > MaxCursor+1 {
		return c, fmt.Errorf("%w: has %d entries, at most %d positions are allowed", ErrCursor, len(list), MaxCursor)
	}
	for _, text := range list {
		ms, isTime := strings.CutPrefix(text, "@")
		if !isTime {
			p, err := ParsePosition(text)
			if err != nil {
				return Cursor{}, fmt.Errorf("%w: %w", ErrCursor, err)
			}
			c.Advance(p)
			continue
		}
		n, err := strconv.ParseInt(ms, 10, 64)
		if err != nil || n < 0 || n > maxMillis {
			return Cursor{}, fmt.Errorf("%w: %q is not @<Unix milliseconds>", ErrCursor, clip(text))
		}
		if c.time {
			return Cursor{}, fmt.Errorf("%w: has more than one @<ms>", ErrCursor)
		}
		c.from, c.time = n, true
	}
	if len(c.at) > MaxCursor {
		return Cursor{}, fmt.Errorf("%w: has %d positions, at most %d are allowed", ErrCursor, len(c.at), MaxCursor)
	}
	return c, nil
}

// maxMillis is the highest millisecond that an HLC can hold.
const maxMillis = 1<<48 - 1

// ParseCursorText reads the comma-joined form. An empty text is the empty cursor.
func ParseCursorText(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	if strings.Count(text, ",") > MaxCursor {
		return Cursor{}, fmt.Errorf("%w: has more than %d entries", ErrCursor, MaxCursor)
	}
	return ParseCursor(strings.Split(text, ","))
}

// At is the position of an origin, if the cursor lists it.
func (c Cursor) At(origin NodeID) (Position, bool) {
	p, ok := c.at[origin]
	return p, ok
}

// From is the cursor's time in Unix ms, if it has one.
func (c Cursor) From() (ms int64, ok bool) { return c.from, c.time }

// SetFrom gives the cursor a time.
func (c *Cursor) SetFrom(ms int64) { c.from, c.time = min(max(ms, 0), maxMillis), true }

// Advance moves the cursor up to a position; a lower one changes nothing. It tells
// whether the cursor moved.
func (c *Cursor) Advance(p Position) bool {
	if old, ok := c.at[p.Origin]; ok && old.Compare(p) >= 0 {
		return false
	}
	if c.at == nil {
		c.at = make(map[NodeID]Position)
	}
	c.at[p.Origin] = p
	return true
}

// Merge advances the cursor by all positions of another; its own time stays.
func (c *Cursor) Merge(other Cursor) {
	for _, p := range other.at {
		c.Advance(p)
	}
}

// Covers tells whether the position is among what the cursor has seen. Of origins
// that it does not list it has seen nothing.
func (c Cursor) Covers(p Position) bool {
	at, ok := c.at[p.Origin]
	return ok && at.Compare(p) >= 0
}

// Equal tells whether both list the same positions.
func (c Cursor) Equal(other Cursor) bool { return maps.Equal(c.at, other.at) }

// Len is the number of positions.
func (c Cursor) Len() int { return len(c.at) }

// All yields the positions, in no order.
func (c Cursor) All() iter.Seq[Position] { return maps.Values(c.at) }

// Clone is a copy that shares nothing.
func (c Cursor) Clone() Cursor {
	c.at = maps.Clone(c.at)
	return c
}

// List is the cursor as its entries, positions sorted by origin, the time last.
// It is never nil.
func (c Cursor) List() []string {
	list := make([]string, 0, len(c.at)+1)
	for _, p := range c.at {
		list = append(list, p.String())
	}
	slices.Sort(list)
	if c.time {
		list = append(list, "@"+strconv.FormatInt(c.from, 10))
	}
	return list
}

// String is the comma-joined form.
func (c Cursor) String() string { return strings.Join(c.List(), ",") }

// MarshalJSON writes the list.
func (c Cursor) MarshalJSON() ([]byte, error) { return json.Marshal(c.List()) }

// UnmarshalJSON reads the list.
func (c *Cursor) UnmarshalJSON(text []byte) error {
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("%w: must be a list of strings", ErrCursor)
	}
	parsed, err := ParseCursor(list)
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}
