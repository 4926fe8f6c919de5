package sim

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"anode/messages"
)

// Past is what was published before the start.
type Past struct {
	// At are the origins.
	At Pick
	// On are the nodes whose journals hold it.
	On Pick // all
	// Batches are how many of each origin, Size the bytes of each.
	Batches int
	Size    int // 300
	// Age is how old the first is; they come at even distances up to the start.
	Age time.Duration // 1 h
}

// History fills journals with what was published before the start; it is for time 0.
func History(p Past) Action {
	p.Size, p.Age = or(p.Size, 300), or(p.Age, time.Hour)
	if p.On.String() == "" {
		p.On = All()
	}
	text := fmt.Sprintf("history at=%s on=%s batches=%d size=%d age=%s", p.At, p.On, p.Batches, p.Size, durationText(p.Age))
	return Action{text: text, check: func(f *forecast) error {
		f.batches += float64(max(p.Batches, 0)) * float64(f.count(p.At))
		return cmp.Or(
			fault(f.at > 0, "history can only be made at time 0"),
			fault(p.Batches < 1 || p.Size < 1 || p.Size > len(room), "%d batches of %d bytes: want at least one, of at most %d", p.Batches, p.Size, len(room)),
			fault(p.Age < 0 || p.Age.Milliseconds() >= f.cfg.Begin.UnixMilli(), "age=%s: want a time after 1970", durationText(p.Age)),
			f.knows(p.At, p.On),
		)
	}, run: func(s *Sim) error {
		if s.now > 0 || s.up > 0 {
			return errors.New("history can only be made at time 0")
		}
		s.remember(p)
		return nil
	}}
}

func (s *Sim) remember(p Past) {
	began := s.begin - p.Age.Milliseconds()
	on := s.pick(p.On)
	for _, n := range s.pick(p.At) {
		n.disk.epoch = max(n.disk.epoch, uint64(began))
		f := s.truth.flow(n.id, n.disk.epoch)
		var clock messages.HLC
		for i := range p.Batches {
			at := time.UnixMilli(began).Add(p.Age / time.Duration(p.Batches) * time.Duration(i))
			clock = clock.Next(at)
			h := messages.Header{Origin: n.id, Epoch: f.epoch, Sequence: f.head() + 1, First: clock, Last: clock, Count: 1}
			b := s.truth.seal(f, h, p.Size)
			b.old, b.done, b.by, b.at = true, true, n, at.Sub(time.UnixMilli(s.begin)).Nanoseconds()
		}
		n.disk.clock = max(n.disk.clock, clock)
		for _, m := range on {
			m.disk.shelf(f).fill(f.head())
			if s.cfg.RetentionBytes > 0 || s.cfg.RetentionAge > 0 {
				for _, b := range f.batches {
					m.disk.segments.add(s, b, true)
				}
			}
		}
	}
}
