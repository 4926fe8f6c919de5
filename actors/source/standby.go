package source

import (
	"container/list"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

// The most that an owner holds back: beyond, its feed is not read. One message may exceed it.
const (
	mostStandby      = 65536
	mostStandbyBytes = 4 << 20
	// mostCredits is how many copies are remembered that came before what they are of.
	mostCredits = 65536
)

// leastStandby is for how long an owner holds back at least what it collected, for each that is before it.
const leastStandby = 2 * time.Second

// standby holds back what an owner that is not the first collected, until the journal has the copy of another owner,
// one for one, or it is overdue; it is numbered then, and at once when the owner is the first. What a state covers
// waits behind what is held.
//
//	feed ─▶ pipeline ─▶ standby ──overdue, or first──▶ journal
//	                      ▲ cancels
//	       learnt copies ─┘
//
// It outlives connections. The job's turn guards its fields, but for those of which it is said.
type standby struct {
	job *job
	// held are *back, in order; byDatum finds them.
	held    list.List
	byDatum map[messages.Identity][]*list.Element
	// credits are copies of what this owner's feed did not bring yet and deduplication would not know, with when each
	// was learned of last.
	credits map[messages.Identity]credit
	// taken are the copies that were taken over last, of which each stands for one datum.
	taken taken
	moves moves
	marks uint64
	timer *time.Timer
	armed bool
	// ends tells that nothing is held back any more.
	ends bool

	// active tells, as of when the turn was taken last, that the owner is not the first.
	active atomic.Bool
	// tail is the line that what is held goes by between two connections; nil is none.
	tail *Line

	// count and bytes are of what is held.
	count, bytes atomic.Int64
	// nudged tells that the timer was set to look at once.
	nudged atomic.Bool

	mu sync.Mutex // guards what follows; a leaf
	// life is of the timers; it is made by the first.
	life context.Context
	end  context.CancelFunc
	over bool
	// running has one for a timer that is at work.
	running sync.WaitGroup
	// changed is closed when something is not held any more; nil while nobody waits.
	changed chan struct{}
	// line is that of the connection that stands; nil is none.
	line *Line
}

// back is one that is held back.
type back struct {
	draft messages.Draft
	datum messages.Identity
	since time.Time
	mark  uint64
	// from is the Unix ms from when on the connection brought what came.
	from int64
}

// left is how long it is still held; a clock that was put back ends it.
func (b *back) left(now time.Time, most time.Duration) time.Duration {
	passed := now.Sub(b.since)
	if passed < 0 {
		return 0
	}
	return most - passed
}

func newStandby(j *job) *standby {
	return &standby{job: j}
}

// holds tells that the owner is not the first, so that what it collects is held back, or that something still is: then what
// moves a state waits for it.
func (s *standby) holds() bool {
	return s != nil && (s.active.Load() || s.held.Len() > 0 || len(s.moves.waiting) > 0)
}

// holdFor is for how long it holds back.
func (s *standby) holdFor() time.Duration {
	if s.job.cfg.standstill.unsure() {
		return 2 * mostUnsure // until it is sure
	}
	wait := leastStandby
	if r := s.job.spec.REST; s.job.spec.Kind == spec.KindREST && r != nil {
		wait = max(wait, r.Every.Of()*3/2)
	}
	return wait * time.Duration(max(s.job.role().Rank, 1))
}

// unsurePause is how often a node that is unsure looks whether it still is.
const unsurePause = 200 * time.Millisecond

// due is how long one is still held; of what a connection brought at once when the node went on after a standstill nothing is to come any
// more once the node is sure. Until it is, that is looked at again and again.
func (s *standby) due(b *back, now time.Time) time.Duration {
	if s.job.cfg.standstill.unsure() {
		return unsurePause
	}
	if b.since.Before(s.job.cfg.standstill.backlog()) {
		return 0
	}
	return b.left(now, s.holdFor())
}

// hold takes drafts, and gives how many of them were there already. The turn is taken.
func (s *standby) hold(drafts []messages.Draft) (already int) {
	now, from := s.job.cfg.Clock(), int64(0)
	if line := s.present(); line != nil {
		from = s.job.brings(line)
	}
	if s.byDatum == nil {
		s.byDatum = make(map[messages.Identity][]*list.Element)
	}
	for i := range drafts {
		copied := s.job.pipeline.Dedupe().CopyOf(&drafts[i], 0)
		datum := copied.Datum()
		if c, ok := s.credits[datum]; ok {
			if c.n--; c.n == 0 {
				delete(s.credits, datum)
			} else {
				s.credits[datum] = c
			}
			if c.counts(now, s.holdFor()) {
				already++
				s.job.pipeline.Dedupe().Yield(&copied)
				continue
			}
		}
		s.marks++
		at := s.held.PushBack(&back{drafts[i], datum, now, s.marks, from})
		s.byDatum[datum] = append(s.byDatum[datum], at)
		s.count.Add(1)
		s.bytes.Add(int64(drafts[i].Size()))
	}
	s.arm()
	return already
}

// cancel takes one out of which another owner numbered a copy; once tells that there may be others that are the same, before the connection.
func (s *standby) cancel(c *transform.Copy, once bool) bool {
	if s == nil {
		return false
	}
	datum := c.Datum()
	all := s.byDatum[datum]
	if len(all) == 0 || once && c.Born() < all[0].Value.(*back).from {
		return false
	}
	s.drop(all[0])
	return true
}

// drop takes one out.
func (s *standby) drop(at *list.Element) *back {
	b := s.held.Remove(at).(*back)
	if all := s.byDatum[b.datum]; len(all) > 1 {
		s.byDatum[b.datum] = all[1:]
	} else {
		delete(s.byDatum, b.datum)
	}
	s.count.Add(-1)
	s.bytes.Add(-int64(b.draft.Size()))
	return b
}

// ripe takes out what is not to be held any more: all of it where the owner is the first.
func (s *standby) ripe(now time.Time) (drafts []messages.Draft) {
	all := s.ends || !s.active.Load()
	for front := s.held.Front(); front != nil; front = s.held.Front() {
		if b := front.Value.(*back); !all && s.due(b, now) > 0 {
			break
		}
		drafts = append(drafts, s.drop(front).draft)
		if len(drafts) == mostDrafts {
			break
		}
	}
	return drafts
}

// oldest is the mark of the first that is held; false while nothing is.
func (s *standby) oldest() (uint64, bool) {
	front := s.held.Front()
	if front == nil {
		return 0, false
	}
	return front.Value.(*back).mark, true
}

// full tells that no more is to be held.
func (s *standby) full() bool {
	return s.count.Load() >= mostStandby || s.bytes.Load() >= mostStandbyBytes
}

// room waits until there is some. The turn is not taken.
func (s *standby) room(ctx context.Context) error {
	return s.await(ctx, func() bool { return !s.full() })
}

// await waits until something holds that may where less is held back.
func (s *standby) await(ctx context.Context, holds func() bool) error {
	for !holds() {
		s.mu.Lock()
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// freed tells those who wait for room.
func (s *standby) freed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// nudge has it look at once, where it holds something: copies came, or another role. It does not block.
func (s *standby) nudge() {
	if s == nil || s.count.Load() == 0 && s.active.Load() == (s.job.role().Rank > 0) || !s.enter() {
		return
	}
	if !s.nudged.CompareAndSwap(false, true) {
		s.running.Done()
		return
	}
	go func() {
		defer s.running.Done()
		s.fire()
	}()
}

// enter tells whether a timer may work. One that may is to be done with running.
func (s *standby) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	if s.life == nil {
		s.life, s.end = context.WithCancel(context.Background())
	}
	s.running.Add(1)
	return true
}

// arm sets the timer for the first that is held. The turn is taken.
func (s *standby) arm() {
	front := s.held.Front()
	if front == nil || s.armed {
		return
	}
	s.armed = true
	wait := max(s.due(front.Value.(*back), s.job.cfg.Clock()), time.Millisecond)
	work := func() {
		if s.enter() {
			defer s.running.Done()
			s.fire()
		}
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, work)
		return
	}
	s.timer.Reset(wait)
}

// fire looks at what is held: it takes over what was learned, and numbers what is overdue.
func (s *standby) fire() {
	if s.job.turn.take(s.life) != nil {
		return
	}
	defer s.freed()
	defer s.job.turn.give()
	s.armed = false
	s.nudged.Store(false)
	line := s.by()
	if err := Catch(func() error { return s.look(s.life, line) }); err != nil {
		line.cut.Store(true)
		s.job.window.fail(err)
		line.tell(refused{line.gen})
	}
	s.arm()
	s.job.unlearn()
}

// look takes over what was learned, and the owner's role, and numbers what is not to be held any more. The turn is
// taken.
func (s *standby) look(ctx context.Context, line *Line) error {
	behind := s.job.role().Rank > 0
	first := s.active.Swap(behind) && !behind
	if first {
		s.redeem(s.job.cfg.Clock())
	}
	if err := s.job.catchUp(ctx, line.board); err != nil {
		return err
	}
	if s.held.Len() == 0 && len(s.moves.waiting) == 0 && !first {
		return nil
	}
	for {
		drafts := s.ripe(s.job.cfg.Clock())
		state := s.settle(line)
		if len(drafts) == 0 {
			if first { // what others got to was not gone on from while something was held back
				s.job.states.again(ctx)
			}
			return line.sealAlone(ctx, false)
		}
		if err := line.number(ctx, drafts, state); err != nil {
			return err
		}
	}
}

// settle makes the moves that wait for nothing any more, and gives one of their states. The turn is taken.
func (s *standby) settle(line *Line) *state {
	oldest, held := s.oldest()
	return s.moves.settle(oldest, held, line.apply)
}

// move makes a move when all that is held now is not held any more. The turn is taken.
func (s *standby) move(line *Line, m move) {
	s.settle(line)
	if !m.walked && s.job.states.walking(m.state) { // only all of a walk counts
		line.apply(m)
		return
	}
	if _, held := s.oldest(); !held && s.moves.none(m.state) {
		s.job.states.lead(m.state, nil)
		line.apply(m)
		return
	}
	if m.since == nil && m.cursor == nil && !m.walked {
		return
	}
	if m.since != nil {
		s.job.states.lead(m.state, m.since)
	}
	s.moves.add(m, s.marks)
}

// by is the line that what is held goes by: that of the connection, or one of its own where there is none. The turn
// is taken.
func (s *standby) by() *Line {
	if line := s.present(); line != nil {
		return line
	}
	if j := s.job; s.tail == nil { // what the connection before left is as at the beginning of the next
		s.tail = &Line{cfg: j.cfg, board: j.board, job: j, begun: j.cfg.Clock(), chain: &command.Chain{}, tell: func(any) {}}
		j.fresh()
	}
	return s.tail
}

// present is the line of the connection; nil while there is none.
func (s *standby) present() *Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line
}

// stand makes a connection's line the one that what is held goes by, once what went before is in the journal, or
// refused. The turn is taken.
func (s *standby) stand(ctx context.Context, line *Line) {
	if s == nil {
		return
	}
	if s.tail != nil {
		patience, cancel := context.WithTimeout(ctx, settlePatience)
		_ = s.job.window.settle(patience) // what is not there by then is refused
		cancel()
		s.tail.chain.Break(errLeft)
		s.tail = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = line
}

// left tells that a connection is over. It waits for who works with its line.
func (s *standby) left(ctx context.Context) {
	if s == nil {
		return
	}
	if s.job.turn.take(ctx) == nil {
		defer s.job.turn.give()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = nil
}

// again notes what is held once more in deduplication, which forgot all. The turn is taken.
func (s *standby) again(now time.Time) {
	if s == nil {
		return
	}
	s.moves = moves{}
	for at := s.held.Front(); at != nil; at = at.Next() {
		s.job.pipeline.Dedupe().Note(&at.Value.(*back).draft, now)
	}
}
