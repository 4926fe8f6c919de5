package archived_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"anode/testkit/cassandra"
	"anode/testkit/chaos"
)

// small is a mesh whose reader's journal keeps little, and what was published to it.
type small struct {
	*ledger
	mesh *chaos.Mesh
	door *door
	// reader is the node that is read from, writer the one that is published to.
	reader, writer *chaos.Node
	// early is the cursor of a subscription that left early, seen what was acknowledged before that.
	early []string
	// from is a time, and before what was acknowledged until then.
	from   time.Time
	before contents
}

// smallMesh publishes and waits until the reader's journal has dropped a good part of it. A node drops what is its own a minute after the archive has
// confirmed it, which is for the long tests; else a second node is read from, which drops what others archive at once.
func smallMesh(t *testing.T, c *cassandra.Cluster, keyspace, prefix, settings string, flags ...string) *small {
	t.Helper()
	_, rng := seeded(t)
	s := &small{door: doorTo(t, c), ledger: newLedger(rng, prefix, 6, 700)}
	flags = archive(s.door.address(), keyspace, settings, flags...)
	keep := []string{"--retention-bytes", "4MiB", "--disk-budget", "1GiB"}
	if long() {
		s.mesh = start(t, chaos.Config{Nodes: 1, Args: append(flags, keep...)})
	} else {
		s.mesh = start(t, chaos.Config{Nodes: 2, Args: flags, ArgsOf: func(node int) []string { return keep[:len(keep)*node] }})
	}
	nodes := s.mesh.Nodes()
	s.writer, s.reader = nodes[0], nodes[len(nodes)-1]
	count := of(12_000, 100_000)
	s.bulk(t, count/4, 4, 100, s.writer)
	got, stopEarly := follow(t, s.reader, "earliest", s.all())
	got.is(t, "who leaves early", s.snapshot(nil), time.Minute)
	s.early = got.cursor()
	stopEarly()
	s.bulk(t, count/4, 4, 100, s.writer)
	pause(t, 20*time.Millisecond)
	s.from, s.before = time.Now(), s.snapshot(nil)
	pause(t, 20*time.Millisecond)
	s.bulk(t, count/2, 4, 100, s.writer)
	eventually(t, "the journal has dropped what was before", 3*time.Minute, func() error {
		counts, err := s.reader.Streams(t.Context(), s.all())
		if err != nil {
			return err
		}
		held := 0
		for _, n := range counts {
			held += n
		}
		if held >= count/2 {
			return fmt.Errorf("%s holds %d of %d", s.reader.Name, held, count)
		}
		return nil
	})
	// A journal keeps what its own node is to archive, and not what others are.
	caughtUp(t, 2*time.Minute, nodes...)
	return s
}

func TestWhatTheJournalDroppedIsReadFromTheArchiveByAllWays(t *testing.T) {
	t.Parallel()
	s := smallMesh(t, commonly(t), common, "dropped", "")
	all := s.snapshot(nil)
	even := s.snapshot(s.inHalf)
	later := s.snapshot(nil)
	for id := range s.before {
		delete(later, id)
	}
	early := make(chaos.Cursor)
	early.See(s.early...)

	starts := func(patience time.Duration) {
		for _, c := range []struct {
			who   string
			start any
			of    string
			want  contents
		}{
			{"earliest", "earliest", s.all(), all},
			{"earliest of half of the streams", "earliest", s.half(), even},
			{"a time", map[string]any{"time": s.from.UTC().Format(time.RFC3339Nano)}, s.all(), later},
			{"an old cursor", map[string]any{"after": s.early}, s.all(), all.after(early)},
		} {
			got, stop := follow(t, s.reader, c.start, c.of)
			got.is(t, "a WebSocket from "+c.who, c.want, patience)
			stop()
		}
	}
	starts(time.Minute)
	command(t, s.reader, "earliest", len(even), s.half()).is(t, "anode subscribe", even, time.Minute)
	events(t, s.reader, "earliest", s.all()).is(t, "server-sent events", all, time.Minute)
	got, err := s.history(t, s.reader)
	if err := got.differs(all); err != nil {
		t.Errorf("history: %v", err)
	}
	if err != nil {
		t.Errorf("history: %v", err)
	}

	s.door.cut()
	waiting, _ := follow(t, s.reader, "earliest", s.all())
	waitingToo, _ := follow(t, s.reader, map[string]any{"after": s.early}, s.all())
	waitingEvents := events(t, s.reader, "earliest", s.all())
	eventually(t, "history says that it can't be had", 20*time.Second, func() error {
		status, body, err := s.reader.Do(t.Context(), http.MethodGet, "/api/v1/streams/"+s.stream(0)+"/records", "", nil)
		if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(string(body), "unavailable") {
			return fmt.Errorf("%d %.300s %w", status, body, err)
		}
		return nil
	})
	beats := func() [3]int {
		return [3]int{waiting.heartbeats(), waitingToo.heartbeats(), waitingEvents.heartbeats()}
	}
	was := beats()
	eventually(t, "who waits is told that the node lives", 40*time.Second, func() error {
		now := beats()
		for i := range now {
			if now[i] <= was[i] {
				return fmt.Errorf("%v, and were %v", now, was)
			}
		}
		return nil
	})
	for _, w := range []*seen{waiting, waitingToo, waitingEvents} {
		if err := w.wrong(); err != nil || w.count() >= len(all)/2 {
			t.Errorf("without the archive: %d records, %v", w.count(), err)
		}
	}
	s.bulk(t, 1000, 2, 100, s.writer) // they wait for what is before
	s.door.unlock()
	all = s.snapshot(nil)
	waiting.is(t, "who waited from the earliest", all, time.Minute)
	waitingToo.is(t, "who waited from an old cursor", all.after(early), time.Minute)
	waitingEvents.is(t, "who waited for events", all, time.Minute)
}

