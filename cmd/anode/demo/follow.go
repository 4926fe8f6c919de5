package demo

import (
	"context"
	"time"

	"anode/client"
	"anode/messages"
)

// following is the subscription to everything.
type following struct {
	client *client.Client
	// events are in order; where several came at once they come as one.
	events chan followed
	// failed gets the first error that is final.
	failed chan error
}

// followed is what the subscription gave, and where it is then.
type followed struct {
	at     time.Time
	server string
	events []client.Event
	cursor messages.Cursor
}

// mostTogether bounds the events of one followed.
const mostTogether = 512

// newFollowing follows at the first of some nodes, and goes to another when it hears nothing: numbered records come all
// the time, so that a second of silence says much.
func newFollowing(urls []string) (*following, error) {
	c, err := client.New(client.Config{
		Servers: urls, DialTimeout: 400 * time.Millisecond, Silence: 1200 * time.Millisecond,
		MinPause: 30 * time.Millisecond, MaxPause: 250 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	return &following{client: c, events: make(chan followed), failed: make(chan error, 1)}, nil
}

// follow reads until ctx ends.
func (f *following) follow(ctx context.Context) {
	defer f.client.Close()
	sub, err := f.client.Subscribe(client.Subscribe{Start: "earliest", Unique: true})
	if err != nil {
		f.failed <- err
		return
	}
	defer sub.Close()
	var list []client.Event
	for {
		event, err := sub.Next(ctx)
		if err != nil {
			if ctx.Err() == nil {
				f.failed <- err
			}
			return
		}
		if list = append(list, event); sub.Buffered() > 0 && len(list) < mostTogether {
			continue
		}
		cursor, _ := sub.Cursor()
		select {
		case f.events <- followed{at: time.Now(), server: sub.Server(), events: list, cursor: cursor}:
			list = nil
		case <-ctx.Done():
			return
		}
	}
}
