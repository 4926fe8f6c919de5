package transform

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"time"

	"anode/messages"
	"anode/messages/spec"
	"anode/messages/units"
)

const (
	// maxNumberings is how many things a source may number; beyond, the one unseen for longest is forgotten.
	maxNumberings = 10_000
	// lookBack is how many of the last numbers are remembered one by one.
	lookBack = 128
)

// Gap is a hole in the feed's own numbering: From and To are missing, and what is between them.
type Gap struct {
	// Per is what is numbered, empty where the whole source is.
	Per      string
	From, To int64
}

// missing is how many numbers are.
func (g Gap) missing() uint64 { return uint64(g.To) - uint64(g.From) + 1 }

func (g Gap) String() string {
	of := ""
	if g.Per != "" {
		of = " of " + strconv.Quote(units.Clip(g.Per, 64))
	}
	if g.From == g.To {
		return fmt.Sprintf("1 is missing%s: %d", of, g.From)
	}
	return fmt.Sprintf("%d are missing%s: %d to %d", g.missing(), of, g.From, g.To)
}

// sequence watches the feed's own numbering. What it knows outlives connections, but not the node.
//
// Of each thing that is numbered it knows the last number, and for the last 128 numbers whether
// they came and with which content. A number that comes next is well. One beyond leaves a hole.
// One below is one of these:
//
//   - it came before with this content, or it fills a hole: nothing is wrong;
//   - it is the first of its thing on a new connection: the feed numbers anew, silently;
//   - otherwise it waits for the next. If that is the one after the last, it was a stray; if it is another
//     low one, above the first, the feed has begun its numbering anew (RFC 3550, appendix A.1, tells
//     restarts from strays in this way).
type sequence struct {
	value, per *extractor
	reconnect  bool
	backoff    spec.Backoff
	seed       maphash.Seed

	connection connection
	most       int
	lines      map[string]*list.Element
	byUse      list.List // of *numbering, the last used first
	evicted    bool      // on this connection

	// again is when a hole may end a connection again, wait the time that it grew by last.
	again time.Time
	wait  time.Duration
}

func compileSequence(language Language, s *spec.Spec, fault func(string, error)) *sequence {
	if s.Sequence == nil {
		return nil
	}
	q := &sequence{
		reconnect: s.Sequence.OnGap == spec.GapReconnect, backoff: s.Backoff, seed: maphash.MakeSeed(),
		most: maxNumberings, lines: make(map[string]*list.Element),
	}
	var err error
	if q.value, err = compileExtractor(language, "sequence", s.Sequence.Value); err != nil {
		fault("/sequence/value", err)
	}
	if q.per, err = compileExtractor(language, "sequence", s.Sequence.Per); err != nil {
		fault("/sequence/per", err)
	}
	return q
}

// connected tells that a new connection begins.
func (q *sequence) connected() {
	q.connection.number++
	q.evicted = false
}

// connection tells connections apart: by their number, and of several at once by their states.
type connection struct {
	number uint64
	state  *State
}

// numbered is what a value says of itself: numbers from first to last, both the same but for a pair.
type numbered struct {
	per         string
	first, last int64
}

var errNoNumber = errors.New("is neither a whole number of 64 bits nor a pair of them, [first, last]")

// read gives what numbers a value has; none where the expression gives nothing.
func (q *sequence) read(ctx context.Context, v *value, env Env) (n numbered, some bool, err error) {
	found, err := q.value.value(ctx, v, env)
	if err != nil || found == nil {
		return n, false, err
	}
	if n.first, n.last, err = numbersOf(found); err != nil {
		return n, false, err
	}
	if q.per != nil {
		if n.per, _, err = q.per.text(ctx, v, env); err != nil {
			return n, false, fmt.Errorf("per: %w", err)
		}
	}
	if len(n.per) > messages.MaxKey {
		return n, false, fmt.Errorf("per has %d bytes, at most %d are allowed", len(n.per), messages.MaxKey)
	}
	return n, true, nil
}

func numbersOf(v *value) (first, last int64, err error) {
	decoded, err := v.any()
	if err != nil {
		return 0, 0, err
	}
	if pair, ok := decoded.([]any); ok && len(pair) == 2 {
		if first, err = wholeNumber(decodedValue(pair[0])); err == nil {
			last, err = wholeNumber(decodedValue(pair[1]))
		}
		if err == nil && first > last {
			err = errNoNumber
		}
		return first, last, err
	}
	first, err = wholeNumber(v)
	return first, first, err
}

