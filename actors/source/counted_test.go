package source_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

// counted is a feed of 1, 2, 3 and so on.
type counted struct {
	mesh *mesh
	mu   sync.Mutex
	last int
	subs map[chan int]struct{}
	// every is the most time from one to the next.
	every time.Duration
	// pad is how many bytes a value has besides its number.
	pad int
	// same is how many values there are: they come again and again. 0 is that each comes once.
	same int
	// lag is below how many ms a value takes to a connection.
	lag int
	// given are the values that were given by hand; nil where they are all up to last.
	given []int
}

// give gives one value.
func (f *counted) give(v int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.given = append(f.given, v)
	f.last++
	for sub := range f.subs {
		sub <- f.last
	}
}

// skip makes all up to a value the feed's.
func (f *counted) skip(to int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = to
}

// value is the nth that was given.
func (f *counted) value(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.given != nil:
		return f.given[n-1]
	case f.same > 0:
		return n % f.same
	}
	return n
}

// emit gives values until ctx ends.
func (f *counted) emit(ctx context.Context) {
	for source.Sleep(ctx, time.Duration(1+f.mesh.n(int(f.every/time.Millisecond)))*time.Millisecond) == nil {
		f.mu.Lock()
		f.last++
		for sub := range f.subs {
			sub <- f.last
		}
		f.mu.Unlock()
	}
}

func (f *counted) newest() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

func (f *counted) join() chan int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.subs == nil {
		f.subs = make(map[chan int]struct{})
	}
	sub := make(chan int, 100_000)
	f.subs[sub] = struct{}{}
	return sub
}

func (f *counted) leave(sub chan int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subs, sub)
}

// counting is a connector of it: a websocket begins with what comes next, server-sent events with what comes after the
// cursor, and polls ask for what comes after since.
type counting struct {
	feed *counted
	node *meshNode
	spec *spec.Spec
	// asked is the highest since that was asked for.
	asked int
}

func (*counting) Close() {}

func (c *counting) Run(ctx context.Context, line *source.Line) error {
	switch {
	case c.spec.Kind == spec.KindREST && c.spec.REST.Pages != nil:
		return c.walk(ctx, line)
	case c.spec.Kind == spec.KindREST:
		return c.poll(ctx, line)
	}
	asked := 0
	if c.spec.Kind == spec.KindSSE {
		line.AsksAgain()
		cursor, err := line.Cursor(ctx, nil)
		if err != nil {
			return err
		}
		if asked, err = c.ask(cursor); err != nil {
			return err
		}
	}
	if err := source.Sleep(ctx, time.Duration(1+c.feed.mesh.n(20))*time.Millisecond); err != nil {
		return err
	}
	sub := c.feed.join()
	defer c.feed.leave(sub)
	next := c.feed.newest() + 1
	if c.spec.Kind == spec.KindSSE {
		next = asked + 1
	}
	line.Opened()
	for {
		for ; next <= c.feed.newest(); next++ {
			if err := source.Sleep(ctx, time.Duration(c.feed.mesh.n(c.feed.lag))*time.Millisecond); err != nil {
				return err
			}
			if err := c.give(ctx, line, next); err != nil {
				return err
			}
		}
		select {
		case <-sub:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ask notes what is asked for: it must not go back.
func (c *counting) ask(since string) (int, error) {
	if since == "" {
		since = "0"
	}
	n, err := strconv.Atoi(since)
	if n < c.asked {
		c.feed.mesh.t.Errorf("%s asks after %d, and had asked after %d", c.node.id, n, c.asked)
	}
	c.asked = n
	if heard := c.node.heardOf(); n < heard && !c.node.standsBy() {
		c.feed.mesh.t.Errorf("%s asks after %d, and knows that another owner got to %d", c.node.id, n, heard)
	}
	return n, err
}

func (c *counting) give(ctx context.Context, line *source.Line, n int) error {
	text := strconv.Itoa(n)
	meta := transform.Meta{Received: time.Now()}
	if c.spec.Kind == spec.KindSSE {
		meta.Cursor = &text
	}
	_, err := line.Feed(ctx, fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`, c.feed.value(n), strings.Repeat("x", c.feed.pad)), meta)
	return err
}

func (c *counting) poll(ctx context.Context, line *source.Line) error {
	line.AsksAgain()
	for {
		vars, err := line.Vars(ctx, nil)
		if err != nil {
			return err
		}
		since, err := c.ask(fmt.Sprint(vars.Since))
		if err != nil {
			return err
		}
		upTo := c.feed.newest()
		if err := source.Sleep(ctx, time.Duration(1+c.feed.mesh.n(20))*time.Millisecond); err != nil { // the answer's way
			return err
		}
		if _, err := line.Feed(ctx, []byte(list(int64(since+1), int64(upTo))), transform.Meta{Received: time.Now(), Vars: vars}); err != nil {
			return err
		}
		if err := line.Settle(ctx); err != nil {
			return err
		}
		line.Opened()
		line.Worked()
		if err := source.Sleep(ctx, c.spec.REST.Every.Of()); err != nil {
			return err
		}
	}
}

// walk polls pages, the newest first, down to what is known.
func (c *counting) walk(ctx context.Context, line *source.Line) error {
	line.AsksAgain()
	for {
		vars, err := line.Vars(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := line.Walk(ctx, nil, true); err != nil {
			return err
		}
		for next := c.feed.newest(); next > 0; next -= 5 {
			if err := source.Sleep(ctx, time.Duration(1+c.feed.mesh.n(10))*time.Millisecond); err != nil { // the answer's way
				return err
			}
			var page []string
			for v := next; v > max(next-5, 0); v-- {
				page = append(page, fmt.Sprintf(`{"n":%d}`, v))
			}
			text := "[" + strings.Join(page, ",") + "]"
			if _, err := line.Feed(ctx, []byte(text), transform.Meta{Received: time.Now(), Vars: vars}); err != nil {
				return err
			}
			if err := line.Settle(ctx); err != nil {
				return err
			}
			if line.Seen() {
				break
			}
		}
		if err := line.Walked(ctx, nil); err != nil {
			return err
		}
		line.Opened()
		line.Worked()
		if err := source.Sleep(ctx, c.spec.REST.Every.Of()); err != nil {
			return err
		}
	}
}

// countedKinds are specs of the feed, by kind.
var countedKinds = map[string]string{
	"websocket": "kind: websocket\nurl: wss://x.example.com/\nnative_id: .n\nsince: {from: .n, start: 0}",
	"sse":       "kind: sse\nurl: https://x.example.com/\nnative_id: .n",
	"pages":     "kind: rest\nurl: https://x.example.com/\nnative_id: .n\ntransform: {split: '.[]'}\nsince: {from: '.[0].n', start: 0}\nrest: {every: 100ms, pages: {next: offset, until: seen}}",
	"rest":      "kind: rest\nurl: https://x.example.com/\nnative_id: .n\ntransform: {split: '.[]'}\nsince: {from: '.[-1].n', start: 0}\nrest: {every: 100ms}",
}
