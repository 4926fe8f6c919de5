package registry

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/messages/wire/frame"
	"anode/storage/memory"
)

// replica is what a registry decides and stores, without its actor. A lossy mesh is between replicas.
type replica struct {
	node    messages.NodeID
	now     time.Time // where its clock begins
	state   *memory.State
	sources *sources
	others  others
	store   *store
	// known are all events that it was told since it was wiped, by register: the oracle's.
	known map[string][]frame.Event
}

// meshOf are replicas of a mesh under a seed.
type meshOf struct {
	*testing.T
	*rand.Rand
	nodes []*replica
	steps int
	// apart are the sides of a partition, by node; on the way are events that are not delivered yet.
	apart []int
	onWay []letter
}

type letter struct {
	to     *replica
	events []frame.Event
}

func newMeshOf(t *testing.T, seed uint64) *meshOf {
	m := &meshOf{T: t, Rand: rand.New(rand.NewPCG(seed, 1))}
	for i := range 3 + m.IntN(3) {
		r := &replica{node: messages.NodeID(rune('a' + i)), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(m.IntN(200)-100) * time.Second)}
		if i == 0 {
			r.now = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		m.nodes, m.apart = append(m.nodes, r), append(m.apart, 0)
		r.wipe(m)
	}
	return m
}

func (r *replica) wipe(m *meshOf) {
	r.state, r.known = memory.NewState(), make(map[string][]frame.Event)
	r.open(m)
}

// open is a restart: all that is not stored is lost.
func (r *replica) open(m *meshOf) {
	r.sources, r.others = newSources(), make(others)
	r.store = &store{state: r.state, log: slog.New(slog.DiscardHandler)}
	r.store.load(r.node, r.clock(m), r.sources, r.others)
}

// clock stands still for some steps, so that readings of nodes are equal at times.
func (r *replica) clock(m *meshOf) time.Time {
	return r.now.Add(time.Duration(m.steps/4) * time.Second)
}

func (r *replica) save(m *meshOf, b *batch) {
	b.forgotten, b.horizon = nil, r.sources.horizon
	if err := r.store.save(b); err != nil {
		m.Fatal(err)
	}
	for _, e := range b.events {
		r.sources.apply(e)
	}
	for i := range b.values {
		r.others.apply(&b.values[i])
	}
}

func (r *replica) note(e *frame.Event) {
	if !slices.ContainsFunc(r.known[e.Key], func(o frame.Event) bool { return compareWire(e, &o) == 0 }) {
		r.known[e.Key] = append(r.known[e.Key], *e)
	}
}

// learn takes in what came.
func (r *replica) learn(m *meshOf, list []frame.Event) {
	var h heard
	for i := range list {
		r.note(&list[i])
		h.put(&list[i])
	}
	for h.len() > 0 {
		f := weigh(h.take(), r.sources, r.others, r.store.logged)
		if !f.empty() {
			r.save(m, &f.batch)
		}
	}
}

func (r *replica) held() []frame.Event {
	return (&registryActor{sources: r.sources, others: r.others}).held()
}

// edit decides a random command, and sends what comes of it to the nodes of its side.
func (m *meshOf) edit(r *replica) {
	name := []string{"x", "y"}[m.IntN(2)]
	d := &decider{sources: r.sources, node: r.node, now: r.clock(m), peers: m.IntN(2) == 0}
	var list []*event
	var err error
	switch m.IntN(5) {
	case 0, 1:
		s, fault := spec.Parse(fmt.Appendf(nil, `{"name":%q,"kind":"rest","url":"http://x/%d","paused":%v}`, name, m.IntN(50), m.IntN(4) == 0), false)
		if fault != nil {
			m.Fatal(fault)
		}
		list, err = d.put(s, &command.PutSource{Replace: true})
	case 2:
		list, err = d.remove(&command.RemoveSource{Name: name})
	default:
		list, err = d.pause(&command.PauseSource{Name: name, Resume: m.IntN(2) == 0})
	}
	if err == nil {
		m.decided(r, list)
	}
}

