package demo

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"anode/messages/command"
)

// How often nodes are asked: at rest, and while something is awaited.
const (
	askEvery      = time.Second
	askEveryBusy  = 100 * time.Millisecond
	answersWithin = 700 * time.Millisecond
)

// told is what a node says of the mesh.
type told struct {
	node    int
	at      time.Time
	cluster command.ClusterView
}

// poller asks all nodes that live.
type poller struct {
	live  *targets
	told  chan told
	hurry atomic.Bool
}

// poll asks until ctx ends. A node that does not answer is asked again: the view shows what it said last.
func (p *poller) poll(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		var asked sync.WaitGroup
		for _, t := range *p.live.Load() {
			asked.Go(func() { p.ask(ctx, t) })
		}
		asked.Wait()
		for !p.rested(time.Since(began)) && ctx.Err() == nil {
			pause(ctx, askEveryBusy)
		}
	}
}

func (p *poller) rested(since time.Duration) bool {
	return since >= askEvery || since >= askEveryBusy && p.hurry.Load()
}

func (p *poller) ask(ctx context.Context, t target) {
	within, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	cluster, err := t.client.Cluster(within)
	if err != nil {
		return
	}
	select {
	case p.told <- told{node: t.node, at: time.Now(), cluster: cluster}:
	case <-ctx.Done():
	}
}
