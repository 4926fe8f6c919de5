package subscriber_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/hub"
	"anode/actors/internal/sessiontest"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/testkit/storagetest"
)

// unlisted is a World with an origin "n" that who subscribes first has never heard of, and one "o" that all know.
type unlisted struct {
	*sessiontest.World
	t    *testing.T
	n, o *storagetest.Origin
}

// withUnlisted runs a test where the epoch of n began so long ago.
func withUnlisted(t *testing.T, cfg sessiontest.Config, ago time.Duration, test func(t *testing.T, u *unlisted)) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		u := &unlisted{World: sessiontest.NewWorld(t, cfg), t: t, o: storagetest.NewOrigin("o", 1, time.Now().UnixMilli())}
		defer u.Stop()
		u.n = storagetest.NewOrigin("n", uint64(time.Now().Add(-ago).UnixMilli()), time.Now().UnixMilli())
		u.Store(true, u.o.Next(t, draft("s.o", "o1")))
		test(t, u)
	})
}

// make is so many batches of n, named by their number, each a millisecond after the one before.
func (u *unlisted) make(count int) []wire.Sealed {
	u.t.Helper()
	list := make([]wire.Sealed, count)
	for i := range list {
		u.n.At(u.n.HLC.Millis() + 1)
		d := draft("s.n", fmt.Sprint(u.n.Sequence+1))
		d.Key = d.NativeID // each is the newest of its key
		list[i] = u.n.Next(u.t, d)
	}
	return list
}

// of are the records of a subscription whose ids begin so.
func of(r *sessiontest.Received, origin string) string {
	var list []string
	for i, id := range r.IDs {
		if strings.HasPrefix(id, origin+"-") {
			list = append(list, strings.Trim(string(r.Data[i]), `"`))
		}
	}
	return strings.Join(list, " ")
}

// gapped are the gaps of a subscription.
func gapped(r *sessiontest.Received, epoch uint64) string {
	var list []string
	for _, g := range r.Gaps {
		list = append(list, fmt.Sprintf("%s %s %s", g.Reason, g.From, g.To))
	}
	return strings.ReplaceAll(strings.Join(list, ", "), fmt.Sprint(epoch), "E")
}

// A node took records before its first link was up, and goes on: who subscribed to the latest elsewhere gets all of them,
// in order, whatever came first, and none of the others waits.
func TestAnEpochThatBeganSinceIsReadFromItsBeginning(t *testing.T) {
	for name, come := range map[string][]int{
		"pushed first": {-5, -6, 4, 3, 2, 1}, "fetched first": {4, -5, 3, -6, 2, 1}, "fetched in order": {1, -5, 2, 3, 4, -6},
		"pushed in the middle": {3, 2, -5, 1, -6, 4}, "all fetched": {6, 5, 4, 3, 2, 1}, "the first is pushed": {-1, 3, 2, -5, 4, -6},
	} {
		for _, policy := range []string{command.PolicyCatchUp, command.PolicyConflate, command.PolicyDrop} {
			t.Run(name+", "+policy, func(t *testing.T) {
				withUnlisted(t, sessiontest.Config{}, time.Minute, func(t *testing.T, u *unlisted) {
					request := ask(command.Start{}, ">")
					if request.Policy.Kind = policy; policy == command.PolicyConflate {
						request.Policy.Every = 10 * time.Millisecond
					}
					c, session := u.Subscribe(request)
					settle(c)
					list := u.make(6)
					for i, n := range come {
						u.Store(n < 0, list[max(n, -n)-1])
						u.Store(true, u.o.Next(t, draft("s.o", fmt.Sprint("o", i+2))))
						settle(c)
						if got, want := of(c.Sub("1"), "o"), fmt.Sprint("o", i+2); !strings.HasSuffix(got, want) {
							t.Errorf("of the other came %q, want it to end with %s", got, want)
						}
					}
					wants(t, "records", of(c.Sub("1"), "n"), "1 2 3 4 5 6")
					wants(t, "gaps", gapped(c.Sub("1"), u.n.Epoch), "")
					session.Hangup()
				})
			})
		}
	}
}