func (m *meshOf) decided(r *replica, list []*event) {
	if len(list) == 0 {
		return
	}
	r.save(m, &batch{events: list})
	var wire []frame.Event
	for _, e := range list {
		r.sources.clock = max(r.sources.clock, e.HLC)
		if e.Node != "a" && e.HLC.Time().Year() != 2026 && e.HLC.Time().Year() != 2025 {
			m.Errorf("a clock at 2100 moved that of %s: %s", e.Node, e.HLC.Time())
		}
		w := e.wire()
		r.note(&w)
		wire = append(wire, w)
	}
	m.send(r, wire)
}

// send puts events on their way to the nodes of a side: some are lost, some come twice.
func (m *meshOf) send(r *replica, list []frame.Event) {
	at := slices.Index(m.nodes, r)
	for i, to := range m.nodes {
		if to == r || m.apart[i] != m.apart[at] {
			continue
		}
		for range []int{0, 1, 1, 1, 2}[m.IntN(5)] {
			m.onWay = append(m.onWay, letter{to, list})
		}
	}
}

// deliver gives one of the letters, whichever.
func (m *meshOf) deliver() {
	if len(m.onWay) == 0 {
		return
	}
	i := m.IntN(len(m.onWay))
	l := m.onWay[i]
	m.onWay = slices.Delete(m.onWay, i, i+1)
	l.to.learn(m, l.events)
}

// hostile is what who has the secret may send.
func (m *meshOf) hostile() {
	e := frame.Event{
		Key: []string{"source/x/spec", "source/y/paused", "node/b", "ban/c", "later/1"}[m.IntN(5)], Node: "zz",
		Revision: m.Uint64N(6), HLC: messages.HLC(m.Uint64()), Body: []byte([]string{"", "{", `{"v":1}`, `{"v":2,"kind":"moved"}`}[m.IntN(4)]),
	}
	to := m.nodes[m.IntN(len(m.nodes))]
	to.learn(m, []frame.Event{e})
	m.send(to, []frame.Event{e})
}

// step does something anywhere.
func (m *meshOf) step() {
	m.steps++
	r := m.nodes[m.IntN(len(m.nodes))]
	switch p := m.IntN(100); {
	case p < 40:
		m.edit(r)
	case p < 80:
		m.deliver()
	case p < 84:
		for i := range m.apart {
			m.apart[i] = m.IntN(2)
		}
	case p < 88:
		clear(m.apart)
	case p < 92:
		m.hostile()
	case p < 96:
		r.open(m)
	case p < 97:
		r.wipe(m)
	default: // two compare what they hold
		other := m.nodes[m.IntN(len(m.nodes))]
		other.learn(m, r.held())
		r.learn(m, other.held())
	}
	m.isFold(r)
}

// isFold fails unless a replica holds what the highest of all events are that it knows: only they count, in whichever order
// they came.
func (m *meshOf) isFold(r *replica) {
	var want []frame.Event
	for _, key := range slices.Sorted(maps.Keys(r.known)) {
		want = append(want, slices.MaxFunc(r.known[key], func(a, b frame.Event) int { return compareWire(&a, &b) }))
	}
	if got := r.held(); !alike(got, want) {
		m.Fatalf("step %d: %s holds\n%v, of all that it knows\n%v", m.steps, r.node, got, want)
	}
}

func alike(a, b []frame.Event) bool {
	return slices.EqualFunc(a, b, func(a, b frame.Event) bool { return a.Key == b.Key && compareWire(&a, &b) == 0 })
}

