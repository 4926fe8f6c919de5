package hub

import (
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// mode is how a feed gets its records.
type mode uint8

const (
	reading mode = iota
	joining
	live
	dropping
	ended
)

// String is the mode's name.
func (m mode) String() string {
	return [...]string{"reading", "joining", "live", "dropping", "ended"}[m]
}

// feed is one subscription. Its loop uses it, but for the fields of the first part, which its
// reader uses too.
type feed struct {
	seat     *seat
	spec     command.Subscription
	head     []byte
	events   bool
	thrift   *thrift
	unique   *identities
	inflight atomic.Int64
	credit   chan struct{}
	progress time.Time // when the reader last told its cursor; the reader's own
	inHand   int       // bytes that the reader holds while it waits to give them; its own

	mode mode
	// begun: "subscribed" is said; nothing comes before it.
	begun bool
	// ahead is where the reader was beyond the hub.
	ahead map[messages.NodeID]messages.Position
	// left are origins that the feed leaves out, each with where it is; told are those of which its
	// session was told that something came; joins are those of which items are held.
	left  map[messages.NodeID]messages.Position
	told  map[messages.NodeID]bool
	joins map[messages.NodeID]bool
	// met is where the feed met origins that it leaves out and in which it has no place yet.
	met map[messages.NodeID]messages.Position
	// held is what came since Attach; overflow: it was too much.
	held      []heldPiece
	heldBytes int
	overflow  bool
	// queued and pieces are what waits in the seat, but for what a reader gave.
	queued, pieces int
	// late is what turned up behind the feed while it was not live.
	late map[messages.NodeID]messages.Gap
	// lost is where a feed stands that drops.
	lost messages.Cursor
	// touchMark is the loop's count of touches when its reader began.
	touchMark uint64
	// mark is the loop's count of moves when the feed last told its cursor, at cursorAt.
	mark     uint64
	cursorAt time.Time
	// whole is the cursor of a reader of server-sent events; moved: it is to be told.
	whole messages.Cursor
	moved bool
}

// Subscribe implements command.Seat.
func (s *seat) Subscribe(spec command.Subscription) command.Feed {
	f := &feed{seat: s, spec: spec, events: s.outlet.Events(), credit: make(chan struct{}, 1), cursorAt: time.Now()}
	f.head = f.message("records")
	if spec.Policy.Thrifty() {
		f.thrift = newThrift(spec.Policy)
	}
	if spec.Unique {
		f.unique = newIdentities()
	}
	s.loop.enlist(func() {
		if s.over {
			s.loop.delist()
			f.mode = ended
			return
		}
		if s.feeds == nil {
			s.feeds = make(map[string]*feed, 1)
		}
		s.feeds[spec.Sub] = f
		f.touchMark = s.loop.touches
		s.loop.index.add(f)
		if f.thrift != nil {
			s.loop.timed[f] = struct{}{}
		}
	})
	return f
}

// message begins a message of the protocol about this subscription.
func (f *feed) message(op string) []byte {
	if f.events {
		return nil
	}
	return messages.AppendQuoted(append(append([]byte(`{"op":"`), op...), `","sub":`...), f.spec.Sub)
}

// leave takes the feed out of the loop.
func (f *feed) leave() {
	l := f.seat.loop
	if f.mode != ended {
		l.delist()
	}
	f.mode = ended
	l.index.remove(f)
	delete(l.timed, f)
	delete(l.waiters, f)
	f.held = nil
}

func (f *feed) tell(message any) {
	if !f.spec.Told(message) {
		f.seat.close(command.CloseTooSlow, "the session has too much to do")
	}
}

// leaveOut stops delivery of an origin, which the session is to read from a place.
func (f *feed) leaveOut(origin messages.NodeID, at messages.Position) {
	if f.left == nil {
		f.left = make(map[messages.NodeID]messages.Position)
	}
	f.left[origin] = at
	f.seat.loop.waiters[f] = struct{}{}
}

// meet notes where an origin that is left out, and in which the feed has no place yet, speaks live first.
func (f *feed) meet(i *item) {
	if at, out := f.left[i.origin]; !out || at.Origin != "" {
		return
	}
	if _, met := f.met[i.origin]; met {
		return
	}
	if f.met == nil {
		f.met = make(map[messages.NodeID]messages.Position)
	}
	f.met[i.origin] = i.from
}

// tellBehind tells the session, once, that something came of an origin that is left out.
func (f *feed) tellBehind(origin messages.NodeID) {
	if _, out := f.left[origin]; !out || f.told[origin] || f.mode != live && f.mode != joining {
		return
	}
	if f.told == nil {
		f.told = make(map[messages.NodeID]bool)
	}
	f.told[origin] = true
	f.tell(command.Behind{Sub: f.spec.Sub, Origins: []messages.NodeID{origin}})
}

// wants tells whether the feed gets items of an origin, and whether they are held.
func (f *feed) wants(origin messages.NodeID) (held, ok bool) {
	switch f.mode {
	case live:
		if _, out := f.left[origin]; out {
			return true, f.joins[origin]
		}
		return false, true
	case joining:
		_, out := f.left[origin]
		return true, !out
	}
	return false, false
}

// deliver gives the feed a stream's records of a batch.
func (f *feed) deliver(i *item, g *groupSheet) {
	held, ok := f.wants(i.origin)
	if !ok {
		if f.mode == dropping {
			f.seat.loop.hub.metrics.dropped.WithLabelValues(f.spec.Policy.Name()).Add(float64(f.wanted(g)))
		}
		return
	}
	after := i.from
	if ahead, beyond := f.ahead[i.origin]; beyond {
		switch {
		case ahead.Compare(i.to) >= 0:
			return
		case ahead.Compare(after) > 0:
			after = ahead
		default:
			delete(f.ahead, i.origin) // passed
		}
	}
	if f.spec.Filter != nil {
		if f.tooDear(g, held) {
			return
		}
		if f.unique != nil || f.thrift != nil || after != i.from { // the filter runs for this feed alone
			start := time.Now()
			defer func() { f.charge(time.Since(start)) }()
		}
	}
	switch {
	case f.thrift != nil && held:
		f.hold(heldPiece{piece: piece{feed: f, to: i.to}, group: g.group, after: after})
		return
	case f.thrift != nil:
		f.save(g.group, after)
		return
	}
	if first := g.group.Records[0].Position; f.unique == nil && after.Compare(first) < 0 {
		chunks, took := g.view(f.spec.Filter, f.events)
		f.charge(took)
		for _, c := range chunks {
			p := f.piece(&c, first, i.from)
			p.since = i.sheet.since
			if f.queue(p, held); f.mode != live && f.mode != joining {
				return // it lagged: its reader gives the rest
			}
		}
		return
	}
	for _, p := range f.render(g, after, i.from) {
		p.since = i.sheet.since
		if f.queue(p, held); f.mode != live && f.mode != joining {
			return
		}
	}
}

// wanted is how many records of a group pass the feed's filter: all where there is no time for that.
func (f *feed) wanted(g *groupSheet) int {
	if f.spec.Filter == nil || f.seat.loop.filters.refuses(f.spec.Filter.String()) {
		return len(g.group.Records)
	}
	chunks, took := g.view(f.spec.Filter, f.events)
	f.charge(took)
	n := 0
	for i := range chunks {
		n += chunks[i].count
	}
	return n
}

// tooDear tells whether the loop has no time left for the feed's filter. Then the feed is read for, from the first
// record that it did not get: its reader has the time.
func (f *feed) tooDear(g *groupSheet, held bool) bool {
	l := f.seat.loop
	if l.filters.spent <= mostFilters || !l.filters.refuses(f.spec.Filter.String()) {
		return false
	}
	if f.unique == nil && f.thrift == nil && g.has(f.spec.Filter, f.events) {
		return false
	}
	if at := g.group.Records[0].Position; !held && at.Index > 0 { // it has what it wants of the batch up to here
		at.Index--
		if ahead, known := f.ahead[at.Origin]; !known || at.Compare(ahead) > 0 {
			f.beAhead(at)
		}
	}
	l.lag(f, "its where takes too long")
	return true
}

// charge counts what the feed's filter took of the loop's time.
func (f *feed) charge(took time.Duration) {
	if took > 0 && f.spec.Filter != nil {
		f.seat.loop.filters.charge(f.spec.Filter.String(), took, time.Now())
	}
}

// piece is a message of a batch's records; first is the group's first place, from the one before the batch.
func (f *feed) piece(c *chunk, first, from messages.Position) piece {
	to := first
	to.Index = c.last
	if c.first > 0 {
		from = first
		from.Index = c.first - 1
	}
	return piece{head: f.head, body: c.body, feed: f, from: from, to: to, records: c.count}
}

// render makes the messages of a stream's records after a place; from is the place before the batch.
func (f *feed) render(g *groupSheet, after, from messages.Position) []piece {
	var chunks []chunk
	var noted []noted
	first := &g.group.Records[0]
	if f.unique == nil && after.Compare(first.Position) < 0 {
		chunks, _ = g.view(f.spec.Filter, f.events)
	} else {
		chunks = g.pick(f.events, func(r *messages.Record) bool { return f.passes(r, after, &noted) })
	}
	pieces := make([]piece, len(chunks))
	for i := range chunks {
		c := &chunks[i]
		pieces[i] = f.piece(c, first.Position, from)
		for len(noted) > 0 && noted[0].index <= c.last {
			pieces[i].identities = append(pieces[i].identities, noted[0].identity)
			noted = noted[1:]
		}
	}
	return pieces
}

// passes tells whether a record is for the feed, and notes its identity where it is to be unique.
func (f *feed) passes(r *messages.Record, after messages.Position, list *[]noted) bool {
	if r.Position.Compare(after) <= 0 || f.spec.Filter != nil && !f.spec.Filter.Match(r) {
		return false
	}
	if f.unique == nil || !r.HasIdentity() {
		return true
	}
	identity := r.Identity()
	if !f.unique.note(identity) {
		return false
	}
	*list = append(*list, noted{r.Position.Index, identity})
	return true
}

// queue puts a piece behind what waits, or with what is held.
func (f *feed) queue(p piece, held bool) {
	if held {
		f.hold(heldPiece{piece: p})
		return
	}
	slack := f.seat.loop.hub.cfg.Slack
	f.put(p)
	if f.queued <= slack || f.pieces < 2 {
		return
	}
	if f.seat.flush(); f.seat.blocked && f.queued > slack && f.pieces > 1 {
		f.seat.loop.lag(f, "its reader is too slow")
	}
}

// put puts a live piece behind what waits.
func (f *feed) put(p piece) {
	f.seat.add(p)
	f.queued += p.size()
	f.pieces++
}

// ephemeral gives a record without a position to a live feed.
func (f *feed) ephemeral(i *item) {
	if f.mode == live && !f.seat.blocked && (f.spec.Filter == nil || i.record != nil && f.spec.Filter.Match(i.record)) {
		f.queue(piece{head: f.head, body: encodeRecords(i.stream, messages.Position{}, [][]byte{i.json}, f.events), feed: f, records: 1}, false)
	}
}

// sendCursor tells the client where the feed is: a live one what moved since, another that it lives.
func (f *feed) sendCursor(now time.Time) {
	if f.mode == ended || f.seat.blocked {
		return
	}
	f.cursorAt = now
	if f.events {
		f.seat.add(piece{raw: true, body: []byte(":\n\n")})
		return
	}
	var c messages.Cursor
	if f.mode == live {
		if f.spill(now); !f.thrift.holds() {
			c = f.seat.loop.cursor(f, f.mark)
			f.mark = f.seat.loop.moves
		}
	}
	f.claim(f.message("cursor"), cursorBody(c))
}

// claim queues a message that says where the feed is: it is taken back with what it stands behind.
func (f *feed) claim(head, body []byte) {
	f.seat.add(piece{head: head, body: body, feed: f, claim: true})
}

// control queues a message that carries no records.
func (f *feed) control(head, body []byte) { f.seat.add(piece{head: head, body: body}) }

func cursorBody(c messages.Cursor) []byte {
	list, err := c.MarshalJSON()
	if err != nil { // a list of texts always marshals
		list = []byte("[]")
	}
	return append(append([]byte(`,"after":`), list...), '}')
}
