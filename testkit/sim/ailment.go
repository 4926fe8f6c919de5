package sim

import (
	"fmt"
	"time"

	"anode/messages"
	"anode/messages/units"
)

// Bandwidth bounds the links of nodes, in each direction; 0 bytes a second take the bound away.
func Bandwidth(p Pick, bytes int64) Action {
	return Action{text: fmt.Sprintf("bandwidth %s %s", p, units.Size(bytes)), fault: true, run: func(s *Sim) error {
		err := on(p, (*Sim).pick, func(s *Sim, n *node) { s.network.special(n).bandwidth = bytes })(s)
		s.reshape()
		return err
	}}
}

// Latency changes how long frames are on their way from and to nodes.
func Latency(p Pick, span Span) Action {
	return Action{text: fmt.Sprintf("latency %s %s", p, span), fault: true, run: func(s *Sim) error {
		if span.Min < 0 || span.Max < span.Min {
			return fmt.Errorf("latency %s: want the lower first", span)
		}
		err := on(p, (*Sim).pick, func(s *Sim, n *node) { s.network.special(n).latency = span })(s)
		s.reshape()
		return err
	}}
}

// Loss loses a share of the frames from and to nodes; 0 loses what the whole network does.
func Loss(p Pick, share float64) Action {
	return Action{text: fmt.Sprintf("loss %s %g%%", p, share*100), fault: true, run: func(s *Sim) error {
		if !(share >= 0 && share < 1) {
			return fmt.Errorf("loss %g: want a share from 0 to below 1", share)
		}
		return on(p, (*Sim).pick, func(s *Sim, n *node) { s.network.special(n).loss = share })(s)
	}}
}

// Health is how a node's journal does.
type Health string

// The states of a journal.
const (
	// Healthy: it appends.
	Healthy Health = "ok"
	// Failing: each append fails.
	Failing Health = "fail"
	// Stalled: no append is answered.
	Stalled Health = "stall"
)

// Journal makes the journals of nodes that run fail or stall, or mends them; for is how long, 0 until it is said
// otherwise or the node ends.
func Journal(p Pick, h Health, d time.Duration) Action {
	text := fmt.Sprintf("journal %s %s", h, p)
	if d > 0 {
		text += " for=" + d.String()
	}
	return Action{text: text, fault: true, run: on(p, (*Sim).pickUp, func(s *Sim, n *node) {
		s.ail(n, h)
		if life := n.life; d > 0 && h != Healthy {
			s.soon(d, func() {
				if n.up && n.life == life {
					s.ail(n, Healthy)
				}
				s.troubled()
			})
		}
	})}
}

func (s *Sim) ail(n *node, h Health) {
	n.journal.failing = h == Failing
	if h == Stalled {
		n.journal.stalled = true
	} else if n.journal.stalled {
		s.unstall(n)
	}
}

// Damage loses a share of the batches on the disks of nodes, in runs.
func Damage(p Pick, share float64) Action {
	return Action{text: fmt.Sprintf("damage %s %g%%", p, share*100), fault: true, run: on(p, (*Sim).pick, func(s *Sim, n *node) {
		s.damage(n, share)
	})}
}

// damage loses batches of each flow that a node holds, from a random one on.
func (s *Sim) damage(n *node, share float64) {
	for _, f := range s.truth.flows {
		sh := n.disk.look(f)
		if !sh.known() || sh.head < sh.floor {
			continue
		}
		count := sh.head - sh.floor + 1
		lost := uint64(float64(count)*share + s.random.script.Float64())
		if lost == 0 {
			continue
		}
		from := sh.floor + s.random.script.Uint64N(count-min(lost, count)+1)
		s.lose(n, f, messages.Range{From: from, To: min(from+lost-1, sh.head)})
	}
}

// Retention changes what all journals keep from now on: bytes and age, 0 is no bound.
func Retention(bytes int64, age time.Duration) Action {
	return Action{text: fmt.Sprintf("retention bytes=%s age=%s", units.Size(bytes), age), fault: true, run: func(s *Sim) error {
		if s.cfg.RetentionBytes == 0 && s.cfg.RetentionAge == 0 {
			return fmt.Errorf("the mesh was made without retention: what its journals hold was not counted")
		}
		s.cfg.RetentionBytes, s.cfg.RetentionAge = bytes, age
		return nil
	}}
}

// Past is what was published before the start.
type Past struct {
	// At are the origins, On the nodes whose journals hold it.
	At, On Pick
	// Batches are how many of each origin, Size the bytes of each.
	Batches int
	Size    int // 300
	// Age is how old the first is; they come at even distances up to the start.
	Age time.Duration // 1 h
}

// History fills journals with what was published before the start; it is for time 0.
func History(p Past) Action {
	return Action{text: fmt.Sprintf("history at=%s on=%s batches=%d size=%d age=%s", p.At, p.On, p.Batches, or(p.Size, 300), or(p.Age, time.Hour)), run: func(s *Sim) error {
		if s.now > 0 || s.up > 0 {
			return fmt.Errorf("history can only be made at time 0")
		}
		if p.Batches < 1 || or(p.Size, 300) > len(room) {
			return fmt.Errorf("%d batches of %d bytes: want at least one, of at most %d", p.Batches, p.Size, len(room))
		}
		if err := s.knows(p.At, p.On); err != nil {
			return err
		}
		s.remember(p)
		return nil
	}}
}

func (s *Sim) remember(p Past) {
	age := or(p.Age, time.Hour)
	began := s.begin - age.Milliseconds()
	on := s.pick(p.On)
	for _, n := range s.pick(p.At) {
		n.disk.epoch = max(n.disk.epoch, uint64(began))
		f := s.truth.flow(n.id, n.disk.epoch)
		var clock messages.HLC
		for i := range p.Batches {
			at := time.UnixMilli(began).Add(age * time.Duration(i) / time.Duration(p.Batches))
			clock = clock.Next(at)
			h := messages.Header{Origin: n.id, Epoch: f.epoch, Sequence: f.head() + 1, First: clock, Last: clock, Count: 1}
			b := s.truth.seal(f, h, or(p.Size, 300))
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
