package sim

import "anode/messages/units"

// troubled notes that a fault has begun or ended.
func (s *Sim) troubled() { s.faultAt, s.stale = s.now, true }

// lasting is how many faults last.
func (s *Sim) lasting() int {
	if s.stale {
		s.stale = false
		t := s.troubles()
		s.faults = t.churning + t.parted + t.walls + t.paused + t.ill
	}
	return s.faults
}

// troubles are the faults that last.
type troubles struct{ churning, parted, walls, paused, ill int }

func (s *Sim) troubles() troubles {
	t := troubles{churning: s.churning, walls: min(len(s.network.walls), 1)}
	if s.network.sides != nil {
		t.parted = 1
	}
	for _, n := range s.nodes {
		switch {
		case !n.up:
		case n.paused:
			t.paused++
		case n.journal.failing || n.journal.stalled:
			t.ill++
		}
	}
	return t
}

// excuses says what of the faults lasts: while it does, what is missing breaks no promise.
func (s *Sim) excuses() []string {
	t := s.troubles()
	var list []string
	for _, one := range []struct {
		count int
		text  string
	}{
		{t.parted, "the mesh is parted"},
		{t.walls, "some nodes are kept from others"},
		{t.churning, "nodes come and go"},
		{t.paused, are(t.paused, "node") + " paused"},
		{t.ill, are(t.ill, "journal") + " ill"},
	} {
		if one.count > 0 {
			list = append(list, one.text)
		}
	}
	return list
}

// are is "1 node is", or "2 nodes are".
func are(n int, thing string) string {
	if n == 1 {
		return units.Count(n, thing) + " is"
	}
	return units.Count(n, thing) + " are"
}
