package hub_test

import (
	"fmt"
	"math/rand/v2"
	"os"
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

// TestModel drives origins with holes, backfill, give-ups and late batches, and readers of all
// policies and speeds that also come again with their cursors, by a seed; then it compares what
// each got, over all its connections, with what the journal holds. ANODE_SEED runs one seed,
// ANODE_SEEDS so many, ANODE_LONG many.
func TestModel(t *testing.T) {
	first, seeds := uint64(0), 15
	if os.Getenv("ANODE_LONG") != "" {
		seeds = 60
	}
	for name, to := range map[string]any{"ANODE_SEED": &first, "ANODE_SEEDS": &seeds} {
		if text := os.Getenv(name); text != "" {
			if _, err := fmt.Sscan(text, to); err != nil {
				t.Fatal(err)
			}
			if name == "ANODE_SEED" {
				seeds = 1
			}
		}
	}
	for seed := first; seed < first+uint64(seeds); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newModel(t, seed).run() })
		})
	}
}

// model is one run.
type model struct {
	*sessiontest.World
	t       *testing.T
	rnd     *rand.Rand
	origins []*origin
	readers []*reading
}

// origin is one whose batches come in some order.
type origin struct {
	*storagetest.Origin
	// holes: some are kept back; mute: it never speaks live, until the end; restarts: it begins new
	// epochs, and what it had beyond the named end comes late.
	holes, mute, restarts bool
	kept, late            []wire.Sealed
}

// reading is one subscription over all its connections.
type reading struct {
	name    string
	ask     command.Subscribe
	client  *sessiontest.Client
	session command.Session
	// past is what its earlier connections got.
	past []*sessiontest.Received
}

func newModel(t *testing.T, seed uint64) *model {
	rnd := rand.New(rand.NewPCG(seed, 11))
	cfg := hub.Config{Loops: 1 + rnd.IntN(2), Slack: 200 + rnd.IntN(4000), QueueBytes: 1000 + rnd.IntN(20_000)}
	m := &model{World: sessiontest.NewWorld(t, sessiontest.Config{Hub: cfg}), t: t, rnd: rnd}
	ms := time.Now().UnixMilli()
	// An epoch is the Unix ms of its beginning: these began before or after what readers ask for.
	began := func() uint64 {
		return []uint64{1, uint64(ms)}[rnd.IntN(2)]
	}
	m.origins = []*origin{
		{Origin: storagetest.NewOrigin(sessiontest.Self, 1, ms)},
		{Origin: storagetest.NewOrigin("b", began(), ms), holes: true},
		{Origin: storagetest.NewOrigin("c", began(), ms), mute: true, holes: true},
		{Origin: storagetest.NewOrigin("d", began(), ms), restarts: true},
		{Origin: storagetest.NewOrigin("e", began(), ms), restarts: true, holes: true},
	}
	return m
}

func (m *model) run() {
	defer m.Stop()
	for step := range 400 {
		switch n := m.rnd.IntN(20); {
		case n < 10:
			m.store(m.origins[m.rnd.IntN(len(m.origins))])
		case n < 12 && len(m.readers) < 10:
			m.subscribe()
		case n < 13 && len(m.readers) > 0:
			m.again(m.readers[m.rnd.IntN(len(m.readers))])
		case n < 17 && len(m.readers) > 0:
			m.readers[m.rnd.IntN(len(m.readers))].client.Read(m.rnd.IntN(20_000))
		case n < 18:
			m.giveUp(m.origins[m.rnd.IntN(len(m.origins))])
		default:
			time.Sleep(time.Duration(m.rnd.IntN(4000)) * time.Microsecond)
		}
		if step%40 == 39 {
			synctest.Wait()
		}
	}
	m.finish()
	for _, r := range m.readers {
		m.check(r)
		r.session.Hangup()
	}
}

// finish fills all holes, lets every origin speak once more, and waits for all to be read.
func (m *model) finish() {
	m.rest(10)
	for _, o := range m.origins {
		o.At(time.Now().UnixMilli())
		m.Store(false, o.kept...)
		m.Store(true, o.late...)
		m.Store(true, o.Next(m.t, m.drafts(o)...))
	}
	m.rest(100)
	time.Sleep(16 * time.Second) // a cursor tells the rest
	m.rest(20)
}

func (m *model) rest(times int) {
	for range times {
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		for _, r := range m.readers {
			r.client.Read(100_000)
		}
	}
}

