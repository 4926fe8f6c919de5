package subscriber_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/internal/sessiontest"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
	"anode/storage/replay"
	"anode/testkit/storagetest"
)

// archived is a World with an archive.
type archived struct {
	*sessiontest.World
	t       *testing.T
	archive *memory.Archive
	priors  map[messages.NodeID]map[uint64]messages.Position
}

// withArchive runs a test in virtual time, with an archive that takes some streams.
func withArchive(t *testing.T, cfg sessiontest.Config, takes messages.Pattern, test func(t *testing.T, a *archived)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		a := newArchived(t, cfg, replay.Config{Budget: 2000}, takes)
		defer a.Stop()
		test(t, a)
	})
}

func newArchived(t *testing.T, cfg sessiontest.Config, with replay.Config, takes messages.Pattern) *archived {
	t.Helper()
	a := &archived{t: t, archive: memory.NewArchive(memory.ArchiveConfig{Streams: takes}), priors: make(map[messages.NodeID]map[uint64]messages.Position)}
	if with.Archive == nil {
		with.Archive = a.archive
	}
	with.Clock, with.Logger = time.Now, slog.New(slog.DiscardHandler)
	var err error
	if cfg.Session.Replay, err = replay.New(with); err != nil {
		t.Fatal(err)
	}
	a.World = sessiontest.NewWorld(t, cfg)
	return a
}

// keep archives batches as an archiver of some streams would.
func (a *archived) keep(takes messages.Pattern, list ...wire.Sealed) {
	a.t.Helper()
	to := a.archive.With(memory.ArchiveConfig{Streams: takes})
	for i := range list {
		b, err := list[i].Open()
		if err != nil {
			a.t.Fatal(err)
		}
		if _, err := to.Write(a.t.Context(), []*messages.Batch{b}); err != nil {
			a.t.Fatal(err)
		}
		if a.priors[b.Origin] == nil {
			a.priors[b.Origin] = make(map[uint64]messages.Position)
		}
		if b.Sequence == 1 {
			a.priors[b.Origin][b.Epoch] = b.Prior
		}
		prior, begun := a.priors[b.Origin][b.Epoch]
		err = to.Confirm(a.t.Context(), "archiver", []storage.Archived{{
			Origin: b.Origin, Epoch: b.Epoch, Streams: takes, Runs: messages.Ranges{{From: b.Sequence, To: b.Sequence}},
			Begun: begun, Prior: prior, HeadIndex: b.Count - 1, HeadHLC: b.Last,
		}})
		if err != nil {
			a.t.Fatal(err)
		}
	}
}

// dropped stores and archives batches, and has the journal drop all below a sequence.
func (a *archived) dropped(floor uint64, list ...wire.Sealed) {
	a.t.Helper()
	a.Store(true, list...)
	a.keep(">", list...)
	a.raise(list[0].Origin, list[0].Epoch, floor)
}

func (a *archived) raise(origin messages.NodeID, epoch, floor uint64) {
	a.t.Helper()
	if err := a.Journal.Raise(origin, epoch, floor); err != nil {
		a.t.Fatal(err)
	}
}

// numbered are batches of an origin with a record each of s.x and of s.y; the data is the number, as "x3" and "y3".
func numbered(t *testing.T, o *storagetest.Origin, count int) []wire.Sealed {
	t.Helper()
	var list []wire.Sealed
	for range count {
		n := o.Sequence + 1
		list = append(list, o.Next(t, draft("s.x", fmt.Sprint("x", n)), draft("s.y", fmt.Sprint("y", n))))
	}
	return list
}

// xs is "x<from> ... x<to>".
func xs(from, to int) string {
	var list []string
	for n := from; n <= to; n++ {
		list = append(list, fmt.Sprint("x", n))
	}
	return strings.Join(list, " ")
}

// What the journal has dropped is read in the archive, up to where the journal goes on: no gap, nothing twice.
func TestTheArchiveHasWhatTheJournalDropped(t *testing.T) {
	for name, test := range map[string]struct {
		start func(began time.Time) command.Start
		want  string
	}{
		"earliest":               {func(time.Time) command.Start { return command.Start{Earliest: true} }, xs(1, 301)},
		"a cursor":               {func(time.Time) command.Start { return after("a-7-100-1") }, xs(101, 301)},
		"a cursor in a batch":    {func(time.Time) command.Start { return after("a-7-99-1024", "b-7-1-0") }, xs(100, 301)},
		"a cursor in the middle": {func(time.Time) command.Start { return after("a-7-100-0") }, xs(101, 301)},
		"a time":                 {func(began time.Time) command.Start { return command.Start{Time: began.Add(150 * time.Second)} }, xs(151, 301)},
		"a time of the journal":  {func(began time.Time) command.Start { return command.Start{Time: began.Add(280 * time.Second)} }, xs(281, 301)},
		"a time between": {func(began time.Time) command.Start {
			return command.Start{Time: began.Add(150*time.Second + 500*time.Millisecond)}
		}, xs(152, 301)},
		"a time before all": {func(began time.Time) command.Start { return command.Start{Time: began.Add(-time.Hour)} }, xs(1, 301)},
	} {
		t.Run(name, func(t *testing.T) {
			withArchive(t, sessiontest.Config{}, ">", func(t *testing.T, a *archived) {
				began := time.Now()
				o := storagetest.NewOrigin("a", 7, 0)
				var list []wire.Sealed
				for n := range 300 {
					o.At(began.Add(time.Duration(n) * time.Second).UnixMilli())
					list = append(list, numbered(t, o, 1)...)
				}
				a.dropped(251, list...)
				time.Sleep(301 * time.Second)
				c, session := a.Subscribe(ask(test.start(began), "s.x"))
				settle(c)
				a.Store(true, numbered(t, o, 1)...)
				settle(c)
				wants(t, "records", data(c.Sub("1")), test.want)
				if r := c.Sub("1"); len(r.Gaps) > 0 || r.Lives != 1 {
					t.Errorf("gaps %+v, %d times live", r.Gaps, r.Lives)
				}
				session.Hangup()
			})
		})
	}
}

