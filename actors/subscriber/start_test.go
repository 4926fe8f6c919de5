package subscriber_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"anode/actors/internal/sessiontest"
	"anode/actors/subscriber"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/history"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs a test in virtual time.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// settle lets everything come to rest, and reads.
func settle(clients ...*sessiontest.Client) {
	for range 3 {
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		for _, c := range clients {
			c.Read(64 << 20)
		}
	}
}

// A session whose connection has given up is nobody's: it does not stay.
func TestASessionThatNobodyTakesEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := sessiontest.NewWorld(t, sessiontest.Config{})
		late := false
		for range 3 {
			_, err := command.Ask(t.Context(), w.Subs, command.OpenSession{
				Outlet: sessiontest.NewPipe(1<<20, false), Remote: "test", Taken: func(command.Session) bool { late = true; return false },
			})
			if !errors.Is(err, command.ErrUnavailable) || !late {
				t.Errorf("it is answered with %v", err)
			}
		}
		settle()
		if left := w.Subs.Children(); len(left) != 0 {
			t.Errorf("%d sessions are left", len(left))
		}
		w.Stop()
	})
}

// draft has a native id; its data is it.
func draft(stream, id string) messages.Draft {
	return messages.Draft{Stream: messages.Stream(stream), NativeID: id, Payload: []byte(`"` + id + `"`)}
}

// data is what a subscription got, in order.
func data(r *sessiontest.Received) string {
	var list []string
	for _, d := range r.Data {
		list = append(list, strings.Trim(string(d), `"`))
	}
	return strings.Join(list, " ")
}

func wants(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func ask(start command.Start, patterns ...string) command.Subscribe {
	return command.Subscribe{Streams: patterns, Start: start}
}

// TestStarts subscribes with each start to two origins, of which more comes later.
func TestStarts(t *testing.T) {
	after := func(t *testing.T, list ...string) *messages.Cursor {
		c, err := messages.ParseCursor(list)
		if err != nil {
			t.Fatal(err)
		}
		return &c
	}
	// Batches n of origin a and b are received at n seconds after the beginning. The ninth of c comes
	// alone and live: who has no time must read c from its beginning, and waits for that.
	for _, test := range []struct {
		name  string
		start func(t *testing.T, began time.Time) command.Start
		after string // without the time
		timed bool
		want  string
	}{
		{"latest", func(*testing.T, time.Time) command.Start { return command.Start{} }, "a-1-3-0 b-1-3-0", true, "a4 b4 c9"},
		{"earliest", func(*testing.T, time.Time) command.Start { return command.Start{Earliest: true} }, "", false, "a1 a2 a3 b1 b2 b3 a4 b4"},
		{"after the empty cursor", func(t *testing.T, _ time.Time) command.Start { return command.Start{After: after(t)} }, "", false, "a1 a2 a3 b1 b2 b3 a4 b4"},
		{"after a place of one origin", func(t *testing.T, _ time.Time) command.Start { return command.Start{After: after(t, "a-1-2-0")} }, "a-1-2-0", false, "a3 b1 b2 b3 a4 b4"},
		{"after a place beyond the head", func(t *testing.T, _ time.Time) command.Start {
			return command.Start{After: after(t, "a-1-4-0", "b-1-3-1024")}
		}, "a-1-4-0 b-1-3-1024", false, "b4"},
		{"after an end that is cut to a batch's", func(t *testing.T, _ time.Time) command.Start {
			return command.Start{After: after(t, "a-1-2-99999", "b-1-3-0")}
		}, "a-1-2-1024 b-1-3-0", false, "a3 a4 b4"},
		{"after places with a time", func(t *testing.T, began time.Time) command.Start {
			return command.Start{After: after(t, "a-1-1-0", fmt.Sprintf("@%d", began.Add(3*time.Second).UnixMilli()))}
		}, "a-1-1-0", true, "a2 a3 b3 a4 b4 c9"},
		{"time", func(_ *testing.T, began time.Time) command.Start {
			return command.Start{Time: began.Add(2 * time.Second)}
		}, "", true, "a2 a3 b2 b3 a4 b4 c9"},
		{"a time to come", func(_ *testing.T, began time.Time) command.Start { return command.Start{Time: began.Add(time.Hour)} }, "", true, "a4 b4 c9"},
		{"last 1", func(*testing.T, time.Time) command.Start { return command.Start{Last: 1} }, "a-1-3-0 b-1-3-0", true, "b3 a4 b4 c9"},
		{"last 4", func(*testing.T, time.Time) command.Start { return command.Start{Last: 4} }, "a-1-3-0 b-1-3-0", true, "a2 b2 a3 b3 a4 b4 c9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				began := time.Now()
				w := sessiontest.NewWorld(t, sessiontest.Config{})
				defer w.Stop()
				a, b := storagetest.NewOrigin("a", 1, 0), storagetest.NewOrigin("b", 1, 0)
				for n := range 3 {
					for _, o := range []*storagetest.Origin{a, b} {
						o.At(began.Add(time.Duration(n+1) * time.Second).UnixMilli())
						w.Store(true, o.Next(t, draft("s.x", fmt.Sprint(o.ID, n+1))))
					}
				}
				time.Sleep(4 * time.Second)
				c, session := w.Subscribe(ask(test.start(t, began), "s.*"))
				settle(c)
				w.Store(true, a.Next(t, draft("s.x", "a4")), b.Next(t, draft("s.x", "b4")))
				o := storagetest.NewOrigin("c", 1, began.UnixMilli()) // its clock says nothing: live counts
				o.Run(t, 8)
				w.Store(true, o.Next(t, draft("s.x", "c9")))
				settle(c)
				r := c.Sub("1")
				cur, err := messages.ParseCursor(r.After)
				if err != nil {
					t.Fatal(err)
				}
				_, timed := cur.From()
				if list := cur.List(); timed {
					wants(t, "subscribed.after", strings.Join(list[:len(list)-1], " "), test.after)
				} else {
					wants(t, "subscribed.after", strings.Join(list, " "), test.after)
				}
				if timed != test.timed {
					t.Errorf("subscribed.after has a time: %t, want %t", timed, test.timed)
				}
				wants(t, "records", sorted(data(r)), sorted(test.want))
				if r.Lives == 0 {
					t.Error("it never heard that it is live")
				}
				session.Hangup()
			})
		})
	}
}

