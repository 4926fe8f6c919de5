package command

import (
	"context"
	"sync/atomic"

	"anode/messages"
	"anode/messages/wire"
)

// Submission is drafts on their way into the journal, from one sender.
type Submission struct {
	// Drafts passed Check and are the journal's from now on. Their order is kept within a stream.
	Drafts []messages.Draft
	// State is what the sender remembers once Drafts, and all that it submitted before on the same
	// Chain, are stored: it goes into the batch that holds the last of Drafts, so that both are there
	// or neither. Where one batch would hold several of a stream, the last one stands for all. It has
	// passed Check, and is at most a few drafts.
	State []messages.Draft
	// Chain ties this to what the sender submitted before; nil is nothing.
	Chain *Chain
	// Recognise drops drafts that were published before (stream, key, native id) within the last
	// ten minutes, as duplicates. Sources have windows of their own and leave it off.
	Recognise bool
	// Done hears what became of the drafts: once, when the journal has them as its durability
	// says, and another node where it is to wait for one; duplicates count as what they repeat. It runs on the journal's goroutine and must not block. Nil is nobody.
	Done func(Outcome)
}

// Size is what bounds count the submission as, in bytes.
func (s *Submission) Size() int {
	size := 0
	for i := range s.Drafts {
		size += s.Drafts[i].Size()
	}
	for i := range s.State {
		size += s.State[i].Size()
	}
	return size
}

// Chain ties submissions of one sender together: once one of them was not stored, none that comes after
// it is, so that nothing that the sender remembers is ahead of what is stored. The zero value is
// ready. It is safe for concurrent use.
type Chain struct{ broken atomic.Pointer[error] }

// Break has all that comes from now on refused. The first error counts.
func (c *Chain) Break(err error) {
	if c != nil && err != nil {
		c.broken.CompareAndSwap(nil, &err)
	}
}

// Broken is why nothing more of the chain is taken; nil when it is.
func (c *Chain) Broken() error {
	if c == nil {
		return nil
	}
	if err := c.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// Outcome says what became of a submission.
type Outcome struct {
	// Positions are in the order of the drafts, without State: where each one stands; the zero Position
	// for a duplicate. Nil when Err is set.
	Positions []messages.Position
	// Err is why none was stored: ErrStorageFull, ErrUnavailable; with ErrUnconfirmed they are stored,
	// or may be, and are not known to be durable; with ErrUncovered, which is one, they are, and nothing
	// that comes after them on their chain is refused.
	Err error
}

// Intake takes drafts into the journal. It is safe for any number of callers.
type Intake interface {
	// Submit hands drafts over. It waits while the journal's queue is full, until ctx ends; on an
	// error nothing was taken and Done is never called.
	Submit(ctx context.Context, s Submission) error
}

// Stored tells the hub that batches are in the journal, in the order in which they were appended.
// It is a wake-up that carries what it is about, so that nobody must read it back.
type Stored struct {
	Batches []StoredBatch
}

// StoredBatch is one appended batch.
type StoredBatch struct {
	wire.Sealed
	// Batch is its open form, of a batch that this node sealed; nil of what peers brought.
	Batch *messages.Batch
	// Live batches were sealed or received as they were made; others are backfill and fill holes.
	Live bool
	// Late batches stand beyond the named end of their epoch: readers who passed are told by a gap.
	Late bool
}

// GaveUp tells readers that holes are gone for good: their next step there is a gap.
type GaveUp struct {
	Origin messages.NodeID
}

// Ephemeral is a record without a position: status, and the canary. It passes through the hub to
// those who are subscribed now; of each stream the hub keeps the latest for new subscribers
// until it is withdrawn.
type Ephemeral struct {
	Stream messages.Stream
	// JSON is the record's object, without id.
	JSON []byte
	// Withdrawn drops what was kept of the stream.
	Withdrawn bool
}