func (m *model) drafts(o *origin) []messages.Draft {
	list := make([]messages.Draft, 1+m.rnd.IntN(5))
	for i := range list {
		list[i] = messages.Draft{
			Stream:   messages.Stream([]string{"a.x", "a.y", "b.x", "b.y.z"}[m.rnd.IntN(4)]),
			Key:      fmt.Sprint(o.ID, m.rnd.IntN(3)), // of one origin: the newest of a key is the highest
			NativeID: fmt.Sprint(m.rnd.IntN(40)),
			Payload:  []byte(`"` + strings.Repeat("p", m.rnd.IntN(300)) + `"`),
		}
	}
	return list
}

// store lets an origin make some batches, of which not all come, or not now, or not in order.
func (m *model) store(o *origin) {
	o.At(time.Now().UnixMilli())
	if o.restarts && o.Sequence > 0 && m.rnd.IntN(6) == 0 {
		m.Store(true, o.late...)
		m.Store(false, o.kept...)
		o.late, o.kept = nil, nil
		prior := m.Journal.Head(o.ID)
		for range m.rnd.IntN(3) {
			if o.holes { // the first of the next epoch may be one: until it comes nobody can tell what is late
				break
			}
			o.late = append(o.late, o.Next(m.t, m.drafts(o)...)) // unacknowledged: they turn up in the next epoch
		}
		o.Restart(o.Epoch+1, prior)
	}
	var batches []wire.Sealed
	for range 1 + m.rnd.IntN(3) {
		s := o.Next(m.t, m.drafts(o)...)
		if o.holes && m.rnd.IntN(5) == 0 {
			o.kept = append(o.kept, s)
			continue
		}
		batches = append(batches, s)
	}
	if o.holes && m.rnd.IntN(3) == 0 {
		batches = append(batches, o.kept...)
		o.kept = nil
		m.rnd.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	}
	if len(batches) > 0 {
		m.Store(!o.mute && m.rnd.IntN(8) > 0, batches...)
	}
}

// giveUp gives up what is kept back.
func (m *model) giveUp(o *origin) {
	if len(o.kept) == 0 {
		return
	}
	i := m.rnd.IntN(len(o.kept))
	s := o.kept[i]
	if m.Journal.Head(o.ID).Compare(s.Position()) < 0 {
		return // no hole yet
	}
	o.kept = append(o.kept[:i], o.kept[i+1:]...)
	m.GiveUp(o.ID, s.Epoch, messages.Range{From: s.Sequence, To: s.Sequence})
}

func (m *model) subscribe() {
	r := &reading{name: fmt.Sprint("reader ", len(m.readers))}
	r.ask = command.Subscribe{Sub: "1", Streams: [][]string{{">"}, {"a.*"}, {"a.x"}, {"b.>", "b.x"}, {"a.x", "b.y.z"}}[m.rnd.IntN(5)]}
	if m.rnd.IntN(4) == 0 {
		r.ask.Where = "1"
	}
	r.ask.Unique = m.rnd.IntN(4) == 0
	switch m.rnd.IntN(8) {
	case 0:
		r.ask.Policy = command.Policy{Kind: command.PolicyConflate, Every: 20 * time.Millisecond}
	case 1:
		r.ask.Policy = command.Policy{Kind: command.PolicySample, Every: 20 * time.Millisecond}
	case 2:
		r.ask.Policy.Kind = command.PolicyDrop
	}
	switch m.rnd.IntN(4) {
	case 0:
		r.ask.Start.Earliest = true
	case 1:
		r.ask.Start.Time = time.Now().Add(-time.Duration(m.rnd.IntN(50)) * time.Millisecond)
	case 2:
		if len(m.readers) > 0 {
			from := m.readers[m.rnd.IntN(len(m.readers))].client.Sub("1").Cursor()
			r.ask.Start.After = &from
		}
	}
	m.readers = append(m.readers, r)
	m.connect(r)
}

func (m *model) connect(r *reading) {
	m.t.Helper()
	r.client = sessiontest.NewClient(m.t, r.name, sessiontest.NewPipe(m.rnd.IntN(10_000), false))
	r.session = m.Open(r.client.Out)
	if err := r.session.Ask(m.t.Context(), r.ask); err != nil {
		m.t.Fatal(err)
	}
}

// again ends a reader's connection, and has it come again with the cursor of what it got.
func (m *model) again(r *reading) {
	got := r.client.Sub("1")
	if got.After == nil {
		return
	}
	r.session.Hangup()
	r.past = append(r.past, got)
	at := got.Cursor()
	r.ask.Start = command.Start{After: &at}
	m.connect(r)
}

// held is a record that a subscription must get.
type held struct {
	at       messages.Position
	ms       int64 // when it was received
	key      string
	identity messages.Identity
}