// heal lets all compare what they hold until nothing differs, and fails unless that makes them alike.
func (m *meshOf) heal() {
	clear(m.apart)
	for range m.nodes {
		for _, a := range m.nodes {
			for _, b := range m.nodes {
				b.learn(m, a.held())
			}
		}
	}
	first := m.nodes[0]
	for _, r := range m.nodes {
		m.isFold(r)
		if a, b := first.held(), r.held(); !alike(a, b) {
			m.Fatalf("%s and %s differ:\n%v\n%v", first.node, r.node, a, b)
		}
		if a, b := shows(first.sources), shows(r.sources); a != b {
			m.Fatalf("%s and %s show\n%s\n%s", first.node, r.node, a, b)
		}
		r.open(m)
		m.isFold(r)
	}
}

// shows is what of sources users see.
func shows(s *sources) string {
	text := ""
	for _, name := range s.names() {
		e := s.entries[name]
		text += fmt.Sprintf("%s %s paused %v, fault %v, home %s; ", name, e.version(), e.paused(), e.fault, e.home())
	}
	return text
}

// tellsLosers fails unless the log of each says of two edits of one revision that it has, by different nodes, which lost.
func (m *meshOf) tellsLosers() {
	for _, r := range m.nodes {
		var log []*event
		for pair := range r.state.Each(bucketLog) {
			if e, err := readEvent(pair); err == nil {
				log = append(log, e)
			}
		}
		lost := make(map[string]bool)
		for e := range superseded(log) {
			lost[e.stamp()] = true
		}
		for _, list := range r.known {
			for i := range list {
				for k := range list {
					e, w := readWire(&list[i]), readWire(&list[k])
					if e == nil || e.unread() || w.unread() || e.Revision != w.Revision || e.Node == w.Node || e.compare(w) > 0 {
						continue
					}
					_, logged := r.store.logged[e.stamp()]
					_, knows := r.store.logged[w.stamp()] // it has no room for what is older than all that its lineage tells of
					if logged && knows && !lost[e.stamp()] {
						m.Fatalf("%s does not tell that %s of %s lost to %s", r.node, e.version(), e.Source, w.version())
					}
				}
			}
		}
	}
}

// edited has a node, that knows all, do something which must hold everywhere from then on.
func (m *meshOf) edited(do func(d *decider) ([]*event, error)) {
	r := m.nodes[m.IntN(len(m.nodes))]
	list, err := do(&decider{sources: r.sources, node: r.node, now: r.clock(m)})
	if err != nil || len(list) == 0 {
		m.Fatalf("at %s: %v, %v", r.node, list, err)
	}
	m.decided(r, list)
	m.onWay = nil
	m.heal()
}

// TestRegistriesAgree: whatever was edited wherever, with nodes apart, letters lost, doubled and late, disks lost, a clock at 2100
// and somebody who writes rubbish, all agree once they have compared what they hold; an edit of who knows all holds then,
// and what is removed stays away, also from who lost its disk.
func TestRegistriesAgree(t *testing.T) {
	seeds := 60
	if os.Getenv("ANODE_LONG") != "" {
		seeds = 1000
	}
	for seed := range seeds {
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { agree(t, uint64(seed)) }) {
			return
		}
	}
}

func agree(t *testing.T, seed uint64) {
	m := newMeshOf(t, seed)
	for range 150 {
		m.step()
	}
	m.heal()
	m.tellsLosers()
	for len(m.onWay) > 0 { // what was late
		m.deliver()
	}
	m.heal()
	s, err := spec.Parse([]byte(`{"name":"x","kind":"rest","url":"http://last/"}`), false)
	if err != nil {
		t.Fatal(err)
	}
	m.edited(func(d *decider) ([]*event, error) { return d.put(s, &command.PutSource{Replace: true}) })
	if at := m.nodes[0].sources.get("x"); at == nil || at.parsed == nil || at.parsed.URL != "http://last/" {
		t.Fatal("an edit of who knew all does not hold")
	}
	m.edited(func(d *decider) ([]*event, error) { return d.remove(&command.RemoveSource{Name: "x"}) })
	m.nodes[m.IntN(len(m.nodes))].wipe(m)
	m.heal()
	for _, r := range m.nodes {
		if r.sources.get("x") != nil {
			t.Fatalf("what was removed is back at %s", r.node)
		}
	}
}
