package compose_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anode/client"
)

// lane publishes 0, 1, 2 … at one node, each until it is acknowledged.
type lane struct {
	stream string
	client *client.Client
	acked  atomic.Int64 // how many
	// retried counts publications that failed, or whose answer was lost.
	retried atomic.Int64
}

// lanePause is between two records of a lane.
const lanePause = 20 * time.Millisecond

// clientOf is a client of one node, which gives up early: a paused node answers nothing.
func clientOf(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{
		Servers: []string{url}, AnswerTimeout: 5 * time.Second, DialTimeout: 2 * time.Second, Silence: 20 * time.Second, MinPause: 100 * time.Millisecond, MaxPause: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (l *lane) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; {
		_, err := l.client.Publish(ctx, client.Draft{Stream: l.stream, NativeID: fmt.Sprint(n), Payload: fmt.Appendf(nil, `{"n":%d}`, n)})
		if err == nil {
			n++
			l.acked.Store(int64(n))
		} else {
			l.retried.Add(1)
		}
		select {
		case <-ctx.Done():
		case <-time.After(lanePause):
		}
	}
}

// reader follows all lanes at one node from the beginning, over cuts, and finds what is missing, doubled or out of order.
type reader struct {
	at     string
	client *client.Client

	mu    sync.Mutex // guards what follows
	next  map[string]int64
	fault error
}

func (r *reader) run(ctx context.Context) {
	sub, err := r.client.Subscribe(client.Subscribe{Streams: []string{"lane.>"}, Start: "earliest"})
	if err != nil {
		r.failed(err)
		return
	}
	defer sub.Close()
	for event, err := range sub.All(ctx) {
		switch e := event.(type) {
		case *client.Record:
			r.take(e)
		case client.Gap:
			r.failed(fmt.Errorf("a gap: %+v", e))
		}
		if err != nil && ctx.Err() == nil {
			r.failed(err)
		}
	}
}

func (r *reader) take(record *client.Record) {
	var datum struct{ N int64 }
	if err := json.Unmarshal(record.Data, &datum); err != nil {
		r.failed(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if want := r.next[record.Stream]; datum.N != want {
		r.fault = errors.Join(r.fault, fmt.Errorf("%s brings %d at %s: want %d", record.Stream, datum.N, record.ID, want))
	}
	r.next[record.Stream] = datum.N + 1
}

const mostFaults = 2000 // bytes of them are told

func (r *reader) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = errors.Join(r.fault, err)
}

// seen is what it has, per stream, and what was wrong.
func (r *reader) seen() (map[string]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.next), r.fault
}

// lanes are all who publish and read, and end with their test.
type lanes struct {
	t       *testing.T
	ctx     context.Context
	list    []*lane
	readers []*reader
	work    sync.WaitGroup
	stop    context.CancelFunc // publishing
}

func newLanes(ctx context.Context, t *testing.T) *lanes {
	ls := &lanes{t: t}
	ctx, end := context.WithCancel(ctx)
	ls.ctx = ctx
	t.Cleanup(func() {
		end()
		ls.work.Wait()
	})
	return ls
}

// publish begins a lane at each node.
func (ls *lanes) publish(urls []string) {
	ctx, stop := context.WithCancel(ls.ctx)
	ls.stop = stop
	for i, url := range urls {
		l := &lane{stream: fmt.Sprintf("lane.%d", i+1), client: clientOf(ls.t, url)}
		ls.list = append(ls.list, l)
		ls.work.Go(func() { l.run(ctx) })
	}
}

// read begins a reader at a node.
func (ls *lanes) read(name, url string) {
	r := &reader{at: name, client: clientOf(ls.t, url), next: make(map[string]int64)}
	ls.readers = append(ls.readers, r)
	ls.work.Go(func() { r.run(ls.ctx) })
}

// acked is how many records are acknowledged, per stream.
func (ls *lanes) acked() map[string]int64 {
	all := make(map[string]int64)
	for _, l := range ls.list {
		all[l.stream] = l.acked.Load()
	}
	return all
}

// caughtUp tells whether all readers have what was acknowledged by then, else in words who lacks what.
func (ls *lanes) caughtUp(acked map[string]int64) error {
	var lacks []error
	for _, r := range ls.readers {
		seen, fault := r.seen()
		if fault != nil {
			text := fault.Error()
			ls.t.Fatalf("the reader at %s: %s", r.at, text[:min(len(text), mostFaults)])
		}
		for stream, n := range acked {
			if seen[stream] < n {
				lacks = append(lacks, fmt.Errorf("%s has %d of %d of %s", r.at, seen[stream], n, stream))
			}
		}
	}
	return errors.Join(lacks...)
}
