package subscriber_test

import (
	"errors"
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
	"anode/storage/replay"
	"anode/testkit/storagetest"
)

// TestModelOfTheArchive drives origins that restart, with late batches and holes, a journal that drops what was archived and some
// that was not, archivers of several streams, and an archive that is away at times, by a seed; and readers of all starts and
// speeds that come again with their cursors. What was always somewhere comes once; all else comes or is named. ANODE_SEED runs one
// seed, ANODE_SEEDS so many.
func TestModelOfTheArchive(t *testing.T) {
	first, seeds := uint64(0), 20
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
			synctest.Test(t, func(t *testing.T) { newArchiveModel(t, seed).run() })
		})
	}
}

// archiveModel is one run.
type archiveModel struct {
	*archived
	rnd     *rand.Rand
	origins []*modelOrigin
	readers []*modelReader
	made    int
}

// modelOrigin is one origin and all that is on its line.
type modelOrigin struct {
	*storagetest.Origin
	restarts, holes bool
	line            []*modelBatch
}

// modelBatch is a batch, and where it is.
type modelBatch struct {
	sealed wire.Sealed
	opened *messages.Batch
	// takes are what archivers wrote of it; gone: the journal has it not any more, and lost are the takes at that time.
	takes, lost  []messages.Pattern
	gone, stored bool
}

type modelReader struct {
	name    string
	ask     command.Subscribe
	client  *sessiontest.Client
	session command.Session
	past    []*sessiontest.Received
}

func newArchiveModel(t *testing.T, seed uint64) *archiveModel {
	rnd := rand.New(rand.NewPCG(seed, 12))
	cfg := sessiontest.Config{Hub: hub.Config{Loops: 1 + rnd.IntN(2), Slack: 200 + rnd.IntN(4000), QueueBytes: 1000 + rnd.IntN(20_000)}}
	m := &archiveModel{rnd: rnd}
	began := time.Now().UnixMilli()
	time.Sleep(10 * time.Hour)
	m.archived = newArchived(t, cfg, replay.Config{Budget: 1 + rnd.Int64N(5000), Scans: 1 + rnd.IntN(3), Fresh: time.Duration(1+rnd.IntN(100)) * time.Millisecond}, ">")
	ms := time.Now().UnixMilli()
	dead := &modelOrigin{Origin: storagetest.NewOrigin("dead", uint64(began), began), restarts: true}
	m.origins = []*modelOrigin{
		{Origin: storagetest.NewOrigin("a", 1, ms)},
		{Origin: storagetest.NewOrigin("b", uint64(ms), ms), restarts: true},
		{Origin: storagetest.NewOrigin("h", uint64(ms), ms), holes: true},
		dead,
	}
	for n := range 60 {
		dead.At(began + int64(n)*20_000)
		if n%25 == 24 {
			dead.Restart(dead.Epoch+1, dead.line[len(dead.line)-1].opened.Position())
		}
		b := m.batch(dead)
		b.gone = true
		if m.archiveOne(b); rnd.IntN(15) > 0 {
			m.write(b, ">")
		}
		b.lost = b.takes
	}
	return m
}

// batch makes the next batch on an origin's line.
func (m *archiveModel) batch(o *modelOrigin) *modelBatch {
	s := m.seal(o)
	opened, err := s.Open()
	if err != nil {
		m.t.Fatal(err)
	}
	b := &modelBatch{sealed: s, opened: opened}
	o.line = append(o.line, b)
	return b
}

func (m *archiveModel) seal(o *modelOrigin) wire.Sealed {
	var drafts []messages.Draft
	for range 1 + m.rnd.IntN(5) {
		m.made++
		id := fmt.Sprint(m.made)
		drafts = append(drafts, messages.Draft{
			Stream: messages.Stream([]string{"a.x", "a.y", "b.x", "b.y.z"}[m.rnd.IntN(4)]), Key: id, NativeID: id,
			Payload: []byte(`"` + strings.Repeat("p", m.rnd.IntN(300)) + `"`),
		})
	}
	return o.Next(m.t, drafts...)
}

// write archives a batch.
func (m *archiveModel) write(b *modelBatch, takes messages.Pattern) {
	m.keep(takes, b.sealed)
	b.takes = append(b.takes, takes)
}

// archiveOne archives a batch as some archivers do.
func (m *archiveModel) archiveOne(b *modelBatch) {
	m.write(b, []messages.Pattern{">", ">", ">", "a.>", "b.x"}[m.rnd.IntN(5)])
}

