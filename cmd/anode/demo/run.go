package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"anode/client"
)

// How often a terminal is redrawn, and a line is written elsewhere.
const (
	redrawEvery = 250 * time.Millisecond
	lineEvery   = time.Second
)

// run is the whole demo, until ctx ends, the time is over, or somebody ends it.
func run(ctx context.Context, o *options, in io.Reader, out, errs io.Writer) (err error) {
	began := time.Now()
	dir, remove, err := temporary()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if o.http == "" {
		o.http = freeAddress()
	}
	d := &demo{out: out, screen: onTerminal(out), log: &logTail{}, tally: newTally(began), others: -1}
	log := errs
	if d.screen != nil {
		log = d.log
	}
	n, err := startNode(ctx, dir, o.http, log)
	if err != nil {
		for _, line := range d.log.last() {
			fmt.Fprintln(errs, line)
		}
		return err
	}
	banner(out, n.url, dir)
	err = d.watch(ctx, o, n, in)
	if ctx.Err() != nil {
		err = nil // being told to end is how it ends
	}
	err = errors.Join(err, n.stop())
	fmt.Fprintf(out, "\n  %d records in %s, the first after %s; the node has stopped.\n", d.tally.all.total, time.Since(began).Round(100*time.Millisecond), d.firstAfter())
	return err
}

// demo is what the view needs.
type demo struct {
	out    io.Writer
	screen *screen
	log    *logTail
	tally  *tally
	newest string
	// others are the subscribers besides the view; -1 is not known.
	others int
}

func (d *demo) firstAfter() string {
	if d.tally.first.IsZero() {
		return "none"
	}
	return d.tally.first.Sub(d.tally.start).Round(time.Millisecond).String()
}

// watch shows what comes until it is to end.
func (d *demo) watch(ctx context.Context, o *options, n *node, in io.Reader) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	f, err := follow(ctx, n.url)
	if err != nil {
		cancel()
		return err
	}
	defer func() { cancel(); f.wait() }()
	var keys *keyboard
	if d.screen != nil {
		if keys, err = listen(in); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, keys.Close()) }()
	every := lineEvery
	if d.screen != nil {
		every = redrawEvery
	}
	redraw := time.NewTicker(every)
	defer redraw.Stop()
	var over <-chan time.Time
	if o.span > 0 {
		timer := time.NewTimer(o.span - time.Since(d.tally.start))
		defer timer.Stop()
		over = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-over:
			return d.show(time.Now())
		case key := <-keys.typed():
			if ends(key) {
				return nil
			}
		case event := <-f.events:
			d.take(event)
		case d.others = <-f.subscribers:
		case err := <-f.failed:
			return fmt.Errorf("the view: %w", err)
		case err := <-n.ended:
			n.ended <- err
			return errors.New("the node ended")
		case now := <-redraw.C:
			if err := d.show(now); err != nil {
				return err
			}
		}
	}
}

// take counts an event of the subscription.
func (d *demo) take(event client.Event) {
	switch e := event.(type) {
	case *client.Record:
		datum := "(" + e.ContentType + ")"
		if payload, err := e.Payload(); err == nil && e.Base64 == nil {
			datum = string(payload[:min(len(payload), 300)])
		}
		d.newest = e.Stream
		d.tally.record(time.Now(), e.Stream, datum)
	case client.Gap:
		d.tally.gaps++
	}
}

// show draws the picture.
func (d *demo) show(now time.Time) error {
	p := &picture{now: now, tally: d.tally, subscribers: d.others, log: d.log.last()}
	if d.screen != nil {
		width, height := d.screen.size()
		return d.screen.draw(p.block(width, height))
	}
	_, err := fmt.Fprintln(d.out, p.line(d.newest))
	return err
}
