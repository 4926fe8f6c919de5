package hub

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// loop serves the connections that sit with it. Items and commands come in one queue, in order.
type loop struct {
	hub    *Hub
	number int
	wake   chan struct{}
	count  atomic.Int64 // seats
	load   atomic.Int64 // share of time at work, in thousandths

	// mu guards the queue, and rooms.
	mu    sync.Mutex
	queue []work
	// rooms are for answers: empty.
	rooms   [][]byte
	size    int
	running bool
	// skipped is what was left out while the queue was full; not nil means that it is.
	skipped *skipped
	// listed is how many feeds the loop has, or will have when it comes to what is queued. Without any, items are
	// not queued, and nobody is woken: passed is how far they went, and goes before the next command.
	listed int
	passed passed

	// What follows is the goroutine's own.
	seats map[*seat]struct{}
	dirty []*seat
	spare []*seat
	at    map[messages.NodeID]*place
	// moves counts how often a place moved: a cursor tells what moved since a count.
	moves   uint64
	index   index
	scratch []byte
	// lent are empty queues that seats give back.
	lent  [][]piece
	timed map[*feed]struct{} // thrifty feeds
	// filters is what filters take of the loop's time.
	filters filterTime
	// touched is when something came of an origin, as a count.
	touched map[messages.NodeID]uint64
	touches uint64
	waiters map[*feed]struct{} // feeds that leave origins out
	pause   time.Duration
	flushed time.Time
	busy    time.Duration
	counted time.Time
	drains  sync.WaitGroup
}

// place is where a loop is in an origin.
type place struct {
	at    messages.Position
	moved uint64
}

// skipped is what a loop's full queue left out: where the hub went, and what readers must be
// told nevertheless, by origin.
type skipped struct {
	to      map[messages.NodeID]messages.Position
	touched map[messages.NodeID]*item
	late    map[messages.NodeID]*item
}

func (s *skipped) add(i *item) {
	switch i.kind {
	case batch, gap:
		s.to[i.origin] = i.to
	case touched:
		s.touched[i.origin] = i
	case late: // several are one
		both := *i
		if old := s.late[i.origin]; old != nil {
			both.gap = widen(old.gap, i.gap)
		}
		s.late[i.origin] = &both
	}
}

func newLoop(h *Hub, number int) *loop {
	return &loop{hub: h, number: number, wake: make(chan struct{}, 1)}
}

// begin sets the loop up at the place where the hub stands. It takes what comes from now on; run
// must follow.
func (l *loop) begin() {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	l.seats, l.dirty, l.at, l.index = make(map[*seat]struct{}), nil, make(map[messages.NodeID]*place), newIndex()
	l.touched = make(map[messages.NodeID]uint64)
	l.timed, l.waiters, l.moves, l.pause = make(map[*feed]struct{}), make(map[*feed]struct{}), 1, 0
	for origin, at := range l.hub.at {
		l.at[origin] = &place{at: at, moved: 1}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue, l.size, l.skipped, l.running = nil, 0, nil, true
	l.listed, l.passed = 0, nil
}

// run serves until ctx ends; then it closes all connections.
func (l *loop) run(ctx context.Context) error {
	defer l.end()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	l.counted = time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		case <-timer.C:
		case <-tick.C:
			l.heartbeat(time.Now())
		}
		start := time.Now()
		l.work()
		if wait := l.flush(start); wait > 0 {
			timer.Reset(wait)
		}
		l.measure(start)
	}
}

// work does all that is queued.
func (l *loop) work() {
	queue, skipped := l.take()
	for i := range queue {
		switch w := &queue[i]; {
		case w.item != nil:
			l.handle(w.item)
		case w.do != nil:
			w.do()
		case w.answers != nil:
			w.answers.seat.answer(w.answers)
		default:
			for origin, to := range w.passed {
				l.move(origin, to)
			}
		}
	}
	if skipped == nil {
		return
	}
	for s := range l.seats {
		for _, f := range s.feeds {
			l.lag(f, "the node delivers slower than it stores")
		}
	}
	for _, i := range skipped.late {
		l.handle(i)
	}
	for origin, to := range skipped.to {
		l.move(origin, to)
	}
	for _, i := range skipped.touched {
		l.handle(i)
	}
}

