package demo

import (
	"context"
	"sync"
	"time"

	"anode/client"
)

// following is a subscription to everything, and now and then the number of subscribers.
type following struct {
	client *client.Client
	events chan client.Event
	// subscribers are those besides this one.
	subscribers chan int
	// failed gets the first error that is final.
	failed chan error
	busy   sync.WaitGroup
}

// follow begins; it ends with ctx.
func follow(ctx context.Context, url string) (*following, error) {
	c, err := client.New(client.Config{Servers: []string{url}})
	if err != nil {
		return nil, err
	}
	sub, err := c.Subscribe(client.Subscribe{Start: "earliest"})
	if err != nil {
		return nil, err
	}
	f := &following{client: c, events: make(chan client.Event, 256), subscribers: make(chan int), failed: make(chan error, 1)}
	f.busy.Go(func() { f.read(ctx, sub) })
	f.busy.Go(func() { f.count(ctx) })
	return f, nil
}

// wait returns when everything has ended; ctx must have.
func (f *following) wait() {
	f.busy.Wait()
	f.client.Close()
}

func (f *following) read(ctx context.Context, sub *client.Subscription) {
	defer sub.Close()
	for {
		event, err := sub.Next(ctx)
		if err != nil {
			if ctx.Err() == nil {
				f.failed <- err
			}
			return
		}
		select {
		case f.events <- event:
		case <-ctx.Done():
			return
		}
	}
}

// count asks each second how many subscribers there are.
func (f *following) count(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		count := -1 // an answer that fails is seen as not known, and asked for again
		if cluster, err := f.client.Cluster(ctx); err == nil && len(cluster.Nodes) > 0 {
			count = max(cluster.Nodes[0].Subscribers-1, 0)
		}
		select {
		case f.subscribers <- count:
		case <-ctx.Done():
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
