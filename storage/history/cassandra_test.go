package history_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/messages"
	"anode/messages/command"
	"anode/storage/cassandra"
	"anode/storage/journal"
	"anode/storage/memory"
	server "anode/testkit/cassandra"
)

// shared is a Cassandra for the tests that need one.
var shared server.Shared

// cassandraWorlds is how many worlds are drawn.
const cassandraWorlds = 3

// TestPagesFromCassandra is the model test over a real server: pages and cursors of a few worlds, each asked a lot.
func TestPagesFromCassandra(t *testing.T) {
	c, _ := shared.ForTest(t)
	for n := range cassandraWorlds {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			a, err := cassandra.New(cassandra.Config{Hosts: c.Addrs(), Keyspace: c.Keyspace(t)}, cassandra.Deps{
				Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Node: "test",
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = a.Close() }() // the test is about what it gave
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if err := a.Connected(ctx); err != nil {
				t.Fatal(err)
			}
			drawn := false
			rapid.Check(t, func(r *rapid.T) {
				if drawn {
					return // the keyspace is not empty any more
				}
				drawn = true
				j, err := journal.Open(journal.Config{Dir: t.TempDir(), State: memory.NewState(), Self: "self", SegmentBytes: 1500, RetentionBytes: 4000})
				if err != nil {
					r.Fatal(err)
				}
				defer func() { _ = j.Close() }()
				w := newBoth(t, j, a)
				w.draw(r)
				some := rapid.Permutation(w.ever).Draw(r, "archived")
				w.write(r, some[:rapid.IntRange(len(some)/2, len(some)).Draw(r, "n")])
				w.warm(r)
				w.interrogate(r, 20)
			})
		})
	}
}

// interrogate asks a number of questions, and compares all pages and the cursor of the first.
func (w *both) interrogate(r *rapid.T, questions int) {
	held := w.held(r)
	for range questions {
		q := w.question(r, held)
		want := expected(q, held)
		if got := w.pages(r, q, func() {}); !slices.Equal(got, want) {
			r.Fatalf("%+v gave\n%v\nwant\n%v\n%s", q, got, want, w)
		}
		if q.Descending {
			continue
		}
		list, _, cursor := w.page(r, q, rapid.IntRange(0, 40).Draw(r, "limit"))
		w.behind(r, want, list, cursor)
	}
	if _, err := w.history.Walk(context.Background(), command.History{Stream: stream, After: messages.Position{Origin: "nobody", Epoch: 1, Sequence: 1}}); err == nil {
		r.Fatal("an unknown origin was taken")
	}
}
