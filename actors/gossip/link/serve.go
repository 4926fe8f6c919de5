package link

import (
	"errors"

	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// MaxServes is the most pulls that a link answers at a time: as many as the core lets a peer open.
const MaxServes = 32

var (
	// ErrServes: more than MaxServes pulls are being answered.
	ErrServes = errors.New("too many pulls are being answered")
	// ErrLater is for the read function of Serve: a batch is there and can't be read now. The answer ends there, and
	// the peer asks again.
	ErrLater = errors.New("the batch can't be read now")
)

// serve is a pull that is being answered. What it reads next is the affair of one goroutine at a time.
type serve struct {
	pull *frame.Pull
	read func(messages.BatchID) (wire.Sealed, error)
	done func(missing []messages.Range)

	// at is the range, and next how many of its batches were looked for.
	at   int
	next uint64
	// sent is how many bytes of batches were given.
	sent    uint64
	missing messages.Ranges
}

// portion is what a serve gives to be written at once: batches of up to writeBytes together, or a larger one.
type portion struct {
	serve  *serve
	pushes []waiting
	// last: the serve has no more.
	last bool
}

// portion reads on. mayGo says whether there is still use for it.
func (s *serve) portion(mayGo func() bool, c *Counters) *portion {
	p := &portion{serve: s}
	for sum := 0; sum < writeBytes && mayGo(); {
		id, ok := s.id()
		if !ok {
			p.last = true
			break
		}
		batch, err := s.read(id)
		size := uint64(len(batch.Bytes()))
		switch {
		case err == nil && s.sent > 0 && s.sent+size > uint64(s.pull.Bytes), errors.Is(err, ErrLater):
			p.last = true
			return p
		case err != nil:
			c.Missing.Add(1)
			s.missing = s.missing.Add(messages.Range{From: id.Sequence, To: id.Sequence})
		default:
			c.Served.Add(1)
			push := &frame.Push{Repair: true, Hop: 1, Batch: &batch}
			s.sent += size
			sum += push.Size()
			p.pushes = append(p.pushes, waiting{push, push.Size()})
		}
		s.next++
	}
	return p
}

// id is the batch that comes next; false where all were looked for.
func (s *serve) id() (messages.BatchID, bool) {
	for ; s.at < len(s.pull.Ranges); s.at, s.next = s.at+1, 0 {
		r := s.pull.Ranges[s.at]
		if r.From > r.To || s.next > r.To-r.From {
			continue
		}
		sequence := r.From + s.next
		if s.pull.Descending {
			sequence = r.To - s.next
		}
		return messages.BatchID{Origin: s.pull.Origin, Epoch: s.pull.Epoch, Sequence: sequence}, true
	}
	return messages.BatchID{}, false
}