func (l *loop) move(origin messages.NodeID, to messages.Position) {
	l.moves++
	p := l.at[origin]
	if p == nil {
		p = &place{}
		l.at[origin] = p
	}
	p.at, p.moved = to, l.moves
}

// handle delivers an item to all live feeds that want it.
func (l *loop) handle(i *item) {
	switch i.kind {
	case batch:
		l.meet(i)
		l.ready(i.sheet)
		for g := range i.sheet.groups {
			for _, f := range l.index.feeds(i.sheet.groups[g].group.Stream) {
				f.deliver(i, &i.sheet.groups[g])
			}
		}
		l.move(i.origin, i.to)
	case gap:
		l.meet(i)
		for s := range l.seats {
			for _, f := range s.feeds {
				f.passGap(i)
			}
		}
		l.move(i.origin, i.to)
	case late:
		for s := range l.seats {
			for _, f := range s.feeds {
				f.passLate(i)
			}
		}
	case touched:
		if _, met := l.at[i.origin]; !met {
			l.leaveOut(i.origin, func(messages.Position, bool) bool { return true })
		}
	case ephemeral:
		for _, f := range l.index.feeds(i.stream) {
			f.ephemeral(i)
		}
	}
	if i.kind != ephemeral {
		l.touch(i)
	}
}

// ready opens a batch that nobody wanted when it came. Where that can't be done readers must see what becomes of it.
func (l *loop) ready(s *sheet) {
	if s.open() == nil {
		return
	}
	for s := range l.seats {
		for _, f := range s.feeds {
			l.lag(f, "a batch can't be read")
		}
	}
}

// meet is where an origin turns up, in the middle of its line: a feed that was before that place, or does not list the
// origin, must read up to it.
func (l *loop) meet(i *item) {
	if _, met := l.at[i.origin]; met || i.from.Sequence == 0 {
		return
	}
	l.leaveOut(i.origin, func(at messages.Position, listed bool) bool {
		return !listed || at.Compare(i.from) < 0
	})
}

// leaveOut stops delivery of an origin to the feeds that must read it.
func (l *loop) leaveOut(origin messages.NodeID, must func(at messages.Position, listed bool) bool) {
	for s := range l.seats {
		for _, f := range s.feeds {
			if f.mode != live && f.mode != joining {
				continue
			}
			if _, out := f.left[origin]; out {
				continue
			}
			if at, listed := f.ahead[origin]; must(at, listed) {
				f.leaveOut(origin, at)
			}
		}
	}
}

// touch tells feeds that leave an origin out that something came.
func (l *loop) touch(i *item) {
	l.touches++
	l.touched[i.origin] = l.touches
	for f := range l.waiters {
		if i.kind == batch {
			f.meet(i)
		}
		f.tellBehind(i.origin)
	}
}

// flush writes to the connections that have something, not before the pause is over. It tells how
// long to wait where something is left.
func (l *loop) flush(now time.Time) time.Duration {
	wait := l.due(now)
	if len(l.dirty) == 0 {
		return wait
	}
	if rest := l.pause - now.Sub(l.flushed); rest > 0 {
		if wait > 0 {
			return min(wait, rest)
		}
		return rest
	}
	dirty := l.dirty
	l.dirty, l.spare = l.spare[:0], dirty
	for _, s := range dirty {
		s.dirty = false
		s.flush()
	}
	clear(dirty)
	l.flushed = now
	if len(l.dirty) > 0 { // one that has more than a write takes
		l.poke()
	}
	return wait
}

// due flushes the thrifty feeds whose time came, and tells when the next one is.
func (l *loop) due(now time.Time) time.Duration {
	next := time.Duration(0)
	for f := range l.timed {
		wait := f.thrift.next().Sub(now)
		if wait <= 0 {
			f.spill(now)
			wait = f.spec.Policy.Every
		}
		if next == 0 || wait < next {
			next = wait
		}
	}
	return next
}

