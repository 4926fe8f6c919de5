package hub

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/room"
)

const (
	// mostWrite is about how much one write call carries.
	mostWrite = 256 << 10
	// mostControl is how much may wait of what a client asked for before it is not read any more.
	mostControl = 64 << 10
	// goodbye is how long a connection may take to hear why it ends.
	goodbye = 5 * time.Second
	// lingering is how long a connection stays for the client's answer once it was told why it ends:
	// closed at once, with something of the client unread, it could lose what was said last.
	lingering = time.Second
)

// seat is one connection. Its loop uses it; the fields of the first part are shared.
type seat struct {
	loop     *loop
	outlet   command.Outlet
	number   uint64
	remote   string
	since    time.Time
	patience time.Duration
	gone     chan struct{}
	once     sync.Once
	control  atomic.Int64
	room     chan struct{}
	sent     atomic.Uint64

	feeds   map[string]*feed
	pending []piece
	queued  int
	dirty   bool
	// drops: one of its feeds may be dropping.
	drops bool
	// blocked: a goroutine writes what the connection would not take at once.
	blocked bool
	// place is all that the connection holds while it takes nothing, and held the part of it that is written or
	// queued: what its readers have in hand comes to it.
	place *room.Place
	held  int64
	// closing: it ends after what is pending; parted: it was told so; over: it has ended.
	// heard: the client has said that it closes too.
	closing, parted, over, heard bool
	code                         int
	reason                       string
}

// piece is something to write.
type piece struct {
	head, body []byte
	feed       *feed
	// from and to are the places before and after it; to is zero where it has none.
	from, to messages.Position
	records  int
	since    time.Time
	// identities were noted as delivered for it.
	identities []messages.Identity
	// raw needs no framing; fed came from a reader, by credit; asked counts as control.
	raw, fed, asked bool
	// claim says where its feed is, which is true only behind what was queued before it.
	claim bool
}

func (p *piece) size() int { return len(p.head) + len(p.body) + 16 }

// own tells whether its bytes are for this connection alone; live pieces are shared.
func (p *piece) own() bool { return p.fed || p.asked }

// ID implements command.Session.
func (s *seat) ID() string { return "s" + strconv.FormatUint(s.number, 10) }

// Gone implements command.Seat.
func (s *seat) Gone() <-chan struct{} { return s.gone }

// Send implements command.Seat.
func (s *seat) Send(message []byte) {
	s.loop.ask(s, func(dst []byte) []byte { return s.outlet.Frame(dst, nil, message) })
}

// Raw implements command.Seat.
func (s *seat) Raw(frame []byte) {
	s.loop.ask(s, func(dst []byte) []byte { return append(dst, frame...) })
}

