package core

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"anode/messages"
	"anode/messages/wire/frame"
)

// statusKey names an ephemeral record: only the last of each is kept and passed on.
type statusKey struct {
	node messages.NodeID
	kind uint8
}

// mostStatus is how many ephemeral records of nodes that are no members are kept; members' always are.
const mostStatus = 1000

// kinds is how many kinds of ephemeral records there may be: status, canary, and two more.
const kinds = 4

// report is an ephemeral record as it spreads.
type report struct {
	statusKey
	// record is the newest that is held; nil is none. has are the links whose peers are known to have it. fresh: it
	// is to be told.
	record *frame.Ephemeral
	has    mask
	fresh  bool
	// epoch and version are of the newest that was heard of; tellers are the links that told of it. sought: it is not
	// held, and asked for.
	epoch, version uint64
	tellers        mask
	sought         bool
	// asked are the links that were asked for it, from is the last of them, askAt when another one is.
	asked mask
	from  int
	askAt time.Duration
}

// against compares a version with what is held: more than 0 is newer.
func (s *report) against(epoch, version uint64) int {
	if s.record == nil {
		return 1
	}
	return cmp.Or(cmp.Compare(epoch, s.record.Epoch), cmp.Compare(version, s.record.Version))
}

// stamp is the version that is held.
func (s *report) stamp() frame.Stamp {
	stamp := frame.Stamp{Node: s.node, Kind: s.kind}
	if s.record != nil {
		stamp.Epoch, stamp.Version = s.record.Epoch, s.record.Version
	}
	return stamp
}

func sound(r *frame.Ephemeral) bool { return r.Kind < kinds && len(r.Body) <= frame.MaxBody }

// report gives what is kept of a node and kind, made where it is new; nil where too many strangers are known.
func (c *Core) report(node messages.NodeID, kind uint8) *report {
	key := statusKey{node, kind}
	s := c.status[key]
	if s == nil {
		if node != c.cfg.Node && !c.overlay.members.Has(node) && len(c.status) >= mostStatus+2*c.overlay.members.Len() {
			c.stats.Ignored++
			return nil
		}
		s = &report{statusKey: key, from: nobody}
		c.status[key] = s
	}
	return s
}

// keep takes a record in that is newer, and that a link brought, or none.
func (s *report) keep(c *Core, r *frame.Ephemeral, has mask) {
	kept := *r
	s.record, s.has = &kept, has
	c.tellSoon(s)
}

// tellSoon has a record told at the next beat to all who are not known to have it.
func (c *Core) tellSoon(s *report) {
	if !s.fresh {
		s.fresh = true
		c.fresh = append(c.fresh, s)
	}
}

// publish spreads an ephemeral record of this node: its peers get it at once, and nobody else could have it yet.
func (c *Core) publish(r frame.Ephemeral) {
	if r.Node != c.cfg.Node || !sound(&r) {
		return
	}
	s := c.report(r.Node, r.Kind)
	if s.against(r.Epoch, r.Version) <= 0 {
		return
	}
	s.keep(c, &r, 0)
	f := &frame.Status{Records: []frame.Ephemeral{r}}
	size := f.Size()
	for slot := range c.live.each {
		if l := c.slots[slot]; !c.choked(l) {
			s.has |= l.bit
			c.sendSized(l, f, Control, size)
		}
	}
}

// show takes in a peer's records. Those that are new are told of at the next beat, not sent: who lacks them asks.
func (c *Core) show(l *link, f *frame.Status) {
	for i := range f.Records {
		r := &f.Records[i]
		if r.Node == c.cfg.Node || !sound(r) {
			continue
		}
		s := c.report(r.Node, r.Kind)
		if s == nil {
			continue
		}
		switch newer := s.against(r.Epoch, r.Version); {
		case newer > 0:
			s.keep(c, r, l.bit)
			c.put(Output{Kind: Show, Peer: l.peer, Record: s.record})
		case newer == 0:
			s.has |= l.bit
		default:
			s.lags(c, l)
		}
	}
}

// lags notes that a peer has an older version: it is told of this one.
func (s *report) lags(c *Core, l *link) {
	s.has &^= l.bit
	c.tellSoon(s)
}

