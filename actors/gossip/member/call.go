package member

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// outcome is what became of a call to a target.
type outcome struct {
	target
	names []netip.Addr   // what the seed's name resolved to
	at    netip.AddrPort // where it failed; zero where its name could not be resolved
	err   error          // nil: it answered, or there was nobody to call
	tried bool
}

// refused tells that who was called is there, and does not want this node.
func (o *outcome) refused() bool { return refusal(o.err) }

// caller calls targets. It is used by one round's goroutines, and changes nothing of List.
type caller struct {
	*List
	transport *transport
	join      func(string) error
	skip      map[netip.AddrPort]bool // where nobody is to be called
}

// round calls all targets, some at once, and gives what became of them.
func (c *caller) round(ctx context.Context, targets []target) []outcome {
	outcomes := make([]outcome, len(targets))
	places := make(chan struct{}, rejoinAtOnce)
	var calls sync.WaitGroup
	for i, target := range targets {
		places <- struct{}{}
		calls.Go(func() {
			defer func() { <-places }()
			defer func() {
				if p := recover(); p != nil {
					c.fail(fmt.Errorf("panic: %v", p))
				}
			}()
			outcomes[i] = c.call(ctx, target)
		})
	}
	calls.Wait()
	return outcomes
}

// call joins a target at the first of its addresses that answers.
func (c *caller) call(ctx context.Context, to target) outcome {
	o := outcome{target: to}
	list := []netip.AddrPort{to.addr}
	if to.seed != "" {
		if list, o.err = c.addresses(ctx, to); o.err != nil {
			o.tried = true
			return o
		}
		for _, at := range list {
			o.names = append(o.names, at.Addr())
		}
	}
	began := time.Now()
	for _, at := range list {
		if c.skip[at] || c.isSelf(at) {
			continue
		}
		if ctx.Err() != nil || time.Since(began) > rejoinPatience {
			break
		}
		o.tried, o.at = true, at
		if o.err = c.callAt(at); o.err == nil {
			break
		}
	}
	return o
}

// addresses resolves a seed. A name may have more addresses than can be tried: each round goes on where the last ended.
func (c *caller) addresses(ctx context.Context, to target) ([]netip.AddrPort, error) {
	host, port, err := splitSeed(to.seed)
	if err != nil {
		return nil, err
	}
	list, err := c.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	at := make([]netip.AddrPort, len(list))
	for i := range list {
		at[i] = netip.AddrPortFrom(list[(i+to.turn)%len(list)].Unmap(), port)
	}
	return at, nil
}

// isSelf tells whether this node listens at an address: it is among its own seeds often.
func (c *caller) isSelf(at netip.AddrPort) bool {
	local := c.network.Local()
	if at == c.transport.at || at == local {
		return true
	}
	if at.Port() != local.Port() || !local.Addr().IsUnspecified() {
		return false
	}
	from, err := c.network.Route(at.Addr())
	return err == nil && from == at.Addr()
}

// callAt exchanges lists with the node at an address.
func (c *caller) callAt(at netip.AddrPort) error {
	var why error
	name, done := c.transport.named(func(err error) { why = err })
	defer done()
	err := c.join(name + "/" + at.String())
	switch {
	case err == nil:
		return nil
	case why != nil:
		return why
	}
	c.cfg.Logger.Debug("a call failed", "address", at, "reason", err)
	return errAnswer
}

// callAll begins a round: seeds and peers that are gone.
func (r *run) callAll(ctx context.Context) {
	if r.left {
		return
	}
	r.call.Reset(r.rejoin.wait())
	there := make(map[netip.AddrPort]bool)
	for _, m := range r.table.there() {
		there[m.Addr] = true
	}
	if len(r.cfg.Seeds) == 0 {
		r.watchRoutes(nil)
	}
	r.beginRound(ctx, r.rejoin.targets(r.table.gone()), there)
}

// beginRound begins a round, if none is under way.
func (r *run) beginRound(ctx context.Context, targets []target, skip map[netip.AddrPort]bool) {
	if r.round != nil || len(targets) == 0 {
		return
	}
	c := &caller{List: r.List, transport: r.transport, skip: skip, join: func(at string) error {
		_, err := r.list.Join([]string{at})
		return err
	}}
	round := make(chan []outcome, 1)
	r.round = round
	go func() { round <- c.round(ctx, targets) }()
}

// watchPlace sees to it that the node announces itself while the mesh knows it at another address.
func (r *run) watchPlace(misplaced bool) {
	switch {
	case misplaced && r.claims == 0 && !r.left:
		r.claims = 1
		r.claim.Reset(reclaimEvery)
	case !misplaced && r.claims > 0:
		r.claims = 0
	}
}

// claimPlace announces the node, and calls a peer to see whether it was heard. Once more it is done when all is well: not
// all peers take the announcement at the same time.
func (r *run) claimPlace(ctx context.Context) {
	if r.left {
		return
	}
	r.announce()
	if r.claims == 0 {
		return
	}
	r.claims++
	wait := reclaimEvery
	if r.claims > reclaimSoon {
		wait = rejoinEvery
	}
	r.claim.Reset(wait)
	var targets []target
	if peers := r.table.there(); len(peers) > 0 {
		peer := peers[r.cfg.Rand.IntN(len(peers))]
		targets = append(targets, target{id: peer.ID, addr: peer.Addr})
	}
	for _, c := range *r.conflicts.Load() {
		if c.ID == r.cfg.Node { // if somebody is there, he is to know as well
			targets = append(targets, target{id: c.ID, addr: c.Addr})
		}
	}
	r.beginRound(ctx, targets, nil)
}
