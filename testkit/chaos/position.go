package chaos

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Position is a record's place, read as a client reads it that knows only the contract: an origin, and numbers that
// compare as numbers. The zero Position is before all.
type Position struct {
	Origin                 string
	Epoch, Sequence, Index uint64
}

// ParsePosition reads <origin>-<epoch>-<sequence>-<index>.
func ParsePosition(id string) (Position, bool) {
	parts := strings.Split(id, "-")
	if len(parts) != 4 || parts[0] == "" {
		return Position{}, false
	}
	p := Position{Origin: parts[0]}
	for i, n := range []*uint64{&p.Epoch, &p.Sequence, &p.Index} {
		value, err := strconv.ParseUint(parts[i+1], 10, 64)
		if err != nil {
			return Position{}, false
		}
		*n = value
	}
	return p, true
}

// Compare orders positions of one origin.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Epoch, q.Epoch), cmp.Compare(p.Sequence, q.Sequence), cmp.Compare(p.Index, q.Index))
}

// String is the position as a record's id has it.
func (p Position) String() string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return p.Origin + "-" + number(p.Epoch) + "-" + number(p.Sequence) + "-" + number(p.Index)
}

// Cursor is what a reader has seen: a position an origin. The zero Cursor can't be written to; use make.
type Cursor map[string]Position

// See takes in positions; @… and what is no position says nothing about an origin.
func (c Cursor) See(list ...string) {
	for _, id := range list {
		if p, ok := ParsePosition(id); ok && p.Compare(c[p.Origin]) > 0 {
			c[p.Origin] = p
		}
	}
}

// List is the cursor as a subscription takes it, sorted.
func (c Cursor) List() []string {
	list := make([]string, 0, len(c))
	for _, p := range c {
		list = append(list, p.String())
	}
	slices.Sort(list)
	return list
}