func after(list ...string) command.Start {
	c, err := messages.ParseCursor(list)
	if err != nil {
		panic(err)
	}
	return command.Start{After: &c}
}

// Of an origin that only the archive has all comes that a start asks for: and nothing of it to who asks for the latest.
func TestAnOriginThatOnlyTheArchiveHas(t *testing.T) {
	for name, test := range map[string]struct {
		start func(began time.Time) command.Start
		want  string
	}{
		"earliest":        {func(time.Time) command.Start { return command.Start{Earliest: true} }, xs(1, 40)},
		"latest":          {func(time.Time) command.Start { return command.Start{} }, ""},
		"a cursor":        {func(time.Time) command.Start { return after("dead-7-30-1") }, xs(31, 40)},
		"a cursor of all": {func(time.Time) command.Start { return after("dead-7-40-1") }, ""},
		"a time":          {func(began time.Time) command.Start { return command.Start{Time: began.Add(20 * time.Second)} }, xs(21, 40)},
		"a time after it": {func(began time.Time) command.Start { return command.Start{Time: began.Add(time.Hour)} }, ""},
		"a cursor and time": {func(began time.Time) command.Start {
			return after("dead-7-38-1", fmt.Sprintf("@%d", began.Add(time.Hour).UnixMilli()))
		}, xs(39, 40)},
	} {
		t.Run(name, func(t *testing.T) {
			withArchive(t, sessiontest.Config{}, ">", func(t *testing.T, a *archived) {
				began := time.Now()
				o, dead := storagetest.NewOrigin("a", 7, began.UnixMilli()), storagetest.NewOrigin("dead", 7, began.UnixMilli())
				a.Store(true, o.Next(t, draft("s.z", "1")))
				var list []wire.Sealed
				for n := range 40 {
					dead.At(began.Add(time.Duration(n) * time.Second).UnixMilli())
					list = append(list, numbered(t, dead, 1)...)
				}
				a.keep(">", list...)
				time.Sleep(10 * time.Hour)
				c, session := a.Subscribe(ask(test.start(began), "s.x"))
				settle(c)
				wants(t, "records", data(c.Sub("1")), test.want)
				if r := c.Sub("1"); len(r.Gaps) > 0 || r.Lives != 1 {
					t.Errorf("gaps %+v, %d times live", r.Gaps, r.Lives)
				}
				session.Hangup()
			})
		})
	}
}

// What neither has is one gap with a reason, and all before and behind it comes.
func TestWhatTheArchiveLacksIsNamed(t *testing.T) {
	withArchive(t, sessiontest.Config{}, ">", func(t *testing.T, a *archived) {
		o := storagetest.NewOrigin("a", 7, time.Now().UnixMilli())
		list := numbered(t, o, 20)
		a.Store(true, list...)
		a.keep(">", list[:5]...)
		a.keep("s.y", list[5:8]...)
		a.keep(">", list[9:]...)
		a.raise("a", 7, 16)
		c, session := a.Subscribe(ask(command.Start{Earliest: true}, "s.x"))
		d, second := a.Subscribe(ask(command.Start{Earliest: true}, "s.y"))
		settle(c, d)
		wants(t, "records", data(c.Sub("1")), xs(1, 5)+" "+xs(10, 20))
		wants(t, "gaps", gapped(c.Sub("1"), 7), "retention a-E-5-1024 a-E-9-1024")
		wants(t, "records of another stream", data(d.Sub("1")), strings.ReplaceAll(xs(1, 8)+" "+xs(10, 20), "x", "y"))
		wants(t, "its gaps", gapped(d.Sub("1"), 7), "retention a-E-8-1024 a-E-9-1024")
		session.Hangup()
		second.Hangup()
	})
}

