package sim

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"anode/messages"
	"anode/messages/units"
)

// Bandwidth bounds the links of nodes, in each direction; 0 bytes a second leave them the bound of the network.
func Bandwidth(p Pick, bytes int64) Action {
	return Action{text: fmt.Sprintf("bandwidth %s %s", p, units.Size(bytes)), fault: true, check: func(f *forecast) error {
		return cmp.Or(fault(bytes < 0, "bandwidth must not be negative"), f.knows(p))
	}, run: func(s *Sim) error {
		err := on(p, (*Sim).pick, func(s *Sim, n *node) { s.network.special(n).bandwidth = bytes })(s)
		s.reshape()
		return err
	}}
}

// Latency changes how long frames are on their way from and to nodes; 0 is as in the whole network.
func Latency(p Pick, span Span) Action {
	return Action{text: fmt.Sprintf("latency %s %s", p, span), fault: true, check: func(f *forecast) error {
		return cmp.Or(span.valid("latency"), f.knows(p))
	}, run: func(s *Sim) error {
		err := on(p, (*Sim).pick, func(s *Sim, n *node) { s.network.special(n).latency = span })(s)
		s.reshape()
		return err
	}}
}

// Loss loses a share of the frames from and to nodes; 0 loses what the whole network does.
func Loss(p Pick, share float64) Action {
	text := fmt.Sprintf("loss %s %s", p, percent(share))
	return Action{text: text, fault: true, check: func(f *forecast) error {
		return cmp.Or(fault(!(share >= 0 && share < 1), "want a share from 0 to below 100%%"), f.knows(p))
	}, run: on(p, (*Sim).pick, func(s *Sim, n *node) { s.network.special(n).loss = share })}
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
		text += " for=" + durationText(d)
	}
	return Action{text: text, fault: true, check: func(f *forecast) error {
		return cmp.Or(fault(h != Healthy && h != Failing && h != Stalled, "%q: a journal can be ok, fail or stall", h), nodesUp(p, d)(f))
	}, run: on(p, (*Sim).pickUp, func(s *Sim, n *node) {
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
	text := fmt.Sprintf("damage %s %s", p, percent(share))
	return Action{text: text, fault: true, check: func(f *forecast) error {
		return cmp.Or(fault(!(share > 0 && share <= 1), "want a share above 0, up to 100%%"), f.knows(p))
	}, run: on(p, (*Sim).pick, func(s *Sim, n *node) {
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
	text := fmt.Sprintf("retention bytes=%s age=%s", units.Size(bytes), durationText(age))
	return Action{text: text, fault: true, check: func(f *forecast) error {
		return cmp.Or(fault(bytes < 0 || age < 0, "retention must not be negative"), bounded(f.cfg))
	}, run: func(s *Sim) error {
		s.cfg.RetentionBytes, s.cfg.RetentionAge = bytes, age
		return nil
	}}
}

// bounded tells whether journals know what to drop.
func bounded(c *Config) error {
	if c.RetentionBytes == 0 && c.RetentionAge == 0 {
		return errors.New("the mesh begins without retention, and so does not count what its journals hold: give it one at first (--retention-bytes, --retention-age)")
	}
	return nil
}