// gapped waits until a subscription got or was told of a gap over all that was acknowledged, and demands that there is a gap, for this reason alone.
func gapped(t *testing.T, s *small, got *seen, reason string) {
	t.Helper()
	all := s.snapshot(nil)
	eventually(t, "all is read or in a gap", time.Minute, func() error {
		got.mu.Lock()
		defer got.mu.Unlock()
		named := 0
		for id := range all {
			if _, is := got.got[id]; is {
				continue
			}
			p, _ := chaos.ParsePosition(id)
			if !inGap(got.gaps, p) {
				return fmt.Errorf("%s neither came nor is in one of %d gaps", id, len(got.gaps))
			}
			named++
		}
		if named == 0 || len(got.got) == 0 {
			return fmt.Errorf("%d are in gaps and %d were read: this shows nothing", named, len(got.got))
		}
		t.Logf("%d were read, %d are in %d gaps", len(got.got), named, len(got.gaps))
		return nil
	})
	got.mu.Lock()
	defer got.mu.Unlock()
	for i := range got.gaps {
		if got.gaps[i].Reason != reason {
			t.Errorf("a gap is for %q", got.gaps[i].Reason)
		}
	}
	for id, hash := range got.got {
		if all[id] != hash {
			t.Errorf("%s is other than published", id)
		}
	}
	for _, err := range got.faults {
		t.Error(err)
	}
}

func inGap(gaps []message, p chaos.Position) bool {
	for i := range gaps {
		from, _ := chaos.ParsePosition(gaps[i].From)
		to, _ := chaos.ParsePosition(gaps[i].To)
		if to.Origin == p.Origin && p.Compare(from) > 0 && p.Compare(to) <= 0 {
			return true
		}
	}
	return false
}

func TestWhatIsNotToBeArchivedIsAGap(t *testing.T) {
	t.Parallel()
	c, keyspace := shared.ForTest(t)
	s := smallMesh(t, c, keyspace, "chosen", "", "--archive-streams", "chosen.even.>")
	got, _ := follow(t, s.reader, "earliest", s.all())
	gapped(t, s, got, "retention")
	even, _ := follow(t, s.reader, "earliest", s.half())
	even.is(t, "who asks for what is archived", s.snapshot(s.inHalf), time.Minute)
}

func TestWhatATTLTookIsAGap(t *testing.T) {
	t.Parallel()
	c, keyspace := shared.ForTest(t)
	s := smallMesh(t, c, keyspace, "ended", fmt.Sprintf("ttl=%s", of("20s", "90s")))
	pause(t, of(22*time.Second, 95*time.Second)) // until what is not in the journal ends
	got, _ := follow(t, s.reader, "earliest", s.all())
	gapped(t, s, got, "retention")
}