// tellStatus tells all peers of the records that are new, save those that have them.
func (c *Core) tellStatus() {
	if len(c.fresh) == 0 {
		return
	}
	for slot := range c.live.each {
		l := c.slots[slot]
		if c.choked(l) {
			continue
		}
		var list []frame.Stamp
		for _, s := range c.fresh {
			if !s.has.has(slot) && s.node != l.peer {
				list = append(list, s.stamp())
			}
		}
		for _, part := range frame.SplitVersions(list, false) {
			c.send(l, part, Control)
		}
	}
	for i, s := range c.fresh {
		s.fresh, c.fresh[i] = false, nil
	}
	c.fresh = c.fresh[:0]
}

// greet tells a peer the versions of all records that are held.
func (c *Core) greet(l *link) {
	list := make([]frame.Stamp, 0, len(c.status))
	for _, s := range c.status {
		if s.record != nil && s.node != l.peer {
			list = append(list, s.stamp())
		}
	}
	slices.SortFunc(list, func(a, b frame.Stamp) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Kind, b.Kind))
	})
	for _, part := range frame.SplitVersions(list, false) {
		l.greeting = append(l.greeting, part)
	}
	c.greetOn(l)
}

// versions takes in what a peer has, or wants.
func (c *Core) versions(l *link, f *frame.Versions) {
	if f.Want {
		c.sendStatus(l, f.List)
		return
	}
	for i := range f.List {
		v := &f.List[i]
		if v.Node == c.cfg.Node || v.Kind >= kinds {
			continue
		}
		s := c.report(v.Node, v.Kind)
		if s == nil {
			continue
		}
		switch newer := s.against(v.Epoch, v.Version); {
		case newer > 0:
			c.hearOf(s, l, v)
		case newer == 0:
			s.has |= l.bit
		default:
			s.lags(c, l)
		}
	}
	c.seek()
}

// hearOf notes that a peer has a version that is not held.
func (c *Core) hearOf(s *report, l *link, v *frame.Stamp) {
	if s.sought && s.tellers&c.live != 0 {
		switch newer := cmp.Or(cmp.Compare(v.Epoch, s.epoch), cmp.Compare(v.Version, s.version)); {
		case newer < 0:
			return
		case newer == 0:
			s.tellers |= l.bit
			return
		}
	}
	s.epoch, s.version, s.tellers, s.asked, s.askAt = v.Epoch, v.Version, l.bit, 0, c.now.Mono
	if origin := c.links[v.Node]; origin != nil && !origin.silent {
		s.askAt += c.cfg.Ping // it sends it itself
	}
	if !s.sought {
		s.sought = true
		c.sought = append(c.sought, s)
	}
}

// sendStatus answers a peer that wants records.
func (c *Core) sendStatus(l *link, wanted []frame.Stamp) {
	if len(l.greeting) >= mostGreeting || c.choked(l) {
		return // it asks another one
	}
	var records []frame.Ephemeral
	for i := range wanted[:min(len(wanted), mostSeeking)] { // as many as a node asks for at a time
		v := &wanted[i]
		if s := c.status[statusKey{v.Node, v.Kind}]; s != nil && s.record != nil && s.against(v.Epoch, v.Version) < 0 {
			s.has |= l.bit
			records = append(records, *s.record)
		}
	}
	for _, part := range frame.SplitStatus(records) {
		l.greeting = append(l.greeting, part)
	}
	c.greetOn(l)
}

// shed forgets records of nodes that are no members, where there are too many: in order of name.
func (c *Core) shed() {
	excess := len(c.status) - mostStatus - 2*c.overlay.members.Len()
	if excess <= 0 {
		return
	}
	strangers := slices.DeleteFunc(slices.Collect(maps.Keys(c.status)), func(k statusKey) bool {
		return k.node == c.cfg.Node || c.overlay.members.Has(k.node)
	})
	slices.SortFunc(strangers, func(a, b statusKey) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.kind, b.kind))
	})
	for _, key := range strangers[:min(excess, len(strangers))] {
		delete(c.status, key)
	}
	gone := func(s *report) bool { return c.status[s.statusKey] != s }
	c.fresh, c.sought = slices.DeleteFunc(c.fresh, gone), slices.DeleteFunc(c.sought, gone)
}
