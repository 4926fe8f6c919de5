package node_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/actor"
	"anode/actors/hub"
	"anode/actors/internal/sessiontest"
	"anode/actors/journal"
	"anode/actors/subscriber"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
)

// world is a journal with its actor, a hub and sessions.
type world struct {
	journal *memory.Journal
	inbox   *journal.Inbox
	hub     *hub.Hub
	system  *actor.System
	subs    *actor.Ref
}

const self = messages.NodeID("self")

type noTail struct{}

func (noTail) Archived(context.Context, messages.Pattern, messages.Stream, int) []messages.Stream {
	return nil
}

func (noTail) Last(context.Context, messages.Stream, int, messages.Cursor, func([]*messages.Record) error) error {
	return nil
}

func newWorld(t *testing.T, cfg hub.Config) *world {
	t.Helper()
	w := &world{journal: memory.NewJournal(memory.Config{Self: self}), inbox: journal.NewInbox(8 << 20)}
	log := slog.New(slog.DiscardHandler)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	cfg.Journal, cfg.Logger, cfg.Clock, cfg.Node = w.journal, log, time.Now, self
	cfg.Nodes = func() []string { return []string{"http://here"} }
	var err error
	w.hub, err = hub.New(cfg)
	must(err)
	w.system, err = actor.NewSystem(actor.Config{Logger: log})
	must(err)
	_, err = w.system.Spawn(w.hub.Spec())
	must(err)
	spec, err := journal.Spec(journal.Config{
		Self: self, Epoch: 1, Journal: w.journal, Announce: w.hub.Announce, GaveUp: w.hub.GaveUp, Clock: time.Now, Logger: log,
	}, w.inbox)
	must(err)
	_, err = w.system.Spawn(spec)
	must(err)
	spec, err = subscriber.Spec(subscriber.Config{
		Hub: w.hub, Journal: w.journal, Tail: noTail{}, Clock: time.Now, Logger: log,
		Compile: func(text string) (command.Filter, error) { return sessiontest.NativeID(text), nil },
	})
	must(err)
	w.subs, err = w.system.Spawn(spec)
	must(err)
	return w
}

func (w *world) stop(t *testing.T) {
	t.Helper()
	w.inbox.Close()
	if err := w.system.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	time.Sleep(2 * time.Second) // virtual
}

func (w *world) publish(t *testing.T, drafts ...messages.Draft) {
	t.Helper()
	err := w.inbox.Submit(t.Context(), command.Submission{Drafts: drafts, Done: func(o command.Outcome) {
		if o.Err != nil {
			t.Error(o.Err)
		}
	}})
	if err != nil {
		t.Error(err)
	}
}

// store has a peer's batch in the journal.
func (w *world) store(t *testing.T, s wire.Sealed, backfill bool) {
	t.Helper()
	told := make(chan error, 1)
	w.inbox.Store(journal.Remote{Batch: &s, Backfill: backfill, Done: func(_ storage.Held, err error) { told <- err }})
	if err := <-told; err != nil {
		t.Fatal(err)
	}
}

func (w *world) open(t *testing.T, out command.Outlet) command.Session {
	t.Helper()
	s, err := command.Ask(t.Context(), w.subs, command.OpenSession{Outlet: out, Remote: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// expect is what a subscription from a cursor must have got: per origin, in order.
func expect(t *testing.T, j storage.Journal, spec command.Subscribe, after map[messages.NodeID]messages.Position) map[messages.NodeID][]string {
	t.Helper()
	want := make(map[messages.NodeID][]string)
	sub := command.Subscription{}
	for _, p := range spec.Streams {
		sub.Streams = append(sub.Streams, messages.Pattern(p))
	}
	for _, origin := range j.Origins() {
		at, ok := after[origin]
		if !ok {
			at = messages.Position{Origin: origin}
		}
		for {
			step := j.Next(at)
			if step.Kind == messages.StepGap {
				at = step.Gap.To
				continue
			}
			if step.Kind != messages.StepBatch {
				break
			}
			sealed, err := j.Read(step.Batch)
			if err != nil {
				t.Fatal(err)
			}
			b, err := sealed.Open()
			if err != nil {
				t.Fatal(err)
			}
			for g := range b.Groups {
				for i := range b.Groups[g].Records {
					r := &b.Groups[g].Records[i]
					if sub.Matches(r.Stream) && r.Position.Compare(at) > 0 && (spec.Where == "" || sessiontest.NativeID(spec.Where).Match(r)) {
						want[origin] = append(want[origin], r.Position.String())
					}
				}
			}
			at = b.Position().BatchEnd()
		}
	}
	return want
}

func byOrigin(ids []string) map[messages.NodeID][]string {
	got := make(map[messages.NodeID][]string)
	for _, id := range ids {
		p, _ := messages.ParsePosition(id)
		got[p.Origin] = append(got[p.Origin], id)
	}
	return got
}

// compare fails where what came is not exactly what must.
func compare(t *testing.T, name string, got, want map[messages.NodeID][]string) {
	t.Helper()
	for origin := range want {
		g, w := got[origin], want[origin]
		for i := range max(len(g), len(w)) {
			if i >= len(g) || i >= len(w) || g[i] != w[i] {
				at := func(l []string) string {
					if i < len(l) {
						return l[i]
					}
					return "nothing"
				}
				t.Fatalf("%s: of %s record %d is %s, want %s (%d of %d)", name, origin, i, at(g), at(w), len(g), len(w))
			}
		}
	}
	for origin := range got {
		if len(want[origin]) == 0 {
			t.Fatalf("%s: %d records of %s were not asked for", name, len(got[origin]), origin)
		}
	}
}

// TestDeliveryIsExact drives publishers, batches of another origin with holes, and readers of all
// speeds by a seed, and compares what each subscription got with the journal.
func TestDeliveryIsExact(t *testing.T) {
	seeds := 15
	if os.Getenv("ANODE_LONG") != "" {
		seeds = 60
	}
	first := uint64(0)
	if text := os.Getenv("ANODE_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &first); err != nil {
			t.Fatal(err)
		}
		seeds = 1
	}
	if text := os.Getenv("ANODE_SEEDS"); text != "" {
		if _, err := fmt.Sscan(text, &seeds); err != nil {
			t.Fatal(err)
		}
	}
	for seed := first; seed < first+uint64(seeds); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { deliver(t, seed) })
		})
	}
}

