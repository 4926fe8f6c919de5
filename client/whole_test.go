package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"anode/client"
	"anode/testkit/local"
)

// cutter passes connections on to a node, and cuts each after a random number of bytes.
type cutter struct {
	net.Listener
	node   func() string
	mu     sync.Mutex
	random *rand.Rand
	// least and spread bound the bytes from the node after which a connection is cut.
	least, spread int64
	work          sync.WaitGroup
}

func newCutter(t testing.TB, node func() string, seed uint64) *cutter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, node: node, random: rand.New(rand.NewPCG(seed, 7)), least: 300, spread: 60_000}
	c.work.Go(c.run)
	t.Cleanup(func() {
		_ = l.Close() // it fails only where it is closed
		c.work.Wait()
	})
	return c
}

func (c *cutter) url() string { return "http://" + c.Addr().String() }

func (c *cutter) run() {
	for {
		conn, err := c.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		bytes := c.least + c.random.Int64N(c.spread)
		c.mu.Unlock()
		c.work.Go(func() { c.pass(conn, bytes) })
	}
}

func (c *cutter) pass(conn net.Conn, bytes int64) {
	defer conn.Close()
	to, err := net.Dial("tcp", strings.TrimPrefix(c.node(), "http://"))
	if err != nil {
		return
	}
	defer to.Close()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(to, conn) // it ends with either
		_ = to.Close()
	})
	_, _ = io.CopyN(conn, to, bytes)
	_ = conn.Close()
	up.Wait()
}

// TestAWholeNodeBehindACuttingNetwork publishes to a real node and follows it, all through connections
// that are cut after a few kilobytes, while the node restarts: each record comes once, in order, and is as
// it stands in the history.
func TestAWholeNodeBehindACuttingNetwork(t *testing.T) {
	ctx := within(t)
	node, err := local.Start(ctx, local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	}()
	one, two := newCutter(t, node.URL, 1), newCutter(t, node.URL, 2)
	c := newClient(t, one.url(), two.url())

	const batches, batch = 60, 50
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		for i := range batches {
			if i == batches/2 {
				if err := node.Restart(ctx); err != nil {
					t.Error(err)
				}
			}
			publishUntilItIs(ctx, t, c, i*batch, batch)
		}
	})
	cuts := 0
	whole, even := subscribe(t, c, client.Subscribe{Start: "earliest", Retrying: func(error, time.Duration) { cuts++ }}), subscribe(t, c, client.Subscribe{Start: "earliest", Where: ".data.even"})
	var got, halves map[string][]int
	all.Go(func() { halves = numbers(ctx, t, even, batches*batch/2) })
	got = numbers(ctx, t, whole, batches*batch)
	all.Wait()

	if cuts < 5 {
		t.Errorf("the connection was cut only %d times", cuts)
	}
	direct := newClient(t, node.URL())
	for _, stream := range []string{"cut.s0", "cut.s1", "cut.s2"} {
		var held, heldEven []int
		for record, err := range direct.History(client.History{Stream: stream}).All(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			n, isEven := numberOf(t, record)
			if held = append(held, n); isEven {
				heldEven = append(heldEven, n)
			}
		}
		if !slices.Equal(got[stream], held) || !slices.Equal(halves[stream], heldEven) {
			t.Errorf("of %s came %d and %d records, other than the %d and %d that are held", stream, len(got[stream]), len(halves[stream]), len(held), len(heldEven))
		}
	}
}

// publishUntilItIs publishes records with native ids again until there is an answer: what was stored the
// first time is a duplicate then.
func publishUntilItIs(ctx context.Context, t testing.TB, c *client.Client, from, count int) {
	drafts := make([]client.Draft, count)
	for i := range drafts {
		n := from + i
		drafts[i] = client.Draft{
			Stream: fmt.Sprintf("cut.s%d", n%3), NativeID: fmt.Sprint(n), Payload: fmt.Appendf(nil, `{"n":%d,"even":%t}`, n, n%2 == 0),
		}
	}
	for ctx.Err() == nil {
		answers, err := c.PublishAll(ctx, drafts)
		if err != nil {
			continue
		}
		for i, a := range answers {
			if a.Error != nil {
				t.Errorf("record %d: %v", from+i, a.Error)
			}
		}
		return
	}
	t.Error("the time is over")
}

// numbers collects so many records' numbers by stream.
func numbers(ctx context.Context, t testing.TB, sub *client.Subscription, count int) map[string][]int {
	got := make(map[string][]int)
	for n := 0; n < count; {
		event, err := sub.Next(ctx)
		switch e := event.(type) {
		case *client.Record:
			number, _ := numberOf(t, e)
			got[e.Stream] = append(got[e.Stream], number)
			n++
		case client.Gap:
			t.Errorf("a gap: %+v", e)
		}
		if err != nil {
			t.Errorf("after %d of %d records: %v", n, count, err)
			return got
		}
	}
	// What came too often comes now.
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	for event, err := range sub.All(ctx) {
		if r, ok := event.(*client.Record); ok && err == nil {
			t.Errorf("one more record: %s", r.Raw)
		}
	}
	return got
}

func numberOf(t testing.TB, r *client.Record) (n int, even bool) {
	var data struct {
		N    int  `json:"n"`
		Even bool `json:"even"`
	}
	if err := json.Unmarshal(r.Data, &data); err != nil {
		t.Errorf("%s: %v", r.Raw, err)
	}
	return data.N, data.Even
}