// While it is not known where an origin begins no cursor lists it, so that who takes one elsewhere gets all of it there.
func TestACursorDoesNotPassWhatIsStillToCome(t *testing.T) {
	withUnlisted(t, sessiontest.Config{}, time.Minute, func(t *testing.T, u *unlisted) {
		c, session := u.Subscribe(ask(command.Start{}, ">"))
		settle(c)
		list := u.make(6)
		u.Store(true, list[3])
		time.Sleep(20 * time.Second)
		settle(c)
		if at, listed := c.Sub("1").At["n"]; listed {
			t.Errorf("its cursor lists %s", at)
		}
		after := c.Sub("1").Cursor()
		session.Hangup()
		u.Store(false, list[0])
		d, session := u.Subscribe(ask(command.Start{After: &after}, ">"))
		settle(d)
		wants(t, "records", of(d.Sub("1"), "n"), "1")
		u.Store(false, list[2], list[1])
		u.Store(true, list[4:]...)
		settle(d)
		wants(t, "records", of(d.Sub("1"), "n"), "1 2 3 4 5 6")
		wants(t, "gaps", gapped(d.Sub("1"), u.n.Epoch), "")
		session.Hangup()
	})
}

// Of an epoch that began before nobody knows how much is to come: what is held is given, what is not is named, and what
// is pushed comes at once.
func TestOfAnOlderEpochWhatIsNotHeldIsNamed(t *testing.T) {
	for _, test := range []struct {
		name               string
		fetched            []int
		records, gaps      string
		thenFetched, after string
	}{
		{"nothing is held", nil, "6", "late n-E-0-0 n-E-5-1024", "1 2 3 4 5", "6"},
		{"some is held", []int{3}, "3 6", "late n-E-0-0 n-E-2-1024, late n-E-3-1024 n-E-5-1024", "", "3 6"},
		{"all is held", []int{5, 4, 3, 2, 1}, "1 2 3 4 5 6", "", "", "1 2 3 4 5 6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			withUnlisted(t, sessiontest.Config{}, 10*time.Hour, func(t *testing.T, u *unlisted) {
				c, session := u.Subscribe(ask(command.Start{}, ">"))
				settle(c)
				list := u.make(7)
				for _, n := range test.fetched {
					u.Store(false, list[n-1])
				}
				u.Store(true, list[5])
				settle(c)
				wants(t, "records", of(c.Sub("1"), "n"), test.records)
				wants(t, "gaps", gapped(c.Sub("1"), u.n.Epoch), test.gaps)
				for _, n := range strings.Fields(test.thenFetched) {
					u.Store(false, list[n[0]-'1'])
				}
				u.Store(true, list[6])
				settle(c)
				wants(t, "records at the end", of(c.Sub("1"), "n"), test.after+" 7")
				wants(t, "gaps at the end", gapped(c.Sub("1"), u.n.Epoch), test.gaps)
				session.Hangup()
			})
		})
	}
}

// A dead origin that is healed in gives what was received since, from the place where that begins, and no week.
func TestADeadOriginThatIsHealedInBeginsAtTheTime(t *testing.T) {
	withUnlisted(t, sessiontest.Config{}, 10*time.Hour, func(t *testing.T, u *unlisted) {
		c, session := u.Subscribe(ask(command.Start{}, ">"))
		settle(c)
		u.n.HLC = messages.HLCFromMillis(time.Now().Add(-9 * time.Hour).UnixMilli())
		old := u.make(3)
		u.n.At(time.Now().Add(-time.Minute).UnixMilli())
		list := slices.Concat(old, u.make(3))
		for _, n := range []int{6, 5, 4, 3, 2, 1} {
			wants(t, fmt.Sprint("records before ", n), of(c.Sub("1"), "n"), map[bool]string{true: "4 5 6"}[n < 3])
			u.Store(false, list[n-1])
			settle(c)
		}
		wants(t, "gaps", gapped(c.Sub("1"), u.n.Epoch), "")
		if at := c.Sub("1").At["n"]; at.Sequence != 6 {
			t.Errorf("it stands at %s", at)
		}
		session.Hangup()
	})
}