func wholeNumber(v *value) (int64, error) {
	text, _, err := v.text()
	if err != nil {
		return 0, errNoNumber
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n == math.MaxInt64 || n == math.MinInt64 { // there is always one more
		return 0, errNoNumber
	}
	return n, nil
}

// check looks at the numbers of a draft that was made of a value.
func (q *sequence) check(f *feeding, v *value, draft *messages.Draft, env Env) {
	n, some, err := q.read(f.ctx, v, env)
	if err != nil {
		f.note("sequence", q.value.source, v, err)
	}
	if err != nil || !some {
		return
	}
	line := q.line(f, n.per)
	over := connection{q.connection.number, f.meta.State}
	fresh := line.over != over
	line.over = over
	began := line.last
	holes, renumbered := line.take(n, q.mark(draft), fresh)
	if renumbered {
		f.note("sequence", "", nil, fmt.Errorf("the feed began its numbering%s anew, at %d after %d", ofThing(n.per), line.base, began))
	}
	for _, hole := range holes {
		hole.Per = n.per
		q.hole(f, hole, fresh)
	}
}

func ofThing(per string) string {
	if per == "" {
		return ""
	}
	return " of " + strconv.Quote(units.Clip(per, 64))
}

// hole reports, and ends the connection where that may help: a hole at the beginning of a connection is not mended
// by another one, and a feed that always jumps is not connected without end.
func (q *sequence) hole(f *feeding, g Gap, fresh bool) {
	f.out.Missing += g.missing()
	if q.reconnect && !fresh && f.ending == "" {
		now := f.cfg.Clock()
		if now.Before(q.again) {
			f.out.gap(f.part, fmt.Sprintf("sequence: %s; a new connection for that is made in %s at the earliest", g, q.again.Sub(now).Round(time.Second)), g)
			return
		}
		if now.Sub(q.again) > q.backoff.Max.Of() {
			q.wait = 0
		}
		q.wait = min(max(2*q.wait, q.backoff.Min.Of()), q.backoff.Max.Of())
		q.again = now.Add(q.wait)
		f.ending = fmt.Sprintf("sequence: %s, so it is connected anew", g)
	}
	f.out.gap(f.part, "sequence: "+g.String(), g)
}

// line is what is known of a thing, made where it is new.
func (q *sequence) line(f *feeding, per string) *numbering {
	if at, ok := q.lines[per]; ok {
		q.byUse.MoveToFront(at)
		return at.Value.(*numbering)
	}
	if q.byUse.Len() >= q.most {
		last := q.byUse.Back()
		delete(q.lines, last.Value.(*numbering).per)
		q.byUse.Remove(last)
		if !q.evicted {
			q.evicted = true
			f.note("sequence", "", nil, fmt.Errorf("more than %d things are numbered: those unseen for longest are forgotten", q.most))
		}
	}
	line := &numbering{per: per}
	q.lines[per] = q.byUse.PushFront(line)
	return line
}

// mark is what a content is known by; never 0.
func (q *sequence) mark(draft *messages.Draft) uint64 {
	return maphash.Bytes(q.seed, draft.Payload) | 1
}

// forget takes back that a draft came: the journal did not store it. Its number is missing then, unless
// it comes again.
func (q *sequence) forget(draft *messages.Draft) {
	v := rawValue(draft.Payload)
	if !draft.JSON() {
		v = binaryValue(draft.Payload)
	}
	n, some, err := q.read(context.Background(), v, Env{State: map[string]any{}})
	if err != nil || !some {
		return
	}
	if at, ok := q.lines[n.per]; ok {
		at.Value.(*numbering).takeBack(n)
	}
}

// numbering is what is known of one thing.
type numbering struct {
	per string
	// over is the connection over which it came last.
	over connection
	// begun tells that there was a number: base was the first, last is the highest.
	begun      bool
	base, last int64
	// low is a number far below that may be the first of a new numbering.
	low     int64
	lowMark uint64 // 0: there is none
	// marks are of the last numbers: what came with them, 0 for nothing.
	marks [lookBack]uint64
}

// take notes numbers, and tells what is missing before them.
func (n *numbering) take(v numbered, mark uint64, fresh bool) (holes []Gap, renumbered bool) {
	switch {
	case !n.begun:
		n.begin(v, mark)
	case v.last > n.last:
		if v.first-1 > n.last {
			holes = append(holes, Gap{From: n.last + 1, To: v.first - 1})
		}
		n.advance(v, mark)
	case n.known(v, mark):
	case fresh:
		n.begin(v, mark)
	case n.lowMark != 0 && v.last > n.low:
		n.begin(numbered{first: n.low, last: n.low}, n.lowMark)
		holes, _ = n.take(v, mark, false)
		return holes, true
	default:
		n.low, n.lowMark = v.last, mark
	}
	return holes, false
}

// begin begins a numbering.
func (n *numbering) begin(v numbered, mark uint64) {
	n.begun, n.base, n.last = true, v.first, v.first-1
	n.marks = [lookBack]uint64{}
	n.advance(v, mark)
}

// advance makes the highest of v the last.
func (n *numbering) advance(v numbered, mark uint64) {
	n.lowMark = 0
	if v.last-n.last >= lookBack || v.last-n.last < 0 { // it overflows where they are far apart
		n.marks = [lookBack]uint64{}
	} else {
		for i := n.last + 1; i <= v.last; i++ {
			*n.mark(i) = 0
		}
	}
	n.last = v.last
	for i := max(v.first, v.last-lookBack+1); i <= v.last; i++ {
		*n.mark(i) = mark
	}
}

func (n *numbering) mark(i int64) *uint64 { return &n.marks[uint64(i)%lookBack] }

// known tells that numbers came before with this content, or fill a hole.
func (n *numbering) known(v numbered, mark uint64) bool {
	if v.last < n.base || uint64(n.last)-uint64(v.last) >= lookBack {
		return false
	}
	switch at := n.mark(v.last); *at {
	case 0:
		*at = mark
		return true
	case mark:
		return true
	}
	return false
}

// takeBack makes numbers, and those above them, ones that did not come.
func (n *numbering) takeBack(v numbered) {
	if n.begun && v.first >= n.base && v.first <= n.last {
		n.last = v.first - 1
		n.begun = n.last >= n.base
	}
}