// must is what of an origin the journal holds for a subscription after a position, by the reading rule.
func (m *model) must(r *reading, at messages.Position) []held {
	m.t.Helper()
	sub := command.Subscription{}
	for _, p := range r.ask.Streams {
		sub.Streams = append(sub.Streams, messages.Pattern(p))
	}
	var list []held
	for {
		step := m.Journal.Next(at)
		switch step.Kind {
		case messages.StepGap:
			at = step.Gap.To
			continue
		case messages.StepBatch:
		case messages.StepWait:
			m.t.Fatalf("%v is still awaited", step.Batch)
		default:
			return list
		}
		sealed, err := m.Journal.Read(step.Batch)
		if err != nil {
			m.t.Fatal(err)
		}
		b, err := sealed.Open()
		if err != nil {
			m.t.Fatal(err)
		}
		for g := range b.Groups {
			for i := range b.Groups[g].Records {
				rec := &b.Groups[g].Records[i]
				if sub.Matches(rec.Stream) && rec.Position.Compare(at) > 0 && (r.ask.Where == "" || sessiontest.NativeID(r.ask.Where).Match(rec)) {
					list = append(list, held{rec.Position, rec.HLC.Millis(), string(rec.Stream) + rec.Key, rec.Identity()})
				}
			}
		}
		at = b.Position().BatchEnd()
	}
}

// check compares what a reader got with what it must.
func (m *model) check(r *reading) {
	m.t.Helper()
	parts := append(slices.Clone(r.past), r.client.Sub("1"))
	last := parts[len(parts)-1]
	if last.Lives == 0 {
		m.t.Errorf("%s never heard that it is live: %v", r.name, last.Log)
	}
	start, err := messages.ParseCursor(parts[0].After)
	if err != nil {
		m.t.Fatal(err)
	}
	from, timed := start.From()
	got := make(map[messages.NodeID][]messages.Position)
	var gaps []messages.Gap
	for _, p := range parts {
		for _, id := range p.IDs {
			at := position(m.t, id)
			got[at.Origin] = append(got[at.Origin], at)
		}
		for _, g := range p.Gaps {
			gaps = append(gaps, messages.Gap{From: position(m.t, g.From), To: position(m.t, g.To), Reason: messages.Reason(g.Reason)})
		}
	}
	for _, o := range m.origins {
		at, listed := start.At(o.ID)
		if !listed {
			at = messages.Position{Origin: o.ID}
		}
		must := m.must(r, at)
		if !listed && timed { // what was received before is not owed, and what came before a live batch may be named
			must = slices.DeleteFunc(must, func(h held) bool {
				return !slices.Contains(got[o.ID], h.at) && (h.ms < from || inGap(gaps, messages.ReasonLate, h.at))
			})
		}
		m.compare(r, o, got[o.ID], must, gaps)
		if head := m.Journal.Head(o.ID); last.At[o.ID].BatchEnd().Compare(head.BatchEnd()) < 0 {
			m.t.Errorf("%s stands at %s in %s, want %s", r.name, last.At[o.ID], o.ID, head)
		}
	}
	if m.t.Failed() {
		m.t.Fatalf("%s %+v\n%s", r.name, r.ask, strings.Join(r.client.Said, "\n"))
	}
}

// compare holds what came of one origin against what must, as the policy allows.
func (m *model) compare(r *reading, o *origin, got []messages.Position, must []held, gaps []messages.Gap) {
	m.t.Helper()
	kind := r.ask.Policy.Name()
	came := make(map[messages.Position]int)
	for _, at := range got {
		if came[at]++; came[at] > 1 {
			m.t.Errorf("%s: %s came twice", r.name, at)
		}
	}
	identities := make(map[messages.Identity]bool)
	newest := make(map[string]held)
	known := make(map[messages.Position]bool)
	for _, h := range must {
		known[h.at] = true
		newest[h.key] = h
		if came[h.at] > 0 {
			identities[h.identity] = true
		}
	}
	for _, at := range got {
		if !known[at] {
			m.t.Errorf("%s: %s was not asked for", r.name, at)
		}
	}
	for _, h := range must {
		missed := came[h.at] == 0
		switch {
		case !missed, r.ask.Unique && identities[h.identity]:
		case kind == command.PolicyDrop && inGap(gaps, messages.ReasonSlow, h.at):
		case kind == command.PolicySample, kind == command.PolicyConflate && newest[h.key].at != h.at:
		case r.ask.Unique && kind != command.PolicyCatchUp: // a key's newest may be a copy of one that was conflated
		default:
			m.t.Errorf("%s: %s never came", r.name, h.at)
		}
	}
}

func inGap(gaps []messages.Gap, why messages.Reason, at messages.Position) bool {
	for _, g := range gaps {
		if g.Reason == why && g.To.Origin == at.Origin && g.From.Compare(at) < 0 && g.To.Compare(at) >= 0 {
			return true
		}
	}
	return false
}