// A node that began anew meanwhile: of its new epoch all comes, of the one before what is held, and the rest is named.
func TestTheEpochBeforeIsGivenOrNamed(t *testing.T) {
	for name, before := range map[string]struct {
		ago                     time.Duration
		held                    bool
		meanwhile, records, gap string
	}{
		"an old one":                             {10 * time.Hour, false, "", "4 5", "late n-E-0-0 n-E-3-1024"},
		"an old one, of which something is held": {10 * time.Hour, true, "2", "2 3 4 5", "late n-E-0-0 n-E-1-1024"},
		"one that began since":                   {10 * time.Minute, true, "", "1 2 3 4 5", ""},
	} {
		t.Run(name, func(t *testing.T) {
			withUnlisted(t, sessiontest.Config{}, before.ago, func(t *testing.T, u *unlisted) {
				c, session := u.Subscribe(ask(command.Start{}, ">"))
				settle(c)
				first := u.make(3)
				epoch := u.n.Epoch
				u.n.Restart(uint64(time.Now().UnixMilli()), first[2].Position())
				second := []wire.Sealed{u.n.Next(t, draft("s.n", "4")), u.n.Next(t, draft("s.n", "5"))}
				if before.held {
					u.Store(false, first[1])
				}
				u.Store(true, second[1])
				settle(c)
				wants(t, "records while the first is absent", of(c.Sub("1"), "n"), before.meanwhile)
				u.Store(false, second[0])
				settle(c)
				u.Store(false, first[2], first[1], first[0])
				settle(c)
				wants(t, "records", of(c.Sub("1"), "n"), before.records)
				wants(t, "gaps", gapped(c.Sub("1"), epoch), before.gap)
				session.Hangup()
			})
		})
	}
}

// A cursor that is hours old: of an epoch that began since then nothing is passed either, be it on a node that is still
// behind, and for each subscription by itself.
func TestAnOldCursorOnANodeThatIsBehind(t *testing.T) {
	withUnlisted(t, sessiontest.Config{Hub: hub.Config{Slack: 500}}, 5*time.Hour, func(t *testing.T, u *unlisted) {
		list := u.make(40)
		u.Store(true, list[19]) // the node meets it before anybody subscribes
		u.Store(false, list[18], list[17])
		c := sessiontest.NewClient(t, "client", sessiontest.NewPipe(64<<20, false))
		session := u.Open(c.Out)
		for sub, ago := range map[string]time.Duration{"old": 8 * time.Hour, "new": time.Hour} {
			from := messages.Cursor{}
			from.SetFrom(time.Now().Add(-ago).UnixMilli())
			if err := session.Ask(t.Context(), command.Subscribe{Sub: sub, Streams: []string{">"}, Start: command.Start{After: &from}}); err != nil {
				t.Fatal(err)
			}
		}
		settle(c)
		wants(t, "of the old", of(c.Sub("old"), "n"), "")
		wants(t, "of the new", of(c.Sub("new"), "n"), "")
		u.Store(true, list[20])
		settle(c)
		wants(t, "of the old", of(c.Sub("old"), "n"), "")
		wants(t, "of the new", of(c.Sub("new"), "n"), "18 19 20 21")
		wants(t, "gaps of the new", gapped(c.Sub("new"), u.n.Epoch), "late n-E-0-0 n-E-17-1024")
		for i := 16; i >= 0; i-- {
			u.Store(false, list[i])
		}
		u.Store(true, list[21:]...)
		for range 5 {
			settle(c)
		}
		for sub, first := range map[string]int{"old": 1, "new": 18} {
			var want []string
			for n := first; n <= 40; n++ {
				want = append(want, fmt.Sprint(n))
			}
			wants(t, sub, of(c.Sub(sub), "n"), strings.Join(want, " "))
		}
		wants(t, "gaps of the old", gapped(c.Sub("old"), u.n.Epoch), "")
		session.Hangup()
	})
}

// Server-sent events say the whole cursor: it lists the origin only once it is known where that begins.
func TestEventsOfAnUnlistedOrigin(t *testing.T) {
	withUnlisted(t, sessiontest.Config{}, time.Minute, func(t *testing.T, u *unlisted) {
		out := sessiontest.NewPipe(1<<20, true)
		session := u.Open(out)
		if err := session.Ask(t.Context(), command.Subscribe{Sub: "1", Streams: []string{">"}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		list := u.make(3)
		u.Store(true, list[2], u.o.Next(t, draft("s.o", "o2")))
		time.Sleep(16 * time.Second)
		said := string(out.Take(1 << 20))
		if strings.Contains(said, "n-") || !strings.Contains(said, "id: o-1-2-0,@") {
			t.Errorf("it said\n%s", said)
		}
		u.Store(false, list[1], list[0])
		time.Sleep(time.Second)
		said = string(out.Take(1 << 20))
		for n := 1; n <= 3; n++ {
			if i := strings.Index(said, fmt.Sprintf(`"id":"n-%d-%d-0"`, u.n.Epoch, n)); i < 0 {
				t.Errorf("%d did not come:\n%s", n, said)
			}
		}
		if !strings.Contains(said, fmt.Sprintf("id: n-%d-3-0,o-1-2-0,@", u.n.Epoch)) {
			t.Errorf("its cursor does not list the origin:\n%s", said)
		}
		session.Hangup()
	})
}
