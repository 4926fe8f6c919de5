package e2e_test

import (
	"slices"
	"strconv"
	"strings"
)

// position is a record's place, read as a client that knows only the contract reads it.
type position struct {
	origin  string
	numbers [3]uint64
}

func parsePosition(id string) position {
	parts := strings.Split(id, "-")
	p := position{origin: parts[0]}
	for i := range p.numbers {
		if i+1 < len(parts) {
			p.numbers[i], _ = strconv.ParseUint(parts[i+1], 10, 64)
		}
	}
	return p
}

func (p position) above(q position) bool { return slices.Compare(p.numbers[:], q.numbers[:]) > 0 }

// cursor is what a client keeps to come again.
type cursor struct {
	at   map[string]string
	time string
}

func newCursor() *cursor { return &cursor{at: map[string]string{}} }

// see takes in positions; it tells whether the last of them was new.
func (c *cursor) see(list ...string) bool {
	moved := false
	for _, id := range list {
		if strings.HasPrefix(id, "@") {
			c.time = id
			continue
		}
		p := parsePosition(id)
		old, known := c.at[p.origin]
		if moved = !known || p.above(parsePosition(old)); moved {
			c.at[p.origin] = id
		}
	}
	return moved
}

// covers tells whether a record was seen.
func (c *cursor) covers(id string) bool {
	p := parsePosition(id)
	old, known := c.at[p.origin]
	return known && !p.above(parsePosition(old))
}

func (c *cursor) list() []string {
	list := []string{}
	for _, id := range c.at {
		list = append(list, id)
	}
	slices.Sort(list)
	if c.time != "" {
		list = append(list, c.time)
	}
	return list
}
