package cassandra

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gocql/gocql"

	"anode/messages"
	"anode/storage"
)

// gocql dials a node that is down each second, and tells of it each time: nothing was forgotten by that.
func TestADialThatFailedForgetsNothing(t *testing.T) {
	var a Archive
	seen := arrivals{&a.generation}
	seen.ObserveConnect(gocql.ObservedConnect{Err: errors.New("connection refused")})
	if n := a.generation.Load(); n != 0 {
		t.Errorf("a dial that failed counts as %d connections", n)
	}
	seen.ObserveConnect(gocql.ObservedConnect{})
	if n := a.generation.Load(); n != 1 {
		t.Errorf("a connection counts as %d", n)
	}
}

// Nodes that name the same servers in another order, or ask those of another data center, have the same archive.
func TestWhereAnArchiveIs(t *testing.T) {
	place := func(url string) string {
		cfg, err := Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		return (&Archive{cfg: cfg}).place()
	}
	one := place("cassandra://a,b:9042/k?dc=eu")
	for url, same := range map[string]bool{"cassandra://b,a/k?dc=us&ttl=3d": true, "cassandra://a,b,a/k": true, "cassandra://a,b/other": false, "cassandra://a,c/k": false} {
		if is := place(url) == one; is != same {
			t.Errorf("%s is at %s, the other at %s", url, place(url), one)
		}
	}
}

// How days are cut is agreed on by all data centers, and what is noted in small tables is seen by all, whatever is asked of records.
func TestConsistencies(t *testing.T) {
	for _, c := range []struct {
		dc, name       string
		small, records gocql.Consistency
	}{
		{"", "quorum", gocql.Quorum, gocql.Quorum},
		{"eu", "quorum", gocql.Quorum, gocql.Quorum},
		{"eu", "local_quorum", gocql.LocalQuorum, gocql.LocalQuorum},
		{"eu", "one", gocql.LocalQuorum, gocql.One},
		{"", "one", gocql.Quorum, gocql.One},
	} {
		a := &Archive{cfg: Config{Hosts: []string{"a:1"}, Keyspace: "k", DC: c.dc, Consistency: c.name}}
		cluster, err := a.cluster(newDialer(time.Second), "k")
		if err != nil {
			t.Fatal(err)
		}
		if cluster.SerialConsistency != gocql.Serial || cluster.Consistency != c.small || a.ofRecords() != c.records {
			t.Errorf("%s in %q: %s, %s, %s", c.name, c.dc, cluster.SerialConsistency, cluster.Consistency, a.ofRecords())
		}
	}
}

// Of those who want the same at a time one does it; where that fails, or a connection was made after it began, the next one does.
func TestOneDoesWhatManyWant(t *testing.T) { synctest.Test(t, oneDoesWhatManyWant) }

func oneDoesWhatManyWant(t *testing.T) {
	var (
		o          once[string, int]
		generation atomic.Uint64
		jobs       atomic.Int32
		wait       sync.WaitGroup
		unknown    = func(uint64) (int, bool) { return 0, false }
		release    = make(chan error)
	)
	want := func(ctx context.Context, err error) {
		wait.Go(func() {
			v, got := o.do(ctx, "k", &generation, unknown, func(ctx context.Context, _ uint64) (int, error) {
				n := int(jobs.Add(1))
				return n, <-release
			})
			if !errors.Is(got, err) || got == nil && v == 0 {
				t.Errorf("%d, %v, want %v", v, got, err)
			}
		})
		synctest.Wait()
	}
	for range 5 {
		want(t.Context(), nil)
	}
	release <- nil
	wait.Wait()
	if n := jobs.Load(); n != 1 {
		t.Errorf("five had it done %d times", n)
	}
	broken := errors.New("broken")
	want(t.Context(), broken)
	want(t.Context(), nil)
	release <- broken
	release <- nil
	wait.Wait()
	want(t.Context(), nil)
	generation.Add(1)
	want(t.Context(), nil)
	release <- nil
	release <- nil
	wait.Wait()
	if n := jobs.Load(); n != 5 {
		t.Errorf("it was done %d times, want 5", n)
	}
	want(t.Context(), storage.ErrAway)
	want(t.Context(), storage.ErrAway)
	left, cancel := context.WithCancelCause(t.Context())
	want(left, broken)
	cancel(broken)
	release <- storage.ErrAway
	wait.Wait()
}

// Rows of many epochs are joined in a time that goes with their number: this many take minutes where each is compared with each.
func TestManyRowsOfProgressAreJoined(t *testing.T) {
	const epochs = 200_000
	list := make([]storage.Archived, 0, 2*epochs)
	for i := range 2 * epochs {
		list = append(list, storage.Archived{
			Origin: messages.NodeID(fmt.Sprint("n", i%7)), Epoch: uint64(i % epochs), Streams: messages.Everything,
			Runs: messages.Ranges{{From: uint64(i + 1), To: uint64(i + 1)}},
		})
	}
	done := make(chan int, 1)
	go func() { done <- len(joinSame(list)) }()
	select {
	case n := <-done:
		if n > 2*epochs || n < epochs {
			t.Errorf("%d rows", n)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it takes longer than 20 s")
	}
}
