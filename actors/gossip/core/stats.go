package core

// Stats are counts since the start, and sizes of now.
type Stats struct {
	// Pushed counts batches that came by the tree and were new, Repaired those that were new and came by a
	// pull or made up for a loss, Backfilled those of them that were old, Redundant those that were held already.
	Pushed, Repaired, Backfilled, Redundant uint64
	// Hops sums the hops of Pushed.
	Hops uint64
	// Sent counts the pushes sent by the tree, Skipped those that a full link did not get.
	Sent, Skipped uint64
	// Control is how many bytes of frames of class Control were sent.
	Control uint64
	// Pulls, Grafts and Prunes count those sent; Retries pulls of which nothing came in time; GaveUp the holes
	// given up.
	Pulls, Grafts, Prunes, Retries, GaveUp uint64
	// Forks counts batches at whose place another one is held.
	Forks uint64
	// Refused counts batches that came and were dropped because too many waited to be appended, Ignored
	// frames and batches that made no sense here.
	Refused, Ignored uint64
	// Postponed counts events of the registry that a link which takes nothing did not get when they came: the
	// hashes of a later digest find them.
	Postponed uint64
	// Links is how many are up, Appending the bytes that wait to be appended, Pulling those that are asked for.
	Links, Appending, Pulling int
	// Missing is how many batches are known to exist and are not held; Old those of them that the backfill fetches.
	Missing, Old uint64
}

// Stats gives them.
func (c *Core) Stats() Stats {
	s := c.stats
	s.Links, s.Appending = len(c.links), c.appending
	for slot := range c.up.each {
		s.Pulling += c.slots[slot].pulling
	}
	for _, o := range c.order {
		for _, f := range o.flows {
			missing := f.absent()
			s.Missing += missing.Len()
			s.Old += missing.Len() - missing.Above(f.base+1).Len()
		}
	}
	return s
}