// sorted orders what came by origin: between origins there is no order.
func sorted(list string) string {
	words := strings.Fields(list)
	slices.SortStableFunc(words, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
	return strings.Join(words, " ")
}

// TestLastIsOfEachStream asks for the newest of several streams, selected twice.
func TestLastIsOfEachStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := sessiontest.NewWorld(t, sessiontest.Config{})
		defer w.Stop()
		o := storagetest.NewOrigin("a", 1, time.Now().UnixMilli())
		for n := range 5 {
			w.Store(true, o.Next(t, draft("s.x", fmt.Sprint("x", n)), draft("s.y", fmt.Sprint("y", n)), draft("t.z", "no")))
		}
		c, session := w.Subscribe(ask(command.Start{Last: 2}, "s.*", "s.x"))
		settle(c)
		wants(t, "records", data(c.Sub("1")), "x3 x4 y3 y4")
		wants(t, "after", c.Sub("1").After[0], "a-1-5-2")
		if i := slices.Index(c.Sub("1").Log, "live"); i != 3 {
			t.Errorf("live stands at %d of %v, want it after the last", i, c.Sub("1").Log)
		}
		session.Hangup()
	})
}

// TestLastOfAStreamThatOnlyTheArchiveHas: the journal has dropped all of one stream, and has another.
func TestLastOfAStreamThatOnlyTheArchiveHas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		archive, held := memory.NewArchive(memory.ArchiveConfig{}), &later{}
		past, err := history.New(history.Config{Journal: held, Archive: archive, Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		cfg := sessiontest.Config{}
		cfg.Session.Tail = past
		w := sessiontest.NewWorld(t, cfg)
		held.Journal = w.Journal
		defer w.Stop()
		a := &archived{World: w, t: t, archive: archive, priors: make(map[messages.NodeID]map[uint64]messages.Position)}
		o := storagetest.NewOrigin("a", 1, time.Now().UnixMilli())
		var old []wire.Sealed
		for n := range 5 {
			old = append(old, o.Next(t, draft("s.old", fmt.Sprint("o", n)), draft("t.old", "no")))
		}
		a.dropped(6, append(old, o.Next(t, draft("s.new", "n")))...)
		for _, patterns := range [][]string{{"s.*"}, {"s.new", "s.old"}} {
			c, session := w.Subscribe(ask(command.Start{Last: 2}, patterns...))
			settle(c)
			wants(t, "records", data(c.Sub("1")), "n o3 o4")
			session.Hangup()
		}
	})
}

// later is a journal that is there later.
type later struct{ storage.Journal }