func (m *archiveModel) run() {
	defer m.Stop()
	for step := range 400 {
		o := m.origins[m.rnd.IntN(3)]
		switch n := m.rnd.IntN(24); {
		case n < 8:
			m.make(o)
		case n < 11:
			m.drop(o)
		case n < 13 && len(m.readers) < 8:
			m.subscribe()
		case n < 15 && len(m.readers) > 0:
			m.again(m.readers[m.rnd.IntN(len(m.readers))])
		case n < 19 && len(m.readers) > 0:
			m.readers[m.rnd.IntN(len(m.readers))].client.Read(m.rnd.IntN(20_000))
		case n < 20:
			m.giveUp(o)
		case n < 21 && m.rnd.IntN(3) == 0:
			m.archive.Away(errors.New("away"))
		case n < 22:
			m.archive.Away(nil)
		default:
			time.Sleep(time.Duration(m.rnd.IntN(400)) * time.Millisecond)
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

// make has an origin make some batches.
func (m *archiveModel) make(o *modelOrigin) {
	o.At(time.Now().UnixMilli())
	if o.restarts && len(o.line) > 0 && m.rnd.IntN(5) == 0 {
		prior := o.line[len(o.line)-1].opened.Position()
		var late []wire.Sealed
		for range m.rnd.IntN(3) {
			late = append(late, m.seal(o))
		}
		o.Restart(max(o.Epoch+1, uint64(time.Now().UnixMilli())), prior)
		b := m.batch(o)
		b.stored = true
		m.Store(true, b.sealed)
		m.Store(true, late...) // they turn up in the next epoch
		if m.rnd.IntN(2) == 0 {
			m.keep(">", late...)
		}
		return
	}
	for range 1 + m.rnd.IntN(3) {
		b := m.batch(o)
		if o.holes && m.rnd.IntN(5) == 0 {
			continue
		}
		b.stored = true
		m.Store(m.rnd.IntN(8) > 0, b.sealed)
	}
	if o.holes && m.rnd.IntN(3) == 0 {
		m.mend(o)
	}
}

// mend stores what was kept back, unless it was given up for good or is below the floor.
func (m *archiveModel) mend(o *modelOrigin) {
	for _, b := range o.line {
		if !b.stored && !b.gone {
			b.stored = true
			m.Store(false, b.sealed)
		}
	}
}

// drop has the journal drop the oldest of an origin, most of which is archived.
func (m *archiveModel) drop(o *modelOrigin) {
	var held []*modelBatch
	for _, b := range o.line {
		if !b.gone {
			held = append(held, b)
		}
	}
	n := m.rnd.IntN(len(held) + 1)
	for n > 0 && !held[n-1].stored { // what nobody has heard of can't be dropped
		n--
	}
	for _, b := range held[:n] {
		if m.rnd.IntN(12) > 0 && !covers(b.takes, ">") {
			m.archiveOne(b)
		}
		b.gone, b.lost = true, slices.Clone(b.takes)
	}
	if n > 0 {
		last := held[n-1].opened
		for _, b := range held[:n] {
			if b.opened.Epoch < last.Epoch {
				m.raise(o.ID, b.opened.Epoch, b.opened.Sequence+1)
			}
		}
		m.raise(o.ID, last.Epoch, last.Sequence+1)
	}
	for _, b := range o.line { // what comes too late is not taken from anybody
		if b.gone && m.rnd.IntN(20) == 0 {
			m.archiveOne(b)
		}
	}
}

// giveUp gives up what was kept back.
func (m *archiveModel) giveUp(o *modelOrigin) {
	for _, b := range o.line {
		id := b.opened.ID()
		if b.stored || b.gone || m.Journal.Head(o.ID).Compare(b.opened.Position()) < 0 {
			continue
		}
		if m.rnd.IntN(2) == 0 {
			m.archiveOne(b)
		}
		b.gone = true // who is live hears of it by a gap
		m.GiveUp(o.ID, id.Epoch, messages.Range{From: id.Sequence, To: id.Sequence})
		return
	}
}

func (m *archiveModel) finish() {
	m.archive.Away(nil)
	m.rest(10)
	for _, o := range m.origins[:3] {
		m.mend(o)
		o.At(time.Now().UnixMilli())
		b := m.batch(o)
		b.stored = true
		m.Store(true, b.sealed)
	}
	m.rest(100)
	for range 4 {
		time.Sleep(16 * time.Second) // what waited is asked for again, and a cursor tells the rest
		m.rest(30)
	}
}

func (m *archiveModel) rest(times int) {
	for range times {
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		for _, r := range m.readers {
			r.client.Read(100_000)
		}
	}
}

func (m *archiveModel) subscribe() {
	r := &modelReader{name: fmt.Sprint("reader ", len(m.readers))}
	r.ask = command.Subscribe{Sub: "1", Streams: [][]string{{">"}, {"a.*"}, {"a.x"}, {"b.>", "b.x"}, {"a.x", "b.y.z"}}[m.rnd.IntN(5)]}
	if m.rnd.IntN(4) == 0 {
		r.ask.Where = "1"
	}
	r.ask.Unique = m.rnd.IntN(4) == 0
	if m.rnd.IntN(5) == 0 {
		r.ask.Policy = command.Policy{Kind: command.PolicyConflate, Every: 20 * time.Millisecond}
	}
	switch m.rnd.IntN(5) {
	case 0, 1:
		r.ask.Start.Earliest = true
	case 2:
		r.ask.Start.Time = time.Now().Add(-time.Duration(m.rnd.IntN(11*3_600_000)) * time.Millisecond)
	case 3:
		r.ask.Start.Time = time.Now().Add(-time.Duration(m.rnd.IntN(20_000)) * time.Millisecond)
	}
	m.readers = append(m.readers, r)
	m.connect(r)
}

func (m *archiveModel) connect(r *modelReader) {
	m.t.Helper()
	r.client = sessiontest.NewClient(m.t, r.name, sessiontest.NewPipe(m.rnd.IntN(10_000), false))
	r.session = m.Open(r.client.Out)
	if err := r.session.Ask(m.t.Context(), r.ask); err != nil {
		m.t.Fatal(err)
	}
}

// again ends a reader's connection, and has it come again with the cursor of what it got.
func (m *archiveModel) again(r *modelReader) {
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

func covers(takes []messages.Pattern, p messages.Pattern) bool {
	return slices.ContainsFunc(takes, func(t messages.Pattern) bool { return t.Covers(p) })
}

// sure tells whether a batch was always somewhere, for a reader.
func (m *archiveModel) sure(r *modelReader, b *modelBatch) bool {
	for _, p := range r.ask.Streams {
		if b.gone && !covers(b.lost, messages.Pattern(p)) {
			return false
		}
	}
	return true
}

func (m *archiveModel) check(r *modelReader) {
	m.t.Helper()
	parts := append(slices.Clone(r.past), r.client.Sub("1"))
	last := parts[len(parts)-1]
	start, err := messages.ParseCursor(parts[0].After)
	if err != nil {
		m.t.Fatal(err)
	}
	from, timed := start.From()
	came := make(map[messages.Position]int)
	var gaps []messages.Gap
	parse := func(text string) messages.Position {
		p, err := messages.ParsePosition(text)
		if err != nil {
			m.t.Fatal(err)
		}
		return p
	}
	total := 0
	for _, p := range parts {
		for _, id := range p.IDs {
			came[parse(id)]++
			total++
		}
		for _, g := range p.Gaps {
			gaps = append(gaps, messages.Gap{Origin: messages.NodeID(g.Origin), From: parse(g.From), To: parse(g.To), Reason: messages.Reason(g.Reason)})
		}
	}
	sub := command.Subscription{}
	for _, p := range r.ask.Streams {
		sub.Streams = append(sub.Streams, messages.Pattern(p))
	}
	known := 0
	for _, o := range m.origins {
		at, listed := start.At(o.ID)
		if !listed {
			at = messages.Position{Origin: o.ID}
		}
		loose := !listed && timed
		for _, b := range o.line {
			for _, g := range b.opened.Groups {
				for i := range g.Records {
					rec := &g.Records[i]
					if !sub.Matches(rec.Stream) || rec.Position.Compare(at) <= 0 || r.ask.Where != "" && !sessiontest.NativeID(r.ask.Where).Match(rec) {
						continue
					}
					n := came[rec.Position]
					known += n
					named := slices.ContainsFunc(gaps, func(g messages.Gap) bool {
						return g.Origin == o.ID && rec.Position.Compare(g.From) > 0 && rec.Position.Compare(g.To) <= 0 && (g.Reason != messages.ReasonLate || loose && n == 0)
					})
					switch {
					case n > 1:
						m.t.Errorf("%s: %s came %d times", r.name, rec.Position, n)
					case n == 1 && named:
						m.t.Errorf("%s: %s came, and is in a gap", r.name, rec.Position)
					case n == 1 && loose && rec.HLC.Millis() < from && !o.holes:
						m.t.Errorf("%s: %s came and was received %d ms before", r.name, rec.Position, from-rec.HLC.Millis())
					case n == 1, loose && rec.HLC.Millis() < from:
					case !named:
						m.t.Errorf("%s: %s never came, and was not named", r.name, rec.Position)
					case m.sure(r, b) && !loose:
						m.t.Errorf("%s: %s was named, and was there: %v, gone %t", r.name, rec.Position, b.takes, b.gone)
					}
				}
			}
		}
	}
	if known != total {
		m.t.Errorf("%s: %d records came that were not asked for", r.name, total-known)
	}
	if last.Lives == 0 {
		m.t.Errorf("%s never heard that it is live: %v", r.name, last.Log)
	}
	if m.t.Failed() {
		m.t.Fatalf("%s %+v, %s\nstart %v\ngaps %+v\n%s", r.name, r.ask, r.ask.Start.After, parts[0].After, gaps, strings.Join(r.client.Said, "\n"))
	}
}
