package source

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages"
	"anode/messages/command"
)

// board is what is known of one source over all incarnations of its actor: what others read
// without asking it. It is safe for concurrent use.
type board struct {
	name string
	// want is what is to be.
	want atomic.Pointer[Assignment]
	// shown is the state as the actor published it last.
	shown atomic.Pointer[shown]

	// Unix ns of the last sign of life; 0 means never.
	transport, protocol, data atomic.Int64
	// elsewhere is when another node took what was pushed to it, in Unix ns; 0 is never, or of no interest.
	elsewhere atomic.Int64
	// quietUntil is when the feed is asked next, while its connection stands; 0 where it is not asked.
	quietUntil atomic.Int64

	records, errors, connects             atomic.Uint64
	filtered, duplicate, failed, unstored atomic.Uint64
	untimed, suppressed, limited, missing atomic.Uint64
	meter                                 meter
	// inFlight is records on their way into the journal.
	inFlight atomic.Int64
	// complaint is the last reason why a message made no record; nil when something is wrong with the
	// connection since.
	complaint atomic.Pointer[string]
	// resume is where the source goes on from; nil where it keeps no state.
	resume atomic.Pointer[resume]
	// crossed counts what this node numbered and another one too, as newFigures says, yielded what was not numbered here as another owner did; held is what is
	// held back now.
	crossed, yielded atomic.Uint64
	// reread counts the times that the journal was read for what was not learned.
	reread  atomic.Uint64
	standby atomic.Pointer[standby]
	// missed tells that the actor was not told of want.
	missed atomic.Bool
	// unauthorized and crowded are senders that were refused: for their credentials, and for want of room.
	unauthorized, crowded atomic.Uint64
	// inbox is where messages are pushed; nil until the first connection of a push source.
	inbox atomic.Pointer[inbox]
	// taps are those who look at the frames.
	taps taps
	// fit tells whether this node is the right one; good is when the feed worked last, in Unix ns, 0 for never.
	fit  fitness
	good atomic.Int64
	// flight is all that is on its way into the journal.
	flight flight
}

// shown is a state and what belongs to it. It is not changed once published.
type shown struct {
	state     string
	since     time.Time
	nextAt    time.Time
	lastError string
	// hint says what to do about it; empty where nobody can tell.
	hint string
	// why is the error behind a pause; resting tells that there is none: the feed ended in order, and is left alone.
	why     error
	resting bool
	// standing tells that the connection stands; transportOK and so on that its clocks are not late.
	standing, dataLate bool
}

func newBoard(name string, now time.Time) *board {
	b := &board{name: name}
	b.shown.Store(&shown{state: command.SourcePending, since: now})
	return b
}

// well tells that nobody need look after the source.
func (s *shown) well() bool {
	switch s.state {
	case command.SourceFailed, command.SourceStale:
		return false
	case command.SourceBackoff:
		return s.resting
	}
	return true
}

// carry is the next state, which keeps the last error.
func (b *board) carry(state string) shown {
	last := b.shown.Load()
	return shown{state: state, lastError: last.lastError, hint: last.hint}
}

// status is the board as clients see it.
func (b *board) status(self messages.NodeID, now time.Time) command.SourceStatus {
	s := b.shown.Load()
	v := command.SourceStatus{
		State: s.state, Since: s.since.UTC(), Owners: []messages.NodeID{self},
		Transport: clock(s.standing, &b.transport), Protocol: clock(s.standing, &b.protocol),
		Data:    clock(s.standing && !s.dataLate, &b.data),
		Records: b.records.Load(), Errors: b.errors.Load(), Rate: b.meter.rate(now), LastError: s.lastError, Hint: s.hint, Resting: s.resting,
		Dropped: command.SourceDrops{Filtered: b.filtered.Load(), Duplicate: b.duplicate.Load(), Limited: b.limited.Load(), Failed: b.failed.Load() + b.unstored.Load()},
	}
	if text := b.complaint.Load(); text != nil {
		v.LastError = *text
	}
	v.Resume = b.resume.Load().view()
	if n := b.connects.Load(); n > 1 {
		v.Restarts = n - 1
	}
	if s.state == command.SourcePaused {
		v.Owners = []messages.NodeID{}
	}
	if rank := b.rank(); rank > 0 {
		v.Standby = &command.SourceStandby{Rank: rank, Records: uint64(b.held())}
	}
	if at := s.nextAt.UTC(); !s.nextAt.IsZero() {
		v.NextAt = &at
	} else if ns := b.quietUntil.Load(); s.standing && ns > now.UnixNano() {
		at := time.Unix(0, ns).UTC()
		v.NextAt = &at
	}
	return v
}