// TestTimeBelowRetention begins where retention took what was asked for: one gap says so.
func TestTimeBelowRetention(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := sessiontest.Config{}
		cfg.Journal.RetentionAge = time.Minute
		w := sessiontest.NewWorld(t, cfg)
		defer w.Stop()
		began := time.Now()
		o := storagetest.NewOrigin("a", 1, began.UnixMilli())
		w.Store(true, o.Next(t, draft("s.x", "1")), o.Next(t, draft("s.x", "2")))
		time.Sleep(2 * time.Minute)
		o.At(time.Now().UnixMilli())
		w.Store(true, o.Next(t, draft("s.x", "3")))
		if err := w.Journal.Maintain(time.Now()); err != nil {
			t.Fatal(err)
		}
		for _, start := range []command.Start{{Earliest: true}, {Time: began}} {
			c, session := w.Subscribe(ask(start, ">"))
			settle(c)
			r := c.Sub("1")
			wants(t, "records", data(r), "3")
			if len(r.Gaps) != 1 || r.Gaps[0].From != "a-0-0-0" || r.Gaps[0].To != "a-1-2-1024" || r.Gaps[0].Reason != "retention" {
				t.Errorf("gaps %+v, want one of retention from a-0-0-0 to a-1-2-1024", r.Gaps)
			}
			session.Hangup()
		}
	})
}

// TestRefusals asks for what is beyond a bound, or wrong: each is told, and the session lives on.
func TestRefusals(t *testing.T) {
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprint("s", i)
	}
	for _, test := range []struct {
		name string
		ask  command.Subscribe
		want error
		says string
	}{
		{"no streams", command.Subscribe{Sub: "x"}, messages.ErrPattern, "1 to 64 patterns, not 0"},
		{"65 patterns", command.Subscribe{Sub: "x", Streams: many}, messages.ErrPattern, "1 to 64 patterns, not 65"},
		{"a bad pattern", command.Subscribe{Sub: "x", Streams: []string{"a..b"}}, messages.ErrPattern, "a..b"},
		{"no name", command.Subscribe{Streams: []string{">"}}, command.ErrInvalid, "sub must have 1 to 256 bytes"},
		{"a long name", command.Subscribe{Sub: strings.Repeat("n", 257), Streams: []string{">"}}, command.ErrInvalid, "sub must have 1 to 256 bytes"},
		{"a name in use", command.Subscribe{Sub: "used", Streams: []string{">"}}, command.ErrExists, `"used" is in use`},
		{"a long where", command.Subscribe{Sub: "x", Streams: []string{">"}, Where: strings.Repeat("w", 2049)}, command.ErrInvalidFilter, "2049 bytes, at most 2048"},
		{"a bad where", command.Subscribe{Sub: "x", Streams: []string{">"}, Where: "bad"}, command.ErrInvalidFilter, "no good"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				cfg := sessiontest.Config{Session: subscriber.Config{Compile: func(string) (command.Filter, error) { return nil, errors.New("no good") }}}
				w := sessiontest.NewWorld(t, cfg)
				defer w.Stop()
				c, session := w.Subscribe(command.Subscribe{Sub: "used", Streams: []string{">"}})
				err := session.Ask(t.Context(), test.ask)
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("it says %v, want %v with %q", err, test.want, test.says)
				}
				if err := session.Ask(t.Context(), command.Subscribe{Sub: "y", Streams: []string{">"}}); err != nil {
					t.Errorf("the next is refused too: %v", err)
				}
				settle(c)
				session.Hangup()
			})
		})
	}
}

// TestBoundsOfSubscriptions fills a connection, and a node: an end makes room.
func TestBoundsOfSubscriptions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := sessiontest.NewWorld(t, sessiontest.Config{Session: subscriber.Config{MostOfNode: 70}})
		defer w.Stop()
		c, session := w.Subscribe(ask(command.Start{}, ">"))
		add := func(s command.Session, n int) error {
			return s.Ask(t.Context(), command.Subscribe{Sub: fmt.Sprint("s", n), Streams: []string{"a"}})
		}
		for n := range 63 {
			if err := add(session, n); err != nil {
				t.Fatal(err)
			}
		}
		if err := add(session, 64); !errors.Is(err, command.ErrTooMany) || !strings.Contains(err.Error(), "a connection may have 64") {
			t.Errorf("the 65th of a connection: %v", err)
		}
		d, second := w.Subscribe(ask(command.Start{}, ">"))
		for n := range 5 {
			if err := add(second, n); err != nil {
				t.Fatal(err)
			}
		}
		if err := add(second, 6); !errors.Is(err, command.ErrTooMany) || !strings.Contains(err.Error(), "the node has 70") {
			t.Errorf("the 71st of the node: %v", err)
		}
		if err := session.Ask(t.Context(), command.Unsubscribe{Sub: "s3"}); err != nil {
			t.Error(err)
		}
		if err := add(second, 6); err != nil {
			t.Errorf("after one ended: %v", err)
		}
		session.Hangup()
		settle(d)
		for n := range 50 {
			if err := add(second, 10+n); err != nil {
				t.Fatalf("after a session ended: %v", err)
			}
		}
		if err := second.Ask(t.Context(), command.Unsubscribe{Sub: "nobody"}); !errors.Is(err, command.ErrNotFound) {
			t.Errorf("the end of none: %v", err)
		}
		settle(c, d)
		second.Hangup()
	})
}