// measure adapts the pause to how busy the loop is: none below a quarter of the time, up to 20 ms
// from three quarters. It grows with the square between: a short pause costs latency and joins little.
func (l *loop) measure(start time.Time) {
	now := time.Now()
	l.busy += now.Sub(start)
	span := now.Sub(l.counted)
	if span < 100*time.Millisecond {
		return
	}
	load := float64(l.busy) / float64(span)
	l.busy, l.counted = 0, now
	l.load.Store(int64(1000 * load))
	if l.hub.cfg.FlushInterval > 0 {
		l.pause = l.hub.cfg.FlushInterval
		return
	}
	const idle, most = 0.25, 20 * time.Millisecond
	share := min(1, max(0, (load-idle)/(0.75-idle)))
	want := time.Duration(share * share * float64(most))
	l.pause = (l.pause + want) / 2
	if l.pause < 200*time.Microsecond {
		l.pause = 0
	}
}

// heartbeat lets idle feeds hear of their cursor.
func (l *loop) heartbeat(now time.Time) {
	for s := range l.seats {
		for _, f := range s.feeds {
			if now.Sub(f.cursorAt) >= l.hub.cfg.Heartbeat {
				f.sendCursor(now)
			}
		}
	}
}

// end closes every connection: the node stops, or the loop failed.
func (l *loop) end() {
	l.mu.Lock()
	l.running = false
	queue := l.queue
	l.queue, l.size = nil, 0
	l.mu.Unlock()
	for i := range queue {
		switch w := &queue[i]; {
		case w.do != nil:
			w.do()
		case w.answers != nil:
			w.answers.seat.answer(w.answers)
		}
	}
	for s := range l.seats {
		s.close(command.CloseUnavailable, "the node is shutting down")
		s.flush()
	}
	for s := range l.seats {
		s.drop()
	}
	l.drains.Wait()
}

// open seats a connection.
func (l *loop) open(outlet command.Outlet, remote string) *seat {
	s := &seat{
		loop: l, outlet: outlet, number: l.hub.seated.Add(1), gone: make(chan struct{}), room: make(chan struct{}, 1),
		patience: l.hub.cfg.Patience, since: time.Now(), remote: remote,
	}
	// Who takes nothing would not hear why it is cut.
	s.place = l.hub.slow.Enter(func() {
		s.part()
		s.Close(0, "")
	})
	l.count.Add(1)
	if !l.do(func() { l.seats[s] = struct{}{} }) {
		l.count.Add(-1)
		s.part()
	}
	return s
}

// cursor is where a live feed is, in all origins that moved since a count.
func (l *loop) cursor(f *feed, since uint64) messages.Cursor {
	var c messages.Cursor
	for origin, p := range l.at {
		if p.moved <= since {
			continue
		}
		if _, out := f.left[origin]; out {
			continue
		}
		c.Advance(p.at)
		if ahead, ok := f.ahead[origin]; ok {
			c.Advance(ahead)
		}
	}
	return c
}

// The bounds of the queues that a loop keeps for its seats.
const (
	mostLent      = 2048
	mostLentPiece = 64
)

// pieces lends a queue.
func (l *loop) pieces() []piece {
	if n := len(l.lent); n > 0 {
		q := l.lent[n-1]
		l.lent = l.lent[:n-1]
		return q
	}
	return make([]piece, 0, 4)
}

// giveBack takes one in again.
func (l *loop) giveBack(q []piece) {
	if cap(q) > mostLentPiece || len(l.lent) >= mostLent {
		return
	}
	clear(q)
	l.lent = append(l.lent, q[:0])
}

// mark puts a seat among those that have something to write.
func (l *loop) mark(s *seat) {
	if !s.dirty && !s.blocked && !s.over {
		s.dirty = true
		l.dirty = append(l.dirty, s)
	}
}

// remove takes a seat out.
func (l *loop) remove(s *seat) {
	if _, ok := l.seats[s]; !ok {
		return
	}
	delete(l.seats, s)
	l.count.Add(-1)
	l.dirty = slices.DeleteFunc(l.dirty, func(other *seat) bool { return other == s })
	for _, f := range s.feeds {
		f.leave()
	}
}
