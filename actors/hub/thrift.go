package hub

import (
	"context"
	"slices"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// The bounds of what a thrifty feed holds between two flushes.
const (
	mostHeld      = 4096
	mostHeldBytes = 1 << 20
)

// thrift holds one record of each stream and key: the newest (conflate) or the first (sample) of
// an interval. mu guards it: a reader fills it, its loop empties it. A nil thrift holds nothing.
type thrift struct {
	newest bool
	every  time.Duration

	mu   sync.Mutex
	held map[thriftKey]*messages.Record
	// from is the place before all that was taken in since the last flush, by origin.
	from    map[messages.NodeID]messages.Position
	bytes   int
	due     time.Time
	spilled chan struct{}
}

type thriftKey struct {
	stream messages.Stream
	key    string
}

func newThrift(p command.Policy) *thrift {
	return &thrift{
		newest: p.Kind == command.PolicyConflate, every: p.Every, held: make(map[thriftKey]*messages.Record),
		from: make(map[messages.NodeID]messages.Position), spilled: make(chan struct{}, 1), due: time.Now(),
	}
}

// add takes a record in; after is the place before its batch, or where in it its reader began.
func (t *thrift) add(r *messages.Record, after messages.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.from[r.Position.Origin]; !ok {
		t.from[r.Position.Origin] = placeBefore(r.Position, after)
	}
	key := thriftKey{r.Stream, r.Key}
	old := t.held[key]
	if old != nil && !t.newest {
		return
	}
	if old != nil {
		t.bytes -= old.Size()
	}
	t.held[key] = r
	t.bytes += r.Size()
}

// placeBefore is the place before a record: in its batch, for what comes earlier there may be flushed
// already, or where its reader was.
func placeBefore(at, after messages.Position) messages.Position {
	if at.Index == 0 {
		return after
	}
	if at.Index--; at.Compare(after) > 0 {
		return at
	}
	return after
}

func (t *thrift) full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.held) >= mostHeld || t.bytes >= mostHeldBytes
}

// size is how many bytes are held.
func (t *thrift) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes
}

// holds tells whether something waits.
func (t *thrift) holds() bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.held) > 0
}

func (t *thrift) next() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.due
}

// empty gives what is held but of the origins to keep, and the places before it.
func (t *thrift) empty(keep map[messages.NodeID]messages.Position) ([]*messages.Record, map[messages.NodeID]messages.Position) {
	if t == nil {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	from := make(map[messages.NodeID]messages.Position, len(t.from))
	for origin, p := range t.from {
		if _, kept := keep[origin]; !kept {
			from[origin] = p
			delete(t.from, origin)
		}
	}
	var records []*messages.Record
	for key, r := range t.held {
		if _, kept := keep[r.Position.Origin]; !kept {
			t.bytes -= r.Size()
			delete(t.held, key)
			records = append(records, r)
		}
	}
	return records, from
}

// take gives what is held in order of position, and the places before it.
func (t *thrift) take(now time.Time) ([]*messages.Record, map[messages.NodeID]messages.Position) {
	t.mu.Lock()
	records := make([]*messages.Record, 0, len(t.held))
	for _, r := range t.held {
		records = append(records, r)
	}
	from := t.from
	t.held, t.from, t.bytes = make(map[thriftKey]*messages.Record), make(map[messages.NodeID]messages.Position), 0
	t.due = now.Add(t.every)
	t.mu.Unlock()
	slices.SortFunc(records, func(a, b *messages.Record) int { return a.Position.Compare(b.Position) })
	return records, from
}

// save takes a stream's records of a batch into the thrift.
func (f *feed) save(g *messages.Group, after messages.Position) {
	f.collect(g, after)
	if f.thrift.full() {
		if f.spill(time.Now()); f.thrift.full() {
			f.seat.loop.lag(f, "its reader is too slow")
		}
	}
}

func (f *feed) collect(g *messages.Group, after messages.Position) {
	var list []noted
	for i := range g.Records {
		if r := &g.Records[i]; f.passes(r, after, &list) {
			f.thrift.add(r, after)
		}
	}
}

// saveRead is save for a reader, who waits while too much is held.
func (f *feed) saveRead(ctx context.Context, g *messages.Group, after messages.Position) error {
	var list []noted
	for i := range g.Records {
		r := &g.Records[i]
		if !f.passes(r, after, &list) {
			continue
		}
		f.thrift.add(r, after)
		if f.thrift.full() {
			if err := f.spillAll(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// spillAll waits until nothing is held.
func (f *feed) spillAll(ctx context.Context) error {
	for f.thrift.holds() {
		if err := f.run(ctx, func() { f.spill(time.Now()) }); err != nil {
			return err
		}
		if !f.thrift.holds() {
			return nil
		}
		if err := f.awaitSpill(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitSpill waits for the loop, which spills when the connection takes something again.
func (f *feed) awaitSpill(ctx context.Context) error {
	held := f.thrift.size()
	f.inHand += held
	defer func() { f.inHand -= held }()
	defer f.slow()()
	select {
	case <-f.thrift.spilled:
		return nil
	case <-f.seat.gone:
		return errGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// spill queues all that is held, in order of position, unless the connection is behind.
func (f *feed) spill(now time.Time) {
	if f.thrift == nil || f.mode == ended {
		return
	}
	if f.seat.blocked || f.queued > 0 || !f.begun {
		f.thrift.mu.Lock()
		f.thrift.due = now.Add(min(f.thrift.every, 100*time.Millisecond))
		f.thrift.mu.Unlock()
		return
	}
	f.spillNow(now)
}

// spillNow is spill whatever waits already: a gap must not pass what is held.
func (f *feed) spillNow(now time.Time) {
	if f.thrift == nil {
		return
	}
	records, from := f.thrift.take(now)
	signal(f.thrift.spilled)
	for len(records) > 0 {
		n := 1
		for n < len(records) && records[n].Stream == records[0].Stream && records[n].Position.Origin == records[0].Position.Origin {
			n++
		}
		f.spillRun(records[:n], from)
		records = records[n:]
	}
}

// spillRun queues records of one stream and origin.
func (f *feed) spillRun(records []*messages.Record, from map[messages.NodeID]messages.Position) {
	w := chunkWriter{stream: records[0].Stream, events: f.events}
	origin := records[0].Position.Origin
	first := 0
	flush := func(end int) {
		to := w.pos
		for _, c := range w.close() {
			f.put(piece{
				head: f.head, body: c.body, feed: f, from: from[origin], to: to, records: c.count, identities: f.noted(records[first:end]),
			})
			from[origin] = to
		}
		first = end
		w = chunkWriter{stream: records[0].Stream, events: f.events}
	}
	for i, r := range records {
		json := r.AppendJSON(nil)
		if w.open() && w.size+len(json) > mostMessage {
			flush(i)
		}
		w.add(json, r.Position, r.Position)
	}
	flush(len(records))
}

// noted are the identities that passes noted for records.
func (f *feed) noted(records []*messages.Record) []messages.Identity {
	if f.unique == nil {
		return nil
	}
	var list []messages.Identity
	for _, r := range records {
		if r.HasIdentity() {
			list = append(list, r.Identity())
		}
	}
	return list
}