// rank is how many number before this node; one that still holds back is not the first yet.
func (b *board) rank() int {
	rank := 0
	if want := b.want.Load(); want != nil {
		rank = want.Role.Rank
	}
	if s := b.standby.Load(); s != nil && s.active.Load() {
		rank = max(rank, 1)
	}
	return rank
}

// held is how many records are held back for another owner.
func (b *board) held() int64 {
	if s := b.standby.Load(); s != nil {
		return s.count.Load()
	}
	return 0
}

// yield counts one that another owner numbered.
func (b *board) yield() {
	b.yielded.Add(1)
	b.duplicate.Add(1)
}

// mostShown is the most bytes of a state that a status shows.
const mostShown = 1024

// resume is a state that the journal has, as it is. It is not changed once published.
type resume struct {
	turn   uint64
	at     time.Time
	since  json.RawMessage
	cursor string
	hidden *hidden
}

// remember takes over what the journal has of the source's state. Those of items are not shown. It is cheap: what is
// not for people's eyes is looked for when they look.
func (b *board) remember(s *saved, at time.Time, hidden *hidden) {
	if s.Item == nil && (s.Since != nil || s.Cursor != "") {
		b.resume.Store(&resume{s.Turn, at.UTC(), s.Since, s.Cursor, hidden})
	}
}

// view is what people see of it: no secret that is known by now.
func (r *resume) view() *command.SourceResume {
	if r == nil {
		return nil
	}
	v := &command.SourceResume{Turn: r.turn, At: r.at}
	if text := r.hidden.hide(string(r.since)); len(text) <= mostShown && json.Valid([]byte(text)) {
		v.Since = json.RawMessage(text)
	}
	if text := r.hidden.hide(r.cursor); len(text) <= mostShown {
		v.Cursor = text
	}
	return v
}

func clock(ok bool, last *atomic.Int64) command.SourceClock {
	c := command.SourceClock{OK: ok}
	if ns := last.Load(); ns != 0 {
		at := time.Unix(0, ns).UTC()
		c.Last = &at
	}
	return c
}

// meterSpan is what a rate is taken over, in seconds.
const meterSpan = 10

// meter counts by second. The mutex is a leaf.
type meter struct {
	mu      sync.Mutex
	first   int64 // the second of the first count
	at      int64 // the newest second
	seconds [meterSpan + 1]uint64
}

// move makes now the newest second. mu is held.
func (m *meter) move(now int64) {
	if m.first == 0 {
		m.first, m.at = now, now
	}
	if now-m.at > meterSpan {
		m.seconds, m.at = [meterSpan + 1]uint64{}, now
	}
	for ; m.at < now; m.at++ {
		m.seconds[(m.at+1)%(meterSpan+1)] = 0
	}
}

func (m *meter) add(now time.Time, n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.move(now.Unix())
	m.seconds[m.at%(meterSpan+1)] += n
}

// rate is what was counted a second over the last ten whole seconds, or fewer at the beginning, with
// one decimal.
func (m *meter) rate(now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.first == 0 {
		return 0
	}
	m.move(now.Unix())
	var sum uint64
	for i, n := range m.seconds {
		if int64(i) != m.at%(meterSpan+1) || m.at == m.first {
			sum += n
		}
	}
	span := min(max(m.at-m.first, 1), meterSpan)
	return float64(int64(float64(sum)/float64(span)*10+0.5)) / 10
}