func deliver(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	w := newWorld(t, hub.Config{Loops: 1 + rnd.IntN(2), Slack: 200 + rnd.IntN(4000), QueueBytes: 2000 + rnd.IntN(100_000)})
	defer w.stop(t)
	other := newOther(rnd)
	var clients []*sessiontest.Client
	specs := make(map[string]command.Subscribe)
	sessions := make(map[*sessiontest.Client]command.Session)
	earlier := make(map[string][]*sessiontest.Received) // by client and subscription: its connections before
	for i := range 300 {
		switch n := rnd.IntN(20); {
		case n < 9:
			drafts := make([]messages.Draft, 1+rnd.IntN(8))
			for d := range drafts {
				drafts[d] = randomDraft(rnd)
			}
			w.publish(t, drafts...)
		case n < 11:
			for _, s := range other.some() {
				w.store(t, s, false)
			}
		case n < 13 && len(clients) < 12:
			c := sessiontest.NewClient(t, fmt.Sprintf("client %d", len(clients)), sessiontest.NewPipe(rnd.IntN(20_000), false))
			clients = append(clients, c)
			sessions[c] = w.open(t, c.Out)
			for s := range 1 + rnd.IntN(3) {
				sub := command.Subscribe{Sub: fmt.Sprint(s), Streams: randomPatterns(rnd)}
				if rnd.IntN(3) == 0 {
					sub.Where = "1"
				}
				switch rnd.IntN(4) {
				case 0:
					sub.Start.Earliest = true
				case 1:
					if len(clients) > 1 {
						if from := clients[rnd.IntN(len(clients)-1)].Subs["0"]; from != nil {
							cur := from.Cursor()
							sub.Start.After = &cur
						}
					}
				}
				specs[c.Name+sub.Sub] = sub
				if err := sessions[c].Ask(t.Context(), sub); err != nil {
					t.Fatal(err)
				}
			}
		case n < 14 && len(clients) > 0:
			c := clients[rnd.IntN(len(clients))]
			comeAgain(t, w, c, sessions, specs, earlier)
		case n < 17 && len(clients) > 0:
			clients[rnd.IntN(len(clients))].Read(rnd.IntN(30_000))
		default:
			time.Sleep(time.Duration(rnd.IntN(3000)) * time.Microsecond)
		}
		if i%50 == 49 {
			synctest.Wait()
		}
	}
	for _, s := range other.rest() { // all holes are filled
		w.store(t, s, rnd.IntN(2) == 0)
	}
	for range 200 {
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		for _, c := range clients {
			c.Read(50_000)
		}
	}
	for _, c := range clients {
		gotAll(t, w, c, specs, earlier)
		sessions[c].Hangup()
	}
}

