package journal

import (
	"errors"
	"fmt"
	"sync"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
)

// moves are what was asked of the numberer and is not done, and where it was moved to: which outlives the actor. The
// mutex guards all of it; it is a leaf.
type moves struct {
	// ready wakes the writer.
	ready chan struct{}

	mu     sync.Mutex
	asked  *move
	closed bool
	// epoch is the highest that the numberer was given, prior what its first batch names besides what is held.
	epoch uint64
	prior messages.Position
}

// move is what was asked of the numberer, by one or more.
type move struct {
	above uint64
	prior messages.Position
	dones []func(uint64, error)
}

// mostMoves is how many may wait to be told of a move; more are refused.
const mostMoves = 64

// Number moves the numbers of this node. It never blocks; what is submitted after it is numbered as it says.
//
// Where above is not 0, and the epoch that is numbered with is not above it, a new one is begun: after a peer was
// found to hold batches of an epoch as high, which are not on this disk. Its first batch names the highest of what
// the journal holds of this node, and prior. Else prior counts only as long as nothing is sealed in the epoch,
// and where it is of an earlier one.
//
// done is told, once, which epoch is numbered with from now on, also where that did not change or, with an error,
// could not. It is called from the writer and must not block; where the node stops, or 64 others wait, from here. A
// call that comes while another waits is done with it.
func (b *Inbox) Number(above uint64, prior messages.Position, done func(epoch uint64, err error)) {
	epoch, err := b.moves.ask(above, prior, done)
	if err != nil {
		done(epoch, err)
		return
	}
	b.moves.wake()
}

func (m *moves) wake() {
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// ask notes a move. It may refuse, and tells the epoch that counts then.
func (m *moves) ask(above uint64, prior messages.Position, done func(uint64, error)) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return m.epoch, errStopping
	case m.asked == nil:
		m.asked = &move{}
	case len(m.asked.dones) >= mostMoves:
		return m.epoch, fmt.Errorf("%w: %d others wait for the numberer", command.ErrUnavailable, mostMoves)
	}
	a := m.asked
	a.above, a.prior = max(a.above, above), higher(a.prior, prior)
	a.dones = append(a.dones, done)
	return 0, nil
}

// take gives what was asked, once; nil is nothing.
func (m *moves) take() *move {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.asked
	m.asked = nil
	return a
}

// keep notes where the numberer is, for the actor's next incarnation.
func (m *moves) keep(at wire.Place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch, m.prior = at.Epoch, at.Prior
}

func (m *moves) kept() (epoch uint64, prior messages.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch, m.prior
}

// renumber does what was asked of the numberer.
func (w *writer) renumber() {
	asked := w.inbox.moves.take()
	if asked == nil {
		return
	}
	told := 0
	defer func() { // a panic: nobody may wait for ever
		for _, done := range asked.dones[told:] {
			done(w.number.next.Epoch, fmt.Errorf("%w: the journal failed", command.ErrUnconfirmed))
		}
	}()
	err := w.move(asked.above, asked.prior)
	for _, done := range asked.dones {
		told++
		done(w.number.next.Epoch, err)
	}
}

func (w *writer) move(above uint64, prior messages.Position) error {
	if prior.Sequence == 0 {
		prior = messages.Position{}
	}
	next := &w.number.next
	switch {
	case !prior.IsZero() && prior.Origin != w.cfg.Self:
		return fmt.Errorf("%w: the line of %s does not stand at %s", command.ErrInvalid, w.cfg.Self, prior)
	case above >= next.Epoch:
		return w.renew(above, prior)
	case next.Sequence == 1 && prior.Epoch < next.Epoch:
		next.Prior = higher(next.Prior, prior)
		w.inbox.moves.keep(*next)
	}
	return nil
}

var errNoEpoch = errors.New("no epoch can be begun while the node runs")

// renew begins an epoch.
func (w *writer) renew(above uint64, prior messages.Position) error {
	if w.cfg.NextEpoch == nil {
		return fmt.Errorf("%w: %w", command.ErrUnavailable, errNoEpoch)
	}
	own := w.cfg.Journal.Digest()[w.cfg.Self]
	for _, e := range own {
		above = max(above, e.Epoch)
	}
	above = max(above, prior.Epoch)
	if above >= messages.MaxEpoch {
		return fmt.Errorf("%w: epoch %d has none above it: this node needs a new identity", command.ErrUnavailable, above)
	}
	epoch, err := w.cfg.NextEpoch(above + 1)
	switch {
	case err != nil:
		return fmt.Errorf("%w: begin an epoch: %w", command.ErrUnavailable, err)
	case epoch <= above || epoch > messages.MaxEpoch:
		return fmt.Errorf("%w: epoch %d is not from %d to %d", command.ErrUnavailable, epoch, above+1, uint64(messages.MaxEpoch))
	}
	n := &w.number
	prior = higher(prior, n.next.Prior) // what the epoch was to name that ends without a batch
	n.next, n.last = begin(w.cfg, epoch, own, prior), max(n.last, lastOf(w.cfg, own))
	w.inbox.moves.keep(n.next)
	w.cfg.Logger.Warn("numbering goes on in a new epoch: one as high as the last turned up", "epoch", epoch, "prior", n.next.Prior.String())
	return nil
}

// begin is the place of the next batch in an epoch, of which own says what is held.
func begin(cfg Config, epoch uint64, own []messages.EpochDigest, prior messages.Position) wire.Place {
	at := wire.Place{BatchID: messages.BatchID{Origin: cfg.Self, Epoch: epoch, Sequence: 1}}
	for _, e := range own {
		switch {
		case e.Head == 0:
		case e.Epoch < epoch:
			prior = higher(prior, messages.Position{Origin: cfg.Self, Epoch: e.Epoch, Sequence: e.Head, Index: e.HeadIndex})
		case e.Epoch == epoch:
			at.Sequence, at.Previous = e.Head+1, cfg.Journal.HeadHash(cfg.Self, epoch)
		}
	}
	if at.Sequence == 1 {
		at.Prior = prior
	}
	return at
}

// lastOf is the highest reading of this node's batches; 0 where it is too far ahead of the clock to go on from.
func lastOf(cfg Config, own []messages.EpochDigest) (last messages.HLC) {
	for _, e := range own {
		last = max(last, e.HeadHLC)
	}
	if ahead := last.Time().Sub(cfg.Clock()); ahead > messages.MaxClockLead {
		cfg.Logger.Warn("the journal's last time is far ahead of the clock: numbering begins from now", "ahead", ahead)
		return 0
	}
	return last
}

// higher is the later of two places on a line; one without a sequence is none.
func higher(a, b messages.Position) messages.Position {
	if b.Sequence > 0 && (a.Sequence == 0 || b.Compare(a) > 0) {
		return b
	}
	return a
}