// While the archive is away what needs it waits, and nothing else does; no gap is made of it, and no cursor passes it.
func TestAnArchiveThatIsAway(t *testing.T) {
	for name, earlier := range map[string]bool{"from the beginning": false, "after it was there": true} {
		t.Run(name, func(t *testing.T) {
			withArchive(t, sessiontest.Config{}, ">", func(t *testing.T, a *archived) {
				now := time.Now().UnixMilli()
				o, p, dead := storagetest.NewOrigin("a", 7, now), storagetest.NewOrigin("b", 7, now), storagetest.NewOrigin("dead", 7, now)
				a.dropped(31, numbered(t, o, 40)...)
				a.keep(">", numbered(t, dead, 10)...)
				a.Store(true, numbered(t, p, 1)...)
				if earlier {
					c, session := a.Subscribe(ask(command.Start{Earliest: true}, "s.x"))
					settle(c)
					session.Hangup()
				}
				a.archive.Away(errors.New("it is restarted"))
				c, session := a.Subscribe(ask(command.Start{Earliest: true}, "s.x"))
				settle(c)
				r := c.Sub("1")
				for n := range 5 {
					a.Store(true, numbered(t, o, 1)[0], numbered(t, p, 1)[0])
					time.Sleep(7 * time.Second)
					settle(c)
					wants(t, "of b", of(r, "b"), xs(1, n+2))
				}
				wants(t, "of a", of(r, "a"), "")
				if r.Lives != 1 || len(r.Cursors) < 2 {
					t.Errorf("%d times live, cursors %+v", r.Lives, r.Cursors)
				}
				if at := r.At["a"]; at.Sequence != 0 {
					t.Errorf("of what waits it says %s", at)
				}
				a.archive.Away(nil)
				time.Sleep(30 * time.Second)
				settle(c)
				a.Store(true, numbered(t, o, 1)[0], numbered(t, p, 1)[0])
				settle(c)
				wants(t, "of a", of(r, "a"), xs(1, 46))
				wants(t, "of b", of(r, "b"), xs(1, 7))
				wants(t, "of the dead", of(r, "dead"), xs(1, 10))
				wants(t, "gaps", gapped(r, 7), "")
				session.Hangup()
			})
		})
	}
}

// Server-sent events are of the same subscription.
func TestEventsOutOfTheArchive(t *testing.T) {
	withArchive(t, sessiontest.Config{}, ">", func(t *testing.T, a *archived) {
		o := storagetest.NewOrigin("a", 7, time.Now().UnixMilli())
		a.dropped(31, numbered(t, o, 40)...)
		out := sessiontest.NewPipe(1<<20, true)
		session := a.Open(out)
		if err := session.Ask(t.Context(), command.Subscribe{Sub: "1", Streams: []string{"s.x"}, Start: after("a-7-10-1")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		said := string(out.Take(1 << 20))
		at := 0
		for n := 11; n <= 40; n++ {
			i := strings.Index(said, fmt.Sprintf(`"id":"a-7-%d-0"`, n))
			if i < at {
				t.Fatalf("%d does not come, or not in order:\n%s", n, said)
			}
			at = i
		}
		if !strings.Contains(said[at:], "id: a-7-40-") || strings.Contains(said, "gap") {
			t.Errorf("it ends with\n%s", said[at:])
		}
		session.Hangup()
	})
}

// dawdling takes its time for each scan.
type dawdling struct{ storage.Archive }

// Scan implements storage.Archive.
func (d dawdling) Scan(ctx context.Context, q storage.ArchiveScan) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		time.Sleep(300 * time.Millisecond)
		d.Archive.Scan(ctx, q)(yield)
	}
}

// A long reading in the archive makes room for an origin whose hole was filled meanwhile.
func TestALongReadingMakesRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kept := memory.NewArchive(memory.ArchiveConfig{})
		a := newArchived(t, sessiontest.Config{}, replay.Config{Budget: 2000, Archive: dawdling{kept}}, ">")
		defer a.Stop()
		a.archive = kept
		now := time.Now().UnixMilli()
		o, h := storagetest.NewOrigin("a", 7, now), storagetest.NewOrigin("h", 7, now)
		a.dropped(401, numbered(t, o, 400)...)
		holed := numbered(t, h, 9)
		a.Store(true, holed[2]) // the hub meets it there
		kept.Away(errors.New("away"))
		c, session := a.Subscribe(ask(command.Start{Earliest: true}, "s.x"))
		settle(c)
		kept.Away(nil)
		time.Sleep(8 * time.Second)
		settle(c)
		r := c.Sub("1")
		if n := len(strings.Fields(of(r, "a"))); n < 10 || n > 200 {
			t.Fatalf("%d of a came: the test wants it in the middle", n)
		}
		a.Store(false, holed[0], holed[1])
		time.Sleep(3 * time.Second)
		settle(c)
		wants(t, "of h", of(r, "h"), xs(1, 3))
		if n := len(strings.Fields(of(r, "a"))); n > 300 {
			t.Fatalf("%d of a came: the test wants it in the middle", n)
		}
		a.Store(true, holed[3:]...)
		time.Sleep(3 * time.Minute)
		settle(c)
		wants(t, "of h", of(r, "h"), xs(1, 9))
		wants(t, "of a", of(r, "a"), xs(1, 400))
		wants(t, "gaps", gapped(r, 7), "")
		session.Hangup()
	})
}
