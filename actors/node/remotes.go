package node

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/command"
)

const (
	// statusPatience is how long other nodes may take to say how their sources are, statusAge for how long it counts.
	statusPatience = time.Second
	statusAge      = time.Second
	// mostStatusAsks is how many questions of that kind are open at one node: a list of very many sources is some dozens of them.
	mostStatusAsks = 8
)

// remotes are how sources are that run on other nodes, as those said lately. It is safe for concurrent use.
type remotes struct {
	mu   sync.Mutex // guards what follows; a leaf
	list map[spoken]remote
	// turns are the nodes that are asked, or about to be.
	turns map[messages.NodeID]*turn
}

// spoken is who tells of which source.
type spoken struct {
	node messages.NodeID
	name string
}

// remote is how a source is, by one that runs it, at a time.
type remote struct {
	status command.SourceStatus
	at     time.Time
}

// turn is a node that is asked by one at a time. Who has the token asks; users is how many want it or have it.
type turn struct {
	token chan struct{}
	users int
}

// ask asks a node how some sources are.
type ask func(ctx context.Context, node messages.NodeID, names []string) (map[string]command.SourceStatus, error)

// of gives how sources are on a node that runs them. What it said lately is not asked again, and who comes while it is being asked waits for that, and asks
// for no more than the rest. What it does not say in time is not among them.
func (r *remotes) of(ctx context.Context, node messages.NodeID, names []string, ask ask) map[string]command.SourceStatus {
	known, missing := r.fresh(node, names, time.Now())
	if len(missing) == 0 {
		return known
	}
	leave, err := r.take(ctx, node)
	if err != nil {
		return known // what is known without it is shown
	}
	defer leave()
	more, missing := r.fresh(node, missing, time.Now())
	maps.Copy(known, more)
	var mu sync.Mutex // guards known
	var asking sync.WaitGroup
	room := make(chan struct{}, mostStatusAsks)
	for some := range slices.Chunk(missing, mostStatuses) {
		room <- struct{}{} // each ends with ctx
		asking.Go(func() {
			defer func() { <-room }()
			list, err := ask(ctx, node, some)
			if err != nil {
				return
			}
			r.keep(node, list, time.Now())
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(known, list)
		})
	}
	asking.Wait()
	return known
}

// take waits until nobody else asks a node; leave lets the next one.
func (r *remotes) take(ctx context.Context, node messages.NodeID) (leave func(), err error) {
	r.mu.Lock()
	if r.turns == nil {
		r.turns = make(map[messages.NodeID]*turn)
	}
	t := r.turns[node]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		r.turns[node] = t
	}
	t.users++
	r.mu.Unlock()
	done := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(r.turns, node)
		}
	}
	select {
	case t.token <- struct{}{}:
		return func() { <-t.token; done() }, nil
	case <-ctx.Done():
		done()
		return nil, context.Cause(ctx)
	}
}

// fresh gives those that are not old, and tells which are missing.
func (r *remotes) fresh(node messages.NodeID, names []string, now time.Time) (known map[string]command.SourceStatus, missing []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known = make(map[string]command.SourceStatus, len(names))
	for _, name := range names {
		if one, ok := r.list[spoken{node, name}]; ok && now.Sub(one.at) < statusAge {
			known[name] = one.status
		} else {
			missing = append(missing, name)
		}
	}
	return known, missing
}

// keep notes what was said.
func (r *remotes) keep(node messages.NodeID, list map[string]command.SourceStatus, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list == nil {
		r.list = make(map[spoken]remote)
	}
	for by, one := range r.list {
		if now.Sub(one.at) >= statusAge {
			delete(r.list, by)
		}
	}
	for name, status := range list {
		r.list[spoken{node, name}] = remote{status, now}
	}
}
