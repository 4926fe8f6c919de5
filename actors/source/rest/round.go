package rest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
)

// mostBad is how many items in a row may fail before the feed itself counts as failing.
const mostBad = 5

// round is one connection of the source: polls, until one fails that tells of the feed.
type round struct {
	*connector
	line   *source.Line
	before any

	// busy are the targets that are asked now.
	busy map[int]bool
	done chan result
	// connected tells that a first poll was begun.
	connected bool
	// bad counts the polls in a row that failed for what they asked for.
	bad int
	// quiet is until when the feed wants to be left alone.
	quiet time.Time

	// feeding lets one answer at a time through the line and into the journal. It is a leaf but for the line.
	feeding sync.Mutex
}

// result is the end of a poll.
type result struct {
	target int
	begun  time.Time
	// wait is for how long the feed wants to be left alone.
	wait time.Duration
	err  error
}

// run polls until the end, and waits for all that it began.
func (r *round) run(ctx context.Context) error {
	life, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.busy = make(map[int]bool)
	r.schedule.begin(r.setup.Clock(), r.order())
	err := r.poll(life)
	cancel(err)
	for len(r.busy) > 0 {
		r.targets[0].noteFailure(r, <-r.done)
	}
	return err
}

// order is that in which targets are asked that are due: those that failed last come at the end.
func (r *round) order() []int {
	order := make([]int, len(r.targets))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case r.targets[a].failed != r.targets[b].failed:
			return map[bool]int{true: 1, false: -1}[r.targets[a].failed]
		default:
			return r.schedule.due[a].Compare(r.schedule.due[b])
		}
	})
	return order
}

// poll asks whoever is due, and waits.
func (r *round) poll(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var due <-chan time.Time
		if len(r.busy) < r.atOnce {
			i, at := r.schedule.first(func(i int) bool { return !r.busy[i] })
			at = later(at, r.quiet)
			left := at.Sub(r.setup.Clock())
			if i >= 0 && left <= 0 {
				r.begin(ctx, i)
				continue
			}
			if i >= 0 {
				timer.Reset(left)
				due = timer.C
			}
			if len(r.busy) == 0 {
				r.line.Quiet(at)
			}
		}
		select {
		case <-due:
		case of := <-r.done:
			if err := r.ended(of); err != nil {
				return err
			}
		case <-ctx.Done():
		}
	}
}

// begin asks for a target.
func (r *round) begin(ctx context.Context, i int) {
	r.busy[i] = true
	connects := !r.connected
	r.connected = true
	go func() {
		of := result{target: i, begun: r.setup.Clock()}
		of.err = source.Catch(func() (err error) {
			of.wait, err = r.targets[i].poll(ctx, r, connects)
			return err
		})
		r.done <- of
	}()
}

// ended takes over what a poll ended with; an error ends them all.
func (r *round) ended(of result) error {
	if source.Caught(of.err) {
		delete(r.busy, of.target)
		return of.err
	}
	delete(r.busy, of.target)
	t := r.targets[of.target]
	t.failed = of.err != nil
	r.schedule.asked(of.target, of.begun)
	if of.wait > 0 { // it counts from the answer
		r.quiet = later(r.quiet, r.setup.Clock().Add(of.wait))
	}
	if of.err == nil {
		r.bad = 0
		r.line.Worked()
		r.line.Opened()
		return nil
	}
	r.bad++
	if len(r.targets) == 1 || !ofTheItem(of.err) || r.bad >= min(mostBad, len(r.targets)) {
		r.schedule.due[of.target] = time.Time{} // with the next connection
		return fmt.Errorf("%s%w", t.name(), of.err)
	}
	r.line.Report(t.name()+of.err.Error(), nil, 0)
	return nil
}

// noteFailure takes over what ended beside the poll that failed.
func (t *target) noteFailure(r *round, of result) {
	delete(r.busy, of.target)
	if of.err != nil {
		r.schedule.due[of.target] = time.Time{}
		return
	}
	r.schedule.asked(of.target, of.begun)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// sleep waits, with the clocks of liveness at rest.
func (r *round) sleep(ctx context.Context, d time.Duration) error {
	r.line.Quiet(r.setup.Clock().Add(d))
	return source.Sleep(ctx, d)
}

// name says of which item an error is.
func (t *target) name() string {
	if t.item == nil {
		return ""
	}
	text, err := transform.Text(t.item)
	if err != nil || len(text) > 100 {
		return "an item: "
	}
	return "item " + string(text) + ": "
}