// Room implements command.Seat.
func (s *seat) Room(ctx context.Context) error {
	for s.control.Load() > mostControl {
		select {
		case <-s.room:
		case <-s.gone:
			return errGone
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// errGone is what a reader hears whose connection has ended.
var errGone = errors.New("the connection has ended")

// Close implements command.Seat.
func (s *seat) Close(code int, reason string) {
	if !s.loop.do(func() {
		if code == 0 {
			s.drop()
			return
		}
		s.close(code, reason)
	}) {
		s.part()
	}
}

// Heard implements command.Seat.
func (s *seat) Heard() {
	s.loop.do(func() {
		s.heard = true
		if s.parted && !s.blocked {
			s.drop()
		}
	})
}

// add queues a piece.
func (s *seat) add(p piece) {
	if s.over || s.closing {
		return
	}
	if s.pending == nil {
		s.pending = s.loop.pieces()
	}
	s.pending = append(s.pending, p)
	s.queued += p.size()
	if s.blocked && p.own() {
		s.hold(int64(p.size()))
	}
	s.loop.mark(s)
}

// answer queues answers.
func (s *seat) answer(a *answers) { s.add(piece{body: a.frames, raw: true, asked: true}) }

// close ends the connection after what is pending.
func (s *seat) close(code int, reason string) {
	if s.closing || s.over {
		return
	}
	if code == command.CloseTooSlow {
		s.pending, s.queued = nil, 0
	}
	s.closing, s.code, s.reason = true, code, reason
	time.AfterFunc(goodbye, func() { s.Close(0, "") })
	s.loop.mark(s)
}

// part cuts the connection. It may be called from anywhere.
func (s *seat) part() {
	s.once.Do(func() {
		s.outlet.Close()
		close(s.gone)
		s.place.Leave()
	})
}

// drop ends the connection now.
func (s *seat) drop() {
	s.part()
	if !s.over {
		s.over = true
		s.loop.remove(s)
		s.pending, s.queued = nil, 0
	}
}

// flush writes what is pending, as much as one write call should carry.
func (s *seat) flush() {
	if s.blocked || s.over {
		return
	}
	l := s.loop
	buf := l.scratch[:0]
	count := 0
	var wrote tally
	for count < len(s.pending) && len(buf) < mostWrite {
		p := &s.pending[count]
		if p.raw {
			if buf = append(buf, p.body...); p.asked {
				l.vacate(p.body)
			}
		} else {
			buf = s.outlet.Frame(buf, p.head, p.body)
		}
		s.account(p, &wrote)
		count++
	}
	s.shift(count)
	if s.outlet.Events() {
		buf = s.appendCursor(buf)
	}
	if s.closing && len(s.pending) == 0 && !s.parted {
		buf = s.outlet.Farewell(buf, s.code, s.reason)
		s.parted = true
	}
	if cap(buf) <= 2*mostWrite {
		l.scratch = buf[:0]
	}
	if len(buf) == 0 {
		s.written()
		return
	}
	n, err := s.outlet.TryWrite(buf)
	s.count(wrote)
	switch {
	case err != nil:
		s.drop()
	case n < len(buf):
		s.block(bytes.Clone(buf[n:]))
	default:
		s.written()
	}
}

// tally is what one write carries: how many records, and since when the oldest waits.
type tally struct {
	records int
	since   time.Time
}

// count adds a write to the metrics: of its records the oldest counts as delivered.
func (s *seat) count(wrote tally) {
	if wrote.records == 0 {
		return
	}
	s.sent.Add(uint64(wrote.records))
	m := s.loop.hub.metrics
	m.out.Add(float64(wrote.records))
	if !wrote.since.IsZero() {
		m.delivery.Observe(s.loop.hub.cfg.Clock().Sub(wrote.since).Seconds())
	}
}

// account notes that a piece leaves the queue.
func (s *seat) account(p *piece, wrote *tally) {
	size := p.size()
	s.queued -= size
	if p.asked {
		s.control.Add(int64(-size))
		signal(s.room)
	}
	f := p.feed
	if f == nil || p.claim && !p.fed {
		return
	}
	if p.fed {
		f.inflight.Add(int64(-size))
		signal(f.credit)
	} else {
		f.queued -= size
		f.pieces--
	}
	if !p.to.IsZero() && f.events {
		f.whole.Advance(p.to)
		f.moved = true
	}
	wrote.records += p.records
	if wrote.since.IsZero() {
		wrote.since = p.since
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// shift drops the first pieces. An idle seat keeps no queue: its loop lends it one.
func (s *seat) shift(count int) {
	if count == 0 {
		return
	}
	if count == len(s.pending) {
		s.loop.giveBack(s.pending)
		s.pending = nil
		return
	}
	rest := copy(s.pending, s.pending[count:])
	clear(s.pending[rest:])
	s.pending = s.pending[:rest]
}

// appendCursor ends a write of server-sent events with where the reader is.
func (s *seat) appendCursor(buf []byte) []byte {
	for _, f := range s.feeds {
		if f.mode == live && len(s.pending) == 0 && !f.thrift.holds() {
			moved := s.loop.cursor(f, f.mark)
			f.mark = s.loop.moves
			for p := range moved.All() {
				if f.whole.Advance(p) {
					f.moved = true
				}
			}
		}
		if f.moved {
			f.moved = false
			buf = append(append(append(buf, "id: "...), f.whole.String()...), "\n\n"...)
		}
	}
	return buf
}

// block hands what the connection does not take to a goroutine.
func (s *seat) block(rest []byte) {
	s.blocked = true
	patience := s.patience
	if s.closing {
		patience = goodbye
	}
	l := s.loop
	s.hold(int64(len(rest)))
	for i := range s.pending {
		if p := &s.pending[i]; p.own() {
			s.hold(int64(p.size()))
		}
	}
	l.drains.Add(1)
	go func() {
		defer l.drains.Done()
		err := s.outlet.Write(rest, patience)
		l.do(func() {
			s.blocked = false
			s.place.Moved()
			s.hold(-s.held)
			switch {
			case s.over:
			case err != nil:
				s.drop()
			default:
				s.written()
			}
		})
	}()
}

// hold counts so many bytes more, or less, among what slow connections hold. The loop calls it.
func (s *seat) hold(bytes int64) {
	s.held += bytes
	s.place.More(bytes)
}

// written goes on after a write that was whole.
func (s *seat) written() {
	if s.parted {
		if s.heard {
			s.drop()
			return
		}
		time.AfterFunc(lingering, func() { s.Close(0, "") })
		return
	}
	if len(s.pending) > 0 || s.closing {
		s.loop.mark(s)
		return
	}
	if !s.drops {
		return
	}
	s.drops = false
	for _, f := range s.feeds {
		if f.mode == dropping {
			f.resume()
		}
	}
}

// view is the session as clients see it.
func (s *seat) view() command.SubscriberView {
	v := command.SubscriberView{
		ID: s.ID(), Remote: s.remote, Kind: "websocket", Since: s.since.UTC(), Queued: int64(s.queued), Sent: s.sent.Load(),
		Subscriptions: []command.SubscriptionView{},
	}
	if s.outlet.Events() {
		v.Kind = "events"
	}
	for _, f := range s.feeds {
		sv := command.SubscriptionView{Sub: f.spec.Sub, Streams: f.spec.Streams, Unique: f.spec.Unique, Policy: f.spec.Policy.Name(), State: f.mode.String()}
		if f.spec.Filter != nil {
			sv.Where = f.spec.Filter.String()
		}
		v.Subscriptions = append(v.Subscriptions, sv)
	}
	return v
}
