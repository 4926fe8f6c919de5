package source

import (
	"context"
	"fmt"
	"sync"

	"anode/actors/source/transform"
	"anode/messages/command"
)

// The bounds of what is pushed.
const (
	// mostPushes is how many messages of one source wait, or are not answered.
	mostPushes = 1024
	// mostPushedBytes is how many bytes of messages of one source are being read, wait or are not answered;
	// mostPushedOfNode of all sources of a node.
	mostPushedBytes  = 32 << 20
	mostPushedOfNode = 64 << 20
)

// Door judges who pushes to a source, and what. It is safe for concurrent use.
type Door interface {
	// Admit judges a sender by the token that it showed; socket tells that its messages have no headers of
	// their own. An error wraps command.ErrUnauthorized, or ErrUnavailable where it can't be judged.
	Admit(ctx context.Context, token string, socket bool) error
	// Take judges a message, with the same errors, and makes of it what is fed.
	Take(ctx context.Context, m command.PushMessage) ([]byte, transform.Meta, error)
}

// Push is one message that was pushed. It must be answered once.
type Push struct {
	Message []byte
	Meta    transform.Meta
	answer  func(command.Pushed, error)
}

// Answer tells the sender what became of it. It does not block.
func (p *Push) Answer(became command.Pushed, err error) { p.answer(became, err) }

// Receive lets senders push to the source, past a door, until end is called. Next waits for a message, which must be
// answered; nil is the end of ctx. What waits at the end is given to the next connection, or refused if there is none.
func (l *Line) Receive(door Door) (next func(ctx context.Context) *Push, end func()) {
	in := l.board.inlet()
	in.open(door)
	return in.next, func() { in.leave(door) }
}

// inbox holds what is pushed to a source until it is answered, over its connections.
//
//	sender ─▶ bytes reserved ─▶ a place ─▶ queue ─▶ Line.FeedTold ─▶ journal ─▶ answer: place and bytes are free
//
// While the source has no connection and waits for none, everything is refused with the reason.
type inbox struct {
	// places has one for each message that waits or is not answered: it bounds the queue.
	places chan struct{}
	bytes  *quota
	// wake tells that something is in the queue.
	wake chan struct{}

	// mu guards what follows, and that nothing enters the queue once it was emptied. It is a leaf but for what
	// answers do.
	mu    sync.Mutex
	queue []*Push
	door  Door  // nil while no connection stands
	why   error // why nothing is taken; nil: it is
	gone  bool
}

func newInbox() *inbox {
	return &inbox{places: make(chan struct{}, mostPushes), bytes: &quota{most: mostPushedBytes}, wake: make(chan struct{}, 1)}
}

func (in *inbox) open(door Door) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.gone {
		return
	}
	in.door, in.why = door, nil
}

func (in *inbox) leave(door Door) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.door == door {
		in.door = nil
	}
}

// shut refuses what waits and what comes, until a connection stands again.
func (in *inbox) shut(why error) {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.door, in.why = nil, why
	for _, p := range in.queue {
		p.Answer(command.Pushed{}, why)
	}
	in.queue = nil
}

// end shuts it for good.
func (in *inbox) end(why error) {
	if in == nil {
		return
	}
	in.mu.Lock()
	in.gone = true
	in.mu.Unlock()
	in.shut(why)
}

// standing is the door; nil where no connection stands.
func (in *inbox) standing() Door {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.door
}

// put queues the message of one who has a place.
func (in *inbox) put(p *Push) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.why != nil {
		return in.why
	}
	in.queue = append(in.queue, p)
	if len(in.queue) == 1 {
		select {
		case in.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// next waits for a message; nil is the end of ctx. One goroutine at a time asks.
func (in *inbox) next(ctx context.Context) *Push {
	for ctx.Err() == nil {
		if p := in.first(); p != nil {
			return p
		}
		select {
		case <-in.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

func (in *inbox) first() *Push {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.queue) == 0 {
		return nil
	}
	p := in.queue[0]
	in.queue[0] = nil
	if in.queue = in.queue[1:]; len(in.queue) == 0 {
		in.queue = nil
	}
	return p
}

// sender implements command.Pusher.
type sender struct {
	board *board
	in    *inbox
	door  Door
	// all bounds the bytes of the node.
	all      *quota
	reserved int
}

// Reserve implements command.Pusher.
func (s *sender) Reserve(ctx context.Context, bytes int) error {
	if err := s.in.bytes.take(ctx, bytes); err != nil {
		s.board.crowded.Add(1)
		return fmt.Errorf("%w: %d MiB are pushed to source %s at once already", command.ErrTooMany, mostPushedBytes>>20, s.board.name)
	}
	if err := s.all.take(ctx, bytes); err != nil {
		s.in.bytes.give(bytes)
		s.board.crowded.Add(1)
		return fmt.Errorf("%w: %d MiB are pushed to this node at once already", command.ErrTooMany, mostPushedOfNode>>20)
	}
	s.reserved += bytes
	return nil
}

// Push implements command.Pusher.
func (s *sender) Push(ctx context.Context, m command.PushMessage, done func(command.Pushed, error)) error {
	message, meta, err := s.door.Take(ctx, m)
	if err != nil {
		s.board.judge(err)
		return err
	}
	select {
	case s.in.places <- struct{}{}:
	case <-ctx.Done():
		s.board.crowded.Add(1)
		return fmt.Errorf("%w: %d messages of source %s wait already", command.ErrTooMany, mostPushes, s.board.name)
	}
	size := s.reserved
	p := &Push{Message: message, Meta: meta, answer: func(became command.Pushed, err error) {
		s.give(size)
		<-s.in.places
		done(became, err)
	}}
	if err := s.in.put(p); err != nil {
		<-s.in.places
		return err
	}
	s.reserved = 0
	return nil
}

func (s *sender) give(bytes int) {
	s.in.bytes.give(bytes)
	s.all.give(bytes)
}

// Close implements command.Pusher.
func (s *sender) Close() {
	s.give(s.reserved)
	s.reserved = 0
}

// quota bounds a sum of bytes. The mutex is a leaf.
type quota struct {
	most int

	mu      sync.Mutex
	used    int
	changed chan struct{} // closed when some was given back; nil while nobody waits
}

// take waits until there is room; what is larger than the bound has it when nothing else is there.
func (q *quota) take(ctx context.Context, n int) error {
	for {
		changed := q.try(n)
		if changed == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// try takes, or gives what to wait for.
func (q *quota) try(n int) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used == 0 || q.used+n <= q.most {
		q.used += n
		return nil
	}
	if q.changed == nil {
		q.changed = make(chan struct{})
	}
	return q.changed
}

func (q *quota) give(n int) {
	if n == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used -= n
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}