// gotAll holds what a client got, over all its connections, to what its subscriptions were to bring.
func gotAll(t *testing.T, w *world, c *sessiontest.Client, specs map[string]command.Subscribe, earlier map[string][]*sessiontest.Received) {
	t.Helper()
	for name, r := range c.Subs {
		spec := specs[c.Name+name]
		after := make(map[messages.NodeID]messages.Position)
		first, ids := r.After, r.IDs
		if past := earlier[c.Name+name]; len(past) > 0 {
			first, ids = past[0].After, nil
			for _, p := range append(slices.Clone(past), r) {
				ids = append(ids, p.IDs...)
			}
		}
		cur, err := messages.ParseCursor(first)
		if err != nil {
			t.Fatal(err)
		}
		for p := range cur.All() {
			after[p.Origin] = p
		}
		if _, timed := cur.From(); timed && after[otherNode].Origin == "" {
			// It may begin with a live batch in the middle: what came must be a tail.
			got := byOrigin(ids)
			want := expect(t, w.journal, spec, after)
			if n := len(want[otherNode]) - len(got[otherNode]); n > 0 && len(got[otherNode]) > 0 {
				want[otherNode] = want[otherNode][n:]
			} else if n > 0 {
				delete(want, otherNode)
			}
			compare(t, fmt.Sprintf("%s/%s %+v", c.Name, name, spec), got, want)
			continue
		}
		compare(t, fmt.Sprintf("%s/%s %+v", c.Name, name, spec), byOrigin(ids), expect(t, w.journal, spec, after))
		if r.Lives == 0 {
			t.Errorf("%s/%s never heard that it is live", c.Name, name)
		}
	}
}

// comeAgain ends a client's connection; it comes again and goes on with the cursors of what it got.
func comeAgain(
	t *testing.T, w *world, c *sessiontest.Client, sessions map[*sessiontest.Client]command.Session,
	specs map[string]command.Subscribe, earlier map[string][]*sessiontest.Received,
) {
	for name := range 3 {
		if _, asked := specs[c.Name+fmt.Sprint(name)]; asked && (c.Subs[fmt.Sprint(name)] == nil || c.Subs[fmt.Sprint(name)].After == nil) {
			return // it does not know yet where it begins
		}
	}
	sessions[c].Hangup()
	got := c.Subs
	c.Again(sessiontest.NewPipe(1000, false))
	sessions[c] = w.open(t, c.Out)
	for name := range 3 {
		r := got[fmt.Sprint(name)]
		if r == nil {
			continue
		}
		key := c.Name + fmt.Sprint(name)
		earlier[key] = append(earlier[key], r)
		sub := specs[key]
		at := r.Cursor()
		sub.Start = command.Start{After: &at}
		if err := sessions[c].Ask(t.Context(), sub); err != nil {
			t.Fatal(err)
		}
	}
}

func randomDraft(rnd *rand.Rand) messages.Draft {
	return messages.Draft{
		Stream:   messages.Stream([]string{"a.x", "a.y", "b.x", "b.y.z"}[rnd.IntN(4)]),
		Key:      fmt.Sprint("k", rnd.IntN(3)),
		NativeID: fmt.Sprint(rnd.IntN(1000)),
		Payload:  append(append([]byte{'"'}, bytes.Repeat([]byte{'p'}, rnd.IntN(500))...), '"'),
	}
}

func randomPatterns(rnd *rand.Rand) []string {
	return [][]string{{">"}, {"a.*"}, {"a.x"}, {"b.>", "b.x"}, {"a.x", "b.y.z"}}[rnd.IntN(5)]
}

const otherNode = messages.NodeID("other")

// other is another node's batches, which come out of order.
type other struct {
	rnd    *rand.Rand
	sealer *wire.Sealer
	place  wire.Place
	kept   []wire.Sealed
}

func newOther(rnd *rand.Rand) *other {
	return &other{rnd: rnd, sealer: wire.NewSealer(wire.None), place: wire.Place{BatchID: messages.BatchID{Origin: otherNode, Epoch: 5, Sequence: 1}}}
}

func (o *other) seal() wire.Sealed {
	drafts := make([]messages.Draft, 1+o.rnd.IntN(5))
	for i := range drafts {
		drafts[i] = randomDraft(o.rnd)
	}
	o.place.First = messages.HLC(0).Next(time.Now()) + messages.HLC(o.place.Sequence*64)
	s, _, _, err := o.sealer.Seal(o.place, drafts)
	if err != nil {
		panic(err)
	}
	o.place.Sequence++
	o.place.Previous = s.HeaderHash()
	return s
}

// some gives batches, and keeps some back.
func (o *other) some() []wire.Sealed {
	var out []wire.Sealed
	for range 1 + o.rnd.IntN(4) {
		s := o.seal()
		if o.rnd.IntN(4) == 0 {
			o.kept = append(o.kept, s)
			continue
		}
		out = append(out, s)
	}
	if o.rnd.IntN(3) == 0 {
		out = append(out, o.kept...)
		o.kept = nil
	}
	o.rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (o *other) rest() []wire.Sealed {
	out := o.kept
	o.kept = nil
	return append(out, o.seal())
}
