package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
	"anode/storage/memory"
	"anode/testkit/cluster"
)

// archived waits until the archive confirms all that a node holds, and fails where it has anything else than what was published.
func archived(t *testing.T, c *cluster.Cluster, archive *memory.Archive, published map[string]bool) {
	t.Helper()
	var missing string
	for range 240 {
		if missing = unconfirmed(t, c, archive); missing == "" {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	if missing != "" {
		t.Fatalf("not archived: %s", missing)
	}
	got := make(map[string]int)
	for stream, err := range streamsOf(archive) {
		if err != nil {
			t.Fatal(err)
		}
		got[stream]++
	}
	for data := range published {
		if got[data] != 1 {
			t.Errorf("%s is in the archive %d times", data, got[data])
		}
	}
}

// streamsOf yields the payload of each row.
func streamsOf(archive *memory.Archive) func(func(string, error) bool) {
	return func(yield func(string, error) bool) {
		origins, err := archive.Origins(context.Background(), "archive.test", 0, 0)
		if err != nil {
			yield("", err)
			return
		}
		for _, origin := range origins {
			for r, err := range archive.Scan(context.Background(), storage.ArchiveScan{Stream: "archive.test", Origin: origin}) {
				if err != nil {
					yield("", err)
					return
				}
				if !yield(string(r.Payload), nil) {
					return
				}
			}
		}
	}
}

// unconfirmed names something that a node holds and the archive does not confirm.
func unconfirmed(t *testing.T, c *cluster.Cluster, archive *memory.Archive) string {
	t.Helper()
	list, err := archive.Confirmed(context.Background(), "")
	if errors.Is(err, storage.ErrAway) {
		return "it is away"
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Running() {
		for origin, epochs := range n.Digest() {
			for _, e := range epochs {
				held := messages.Ranges{{From: e.Floor, To: e.Head}}.Minus(e.Holes)
				for i := range list {
					if list[i].Origin == origin && list[i].Epoch == e.Epoch {
						held = held.Minus(list[i].Runs)
					}
				}
				if len(held) > 0 {
					return fmt.Sprint(origin, " epoch ", e.Epoch, ": ", held)
				}
			}
		}
	}
	return ""
}

// Only two of five nodes have the archive, which is away now and then; nodes come and go, and one that has an archive never comes back.
func TestAMeshArchivesWhatAnyNodeTakes(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{Clock: time.Now})
	has := func(node int) storage.Archive {
		if node == 1 || node == 3 {
			return archive
		}
		return nil
	}
	cluster.Test(t, cluster.Config{Nodes: 5, Archive: has, Logger: logger()}, func(t *testing.T, c *cluster.Cluster) {
		converged(t, c, time.Minute)
		random := rand.New(rand.NewPCG(c.Seed(), 3))
		published := make(map[string]bool)
		publish := func(n *cluster.Node) {
			if !n.Running() {
				return
			}
			data := fmt.Sprintf("%s-%d", n.Name(), len(published))
			if _, err := n.Publish(t.Context(), "archive.test", data); err != nil {
				t.Fatal(err)
			}
			published[`"`+data+`"`] = true
		}
		for range 60 {
			n := c.Node(random.IntN(5))
			switch {
			case !n.Running():
				start(t, n)
			case random.IntN(4) == 0:
				n.Kill()
			case random.IntN(4) == 0:
				if err := n.Stop(); err != nil {
					t.Error(err)
				}
			}
			for range 5 {
				publish(c.Node(random.IntN(5)))
			}
			archive.Away(map[bool]error{true: errors.New("connection refused")}[random.IntN(4) == 0])
			time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
		}
		archive.Away(nil)
		for _, n := range c.Nodes() {
			if !n.Running() {
				start(t, n)
			}
		}
		converged(t, c, time.Minute)
		for _, n := range c.Nodes() {
			publish(n)
		}
		converged(t, c, time.Minute)
		c.Node(1).Kill() // with what it has not archived; the other one goes on
		archived(t, c, archive, published)
		for _, n := range slices.Backward(c.Nodes()) {
			publish(n)
		}
		archived(t, c, archive, published)
	})
}

// One node's archive is refused for good some time after it started, as one of another version of the tables: the other node that has the archive
// goes on for it.
func TestWhatANodeIsRefusedAnotherArchives(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{Clock: time.Now})
	refused := archive.With(memory.ArchiveConfig{Clock: time.Now})
	has := func(node int) storage.Archive {
		switch node {
		case 0:
			return archive
		case 1:
			return refused
		}
		return nil
	}
	cluster.Test(t, cluster.Config{Nodes: 3, Archive: has, Logger: logger()}, func(t *testing.T, c *cluster.Cluster) {
		converged(t, c, time.Minute)
		published := make(map[string]bool)
		publish := func() {
			for _, n := range c.Nodes() {
				data := fmt.Sprintf("%s-%d", n.Name(), len(published))
				if _, err := n.Publish(t.Context(), "archive.test", data); err != nil {
					t.Fatal(err)
				}
				published[`"`+data+`"`] = true
			}
		}
		publish()
		archived(t, c, archive, published)
		refused.Refuse(errors.New("a later version"))
		publish()
		archived(t, c, archive, published)
	})
}
