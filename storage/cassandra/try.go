package cassandra

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gocql/gocql"

	"anode/storage"
)

const (
	// patience is how long what fails is asked again, before the caller hears of it.
	patience   = 8 * time.Second
	tryPause   = 50 * time.Millisecond
	longestTry = time.Second
)

// try asks until there is an answer, one that is for good, or the patience is over.
func (a *Archive) try(ctx context.Context, ask func(context.Context) error) error {
	started, pause := a.now(), tryPause
	for {
		if a.ctx.Err() != nil {
			return storage.ErrClosed
		}
		err := unname(ask(ctx))
		switch {
		case err == nil:
			a.answers(nil)
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case a.ctx.Err() != nil:
			return storage.ErrClosed
		case forGood(err):
			return err
		case errors.Is(err, gocql.ErrSessionClosed): // it was replaced, and never answers again
			return told(ctx, err)
		}
		if missing(err) {
			a.lost.Store(true)
		}
		a.answers(err)
		if a.now().Sub(started) > patience {
			return told(ctx, err)
		}
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil {
			return err
		}
		pause = min(2*pause, longestTry)
	}
}

// all runs a job for each of some things, at most width at a time, and gives the first error. What has begun is waited for.
func all[T any](ctx context.Context, width int, things []T, job func(context.Context, T) error) error {
	if len(things) == 1 {
		return job(ctx, things[0])
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		wait sync.WaitGroup
		next = make(chan T)
	)
	for range min(width, len(things)) {
		wait.Go(func() {
			for thing := range next {
				if err := job(ctx, thing); err != nil {
					cancel(err)
				}
			}
		})
	}
feed:
	for _, thing := range things {
		select {
		case next <- thing:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wait.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
