package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"anode/client"
)

// run is the whole demo, until ctx ends, the time is over, or somebody ends it.
func run(ctx context.Context, o *options, in io.Reader, out io.Writer) (err error) {
	began := time.Now()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP) // the terminal is gone: an end like any other
	defer stop()
	dir, err := os.MkdirTemp("", "anode-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.http == "" {
		o.http = freeAddress()
	}
	d := newDemo(o, dir, began)
	show, end, err := d.open(in, out)
	if err != nil {
		return errors.Join(err, d.fleet.close())
	}
	err = newLoop(d, show).run(ctx, o.span)
	over := time.Now()
	err = errors.Join(err, d.fleet.close(), end())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "\n  %s\n  All nodes have ended, and %s is removed.\n", d.model.summary(over), dir); err != nil {
		return err
	}
	if n := len(d.model.count.missed); n > 0 {
		return fmt.Errorf("%d records were acknowledged and not delivered", n)
	}
	return nil
}

// demo is what the loop owns.
type demo struct {
	model     *model
	fleet     *fleet
	keys      *keyboard
	targets   targets
	clients   []*client.Client
	publisher *publisher
	poller    *poller
	following *following
}

func newDemo(o *options, dir string, began time.Time) *demo {
	d := &demo{model: newModel(began, int(o.nodes), called(o.called), dir), fleet: newFleet(o, dir), clients: make([]*client.Client, o.nodes)}
	d.targets.Store(&[]target{})
	d.publisher = newPublisher(&d.targets, strconv.FormatInt(began.UnixNano(), 36))
	d.poller = &poller{live: &d.targets, told: make(chan told)}
	return d
}

// called is how this program is run again: as it was, with a directory where it was run with one.
func called(name string) string {
	if filepath.Base(name) != name {
		return name
	}
	return "anode"
}

// open prepares to show: on a terminal, or as lines. end gives the terminal back.
func (d *demo) open(in io.Reader, out io.Writer) (show func(now time.Time) error, end func() error, err error) {
	s := onTerminal(out, os.Getenv)
	if s == nil {
		lines := &sober{out: out}
		return func(now time.Time) error { return lines.show(d.model, now) }, func() error { return lines.show(d.model, time.Now()) }, nil
	}
	if d.keys, err = listen(in); err != nil {
		return nil, nil, err
	}
	d.model.keys = d.keys != nil
	show = func(now time.Time) error {
		at := s.now()
		return s.draw(d.model.view(now, at), at)
	}
	end = func() error { return errors.Join(s.close(), d.keys.Close()) }
	if err := s.open(); err != nil {
		return nil, nil, errors.Join(err, d.keys.Close())
	}
	return show, end, nil
}
