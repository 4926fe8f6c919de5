package hub

import (
	"anode/messages"
)

// passed is where the hub went while a loop had no feeds, by origin.
type passed map[messages.NodeID]messages.Position

// work is an item, a command, answers to a client, or what was passed.
type work struct {
	item    *item
	do      func()
	answers *answers
	passed  passed
}

// answers are what one client asked for, one after another: frames of its connection.
type answers struct {
	seat   *seat
	frames []byte
}

// mostAnswers is about how many bytes of answers are one piece of work.
const mostAnswers = 16 << 10

// push queues an item. When the queue is full the item is left out: all feeds of the loop are
// read for from where they were.
func (l *loop) push(i *item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.running:
		return
	case l.listed == 0 && l.skipped == nil:
		l.pass(i)
		return
	case l.skipped != nil || l.size > 0 && l.size+i.size > l.hub.cfg.QueueBytes:
		if l.skipped == nil {
			l.skipped = &skipped{
				to: make(map[messages.NodeID]messages.Position), touched: make(map[messages.NodeID]*item), late: make(map[messages.NodeID]*item),
			}
		}
		l.skipped.add(i)
		l.hub.metrics.overrun.Inc()
	default:
		l.queue = append(l.queue, work{item: i})
		l.size += i.size
	}
	l.poke()
}

// pass notes an item that nobody waits for. mu is held.
func (l *loop) pass(i *item) {
	if i.kind == batch || i.kind == gap {
		l.passTo(i.origin, i.to)
	}
}

func (l *loop) passTo(origin messages.NodeID, to messages.Position) {
	if l.passed == nil {
		l.passed = make(passed)
	}
	l.passed[origin] = to
}

// passes notes where a batch ends, if nobody waits for it.
func (l *loop) passes(to messages.Position) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.running:
		return true
	case l.listed > 0 || l.skipped != nil:
		return false
	}
	l.passTo(to.Origin, to)
	return true
}

// wanted tells whether somebody is subscribed.
func (l *loop) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listed > 0
}

// enlist is do for the command that adds a feed: all items after it are queued.
func (l *loop) enlist(command func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.put(command) {
		l.listed++
	}
}

// delist counts a feed that was enlisted and is none any more.
func (l *loop) delist() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed--
}

// do queues a command; false when the loop does not run. Commands come from seats, which bound them.
func (l *loop) do(command func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.put(command)
}

// ask queues an answer to a client, which frame appends: together with those before it, where nothing is between.
func (l *loop) ask(s *seat, frame func([]byte) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running {
		return
	}
	if n := len(l.queue); n > 0 {
		if a := l.queue[n-1].answers; a != nil && a.seat == s && len(a.frames) < mostAnswers {
			before := len(a.frames)
			a.frames = frame(a.frames)
			s.control.Add(int64(len(a.frames) - before))
			return
		}
	}
	var room []byte
	if n := len(l.rooms); n > 0 {
		room, l.rooms = l.rooms[n-1], l.rooms[:n-1]
	}
	p := answers{seat: s, frames: frame(room)}
	s.control.Add(int64((&piece{body: p.frames}).size()))
	l.enqueue(work{answers: &p})
}

// The bounds of the room that a loop keeps for answers.
const (
	mostRooms = 16
	mostRoom  = 2 * mostAnswers
)

// vacate takes in the room of answers that were written.
func (l *loop) vacate(frames []byte) {
	if cap(frames) > mostRoom {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rooms) < mostRooms {
		l.rooms = append(l.rooms, frames[:0])
	}
}

// put is do. mu is held.
func (l *loop) put(command func()) bool {
	if l.running {
		l.enqueue(work{do: command})
	}
	return l.running
}

// enqueue queues what must come behind all that was passed. mu is held.
func (l *loop) enqueue(w work) {
	if l.passed != nil {
		l.queue = append(l.queue, work{passed: l.passed})
		l.passed = nil
	}
	l.queue = append(l.queue, w)
	l.poke()
}

func (l *loop) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// waiting is how many items and commands are queued.
func (l *loop) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// take empties the queue.
func (l *loop) take() ([]work, *skipped) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue, skipped := l.queue, l.skipped
	l.queue, l.size, l.skipped = nil, 0, nil
	return queue, skipped
}
