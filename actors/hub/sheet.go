package hub

import (
	"sync"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
)

// mostMessage is about the most bytes of a message of several records.
const mostMessage = 255 << 10

// sheet is a batch as it is sent: each stream's records are encoded once, for all who get them. It is not opened
// before somebody wants it: until open groups is empty, and size that of the sealed bytes. It is safe for concurrent
// use.
type sheet struct {
	sealed wire.Sealed // the zero one where the batch came open
	once   sync.Once
	fault  error

	// at is the batch's place.
	at     messages.Position
	groups []groupSheet
	since  time.Time
	size   int
}

// groupSheet is one stream of a batch. mu guards all but group and plain.
type groupSheet struct {
	group *messages.Group
	// plain is the view without a filter, once it is made.
	plain atomic.Pointer[[]chunk]
	mu    sync.Mutex
	json  []byte
	ends  []int
	views map[viewKey][]chunk
}

// viewKey names a selection of a group's records in a dialect.
type viewKey struct {
	where  string
	events bool
}

// chunk is one message's body: records of one stream, one after another.
type chunk struct {
	body []byte
	// first and last are the indexes in the batch that it stands for; count is how many records it has.
	first, last uint32
	count       int
}

func newSheet(b *messages.Batch, now time.Time) *sheet {
	s := &sheet{at: b.Position(), since: now}
	s.fill(b)
	return s
}

// sealedSheet is one that is to be opened.
func sealedSheet(sealed *wire.Sealed, now time.Time) *sheet {
	return &sheet{sealed: *sealed, at: sealed.Position(), since: now, size: len(sealed.Bytes())}
}

// open makes the groups, once.
func (s *sheet) open() error {
	s.once.Do(func() {
		if len(s.groups) > 0 {
			return
		}
		b, err := s.sealed.Open()
		if err != nil {
			s.fault = err
			return
		}
		s.fill(b)
	})
	return s.fault
}

func (s *sheet) fill(b *messages.Batch) {
	s.groups, s.size = make([]groupSheet, len(b.Groups)), 0
	for i := range b.Groups {
		g := &b.Groups[i]
		s.groups[i].group = g
		for j := range g.Records {
			s.size += g.Records[j].Size()
		}
	}
}

// encode writes the records' JSON, once. mu is held.
func (g *groupSheet) encode() {
	if g.ends != nil {
		return
	}
	records := g.group.Records
	size := 0
	for i := range records {
		size += len(records[i].Payload) + 256
	}
	g.json, g.ends = make([]byte, 0, size), make([]int, len(records))
	for i := range records {
		g.json = records[i].AppendJSON(g.json)
		g.ends[i] = len(g.json)
	}
}

func (g *groupSheet) record(i int) []byte {
	from := 0
	if i > 0 {
		from = g.ends[i-1]
	}
	return g.json[from:g.ends[i]]
}

// has tells whether the view of a filter is made.
func (g *groupSheet) has(filter command.Filter, events bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, made := g.views[viewKey{where: filter.String(), events: events}]
	return made
}

// view gives the messages of the records that pass a filter, shared by all with an equal one, and the time that
// the filter took where it was not made yet.
func (g *groupSheet) view(filter command.Filter, events bool) ([]chunk, time.Duration) {
	ordinary := filter == nil && !events
	if made := g.plain.Load(); ordinary && made != nil {
		return *made, 0
	}
	key := viewKey{events: events}
	if filter != nil {
		key.where = filter.String()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if v, ok := g.views[key]; ok {
		return v, 0
	}
	start := time.Now()
	v := g.cut(events, func(r *messages.Record) bool { return filter == nil || filter.Match(r) })
	if g.views == nil {
		g.views = make(map[viewKey][]chunk, 1)
	}
	g.views[key] = v
	if ordinary {
		g.plain.Store(&v)
	}
	return v, time.Since(start)
}

// pick gives the messages of the records that pass, for one reader alone.
func (g *groupSheet) pick(events bool, pass func(*messages.Record) bool) []chunk {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cut(events, pass)
}

// cut makes messages of the records that pass. mu is held.
func (g *groupSheet) cut(events bool, pass func(*messages.Record) bool) []chunk {
	var w chunkWriter
	w.stream, w.events = g.group.Stream, events
	for i := range g.group.Records {
		r := &g.group.Records[i]
		if pass(r) {
			g.encode()
			w.add(g.record(i), r.Position, r.Position)
		} else if len(w.list) > 0 || w.open() {
			w.skip(r.Position)
		}
	}
	return w.close()
}

// chunkWriter collects records of one stream into messages of bounded size.
type chunkWriter struct {
	stream messages.Stream
	events bool
	list   []chunk
	parts  [][]byte
	size   int
	now    chunk
	pos    messages.Position
}

func (w *chunkWriter) open() bool { return w.now.count > 0 }

// add puts a record into the message, or into the next where it would grow too large. from is
// the place that the message begins with where this is its first.
func (w *chunkWriter) add(json []byte, from, at messages.Position) {
	if w.open() && w.size+len(json) > mostMessage {
		w.end()
	}
	if !w.open() {
		w.now.first = from.Index
	}
	w.parts = append(w.parts, json)
	w.size += len(json) + 8
	w.now.count++
	w.now.last, w.pos = at.Index, at
}

// skip lets the message stand for a record that it leaves out.
func (w *chunkWriter) skip(at messages.Position) {
	if w.open() {
		w.now.last, w.pos = at.Index, at
	}
}

// end closes the message.
func (w *chunkWriter) end() {
	w.now.body = encodeRecords(w.stream, w.pos, w.parts, w.events)
	w.list = append(w.list, w.now)
	w.now, w.size, w.parts = chunk{}, 0, w.parts[:0]
}

func (w *chunkWriter) close() []chunk {
	if w.open() {
		w.end()
	}
	return w.list
}

// encodeRecords is a message of records without its head, or the same as server-sent events. A
// zero position is left out.
func encodeRecords(stream messages.Stream, pos messages.Position, records [][]byte, events bool) []byte {
	size := 0
	for _, r := range records {
		size += len(r) + 8
	}
	if events {
		body := make([]byte, 0, size)
		for _, r := range records {
			body = append(append(append(body, "data: "...), r...), "\n\n"...)
		}
		return body
	}
	body := make([]byte, 0, size+len(stream)+160)
	body = append(append(append(body, `,"stream":"`...), stream...), '"')
	if !pos.IsZero() {
		body = append(pos.AppendText(append(body, `,"pos":"`...)), '"')
	}
	body = append(body, `,"records":[`...)
	for i, r := range records {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, r...)
	}
	return append(body, "]}"...)
}
