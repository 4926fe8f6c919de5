package member

import "time"

// silence watches whether datagrams come. Where only TCP comes through, which many a firewall and container does, a mesh
// seems to work: peers are alive, but deaths and news are seen late.
type silence struct {
	packets uint64    // that came until
	since   time.Time // when the last one came, or the first peer did
}

// watch takes in how many packets came, and tells whether it is too long ago that one did.
func (s *silence) watch(now time.Time, packets uint64, peers bool) bool {
	if packets != s.packets || !peers || s.since.IsZero() {
		s.packets, s.since = packets, now
	}
	return now.Sub(s.since) > udpPatience
}

// watchPackets reports that no datagram comes, and tells whether that changed.
func (r *run) watchPackets() bool {
	const about = "UDP"
	if !r.silence.watch(r.surveyed, r.count.packetsIn.Load(), !r.rejoin.alone) {
		return r.notices.solve(about)
	}
	reason, hint := "no datagram comes from any peer, only streams do", "open the mesh port for UDP too: without it deaths and news are seen late"
	changed, log := r.notices.put(about, about, reason, hint, false)
	if log {
		r.cfg.Logger.Warn("the mesh is half deaf", "reason", reason, "hint", hint)
	}
	return changed
}
