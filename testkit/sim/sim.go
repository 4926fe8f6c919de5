package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"anode/actors/gossip/core"
	"anode/messages"
)

// Sim is one simulated mesh. It is for one goroutine, and starts none.
type Sim struct {
	cfg    Config
	limits core.Config
	random struct{ network, members, script, load, nodes, figures *rand.Rand }
	// begin is the wall clock at the start, in Unix ms; now is the simulated time since, in ns.
	begin, now int64
	queue      queue
	nodes      []*node
	byID       map[messages.NodeID][]*node
	up         int
	network    network
	truth      *truth
	cohorts    []*cohort
	sets       []*core.Members
	setAt      int
	outputs    []core.Output

	// script are all actions; lastAt is when the last of them is done, checked how many were looked at before the run.
	script  []step
	lastAt  int64
	checked int
	todo    []func()
	streams []*stream
	// faultAt is when a fault began or ended last, cutAt when who can reach whom changed. faults are those that
	// last, as they were counted last: stale says that they are to be counted anew.
	faultAt, cutAt int64
	faults         int
	stale          bool
	churning       int
	phases         []phase

	watch      map[int32]bool
	roamers    []*reader
	violations []Violation
	overdue    map[int32]bool
	// whole: nothing was missing at the last look. over: the run has ended. begun: the nodes were started.
	whole, over, started bool
	err                  error
	firstAt              int64
	comparedAt           int64
	compareAt            int
	compareTurn          int
	sweptAt              int64
	ticked               int64
	ticker               *node
	ticks                int
	registered           int
	registeredAt         int64

	figures counters
	flood   flood
	hash    digest
	events  uint64
	tracing bool
	took    time.Duration
}

// step is an action of the script; line is where it stands, 0 where it was not read.
type step struct {
	at     int64
	action Action
	line   int
}

// New makes a mesh, whose nodes start when it runs.
func New(cfg Config) (*Sim, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Sim{
		cfg: cfg, begin: cfg.Begin.UnixMilli(), byID: make(map[messages.NodeID][]*node), truth: newTruth(),
		cohorts: []*cohort{{}}, overdue: make(map[int32]bool), tracing: cfg.Trace != nil, faultAt: 0,
	}
	s.network = network{
		seed: cfg.Seed, latency: cfg.Latency, jitter: cfg.Jitter, loss: cfg.Loss, bandwidth: cfg.Bandwidth,
		overtake: max(cfg.Latency.Max, time.Millisecond),
	}
	for purpose, r := range map[uint64]**rand.Rand{
		forNetwork: &s.random.network, forMembers: &s.random.members, forScript: &s.random.script,
		forLoad: &s.random.load, forNodes: &s.random.nodes, forFigures: &s.random.figures,
	} {
		*r = newRandom(cfg.Seed, purpose)
	}
	for range cfg.Nodes {
		s.addNode()
	}
	s.limits = s.bounds()
	s.choose()
	return s, nil
}

// bounds are the bounds that the cores keep to.
func (s *Sim) bounds() core.Config {
	cfg := core.Config{}
	if s.cfg.Tune != nil {
		s.cfg.Tune(0, &cfg)
	}
	cfg.MaxQueue, cfg.MaxPull, cfg.MaxAppending = or(cfg.MaxQueue, 4<<20), or(cfg.MaxPull, 1<<20), or(cfg.MaxAppending, 16<<20)
	cfg.Retry = or(cfg.Retry, 180*time.Millisecond)
	return cfg
}

// choose finds the nodes on which records are read.
func (s *Sim) choose() {
	if s.cfg.Readers < 0 {
		return
	}
	s.watch = make(map[int32]bool)
	order := s.random.figures.Perm(len(s.nodes))
	for _, i := range order[:min(s.cfg.Readers, len(order))] {
		s.watch[int32(i)] = true
	}
	s.roamers = append(s.roamers, &reader{kind: roaming, at: make(map[messages.NodeID]messages.Position)})
}

// At has an action done at a time after the start. Actions of one time are done in the order in which they were
// given; those of time 0 before the nodes start. A time that is over means now. What can't be done is told by
// Check and Run.
func (s *Sim) At(at time.Duration, actions ...Action) {
	for _, a := range actions {
		s.add(step{at: max(int64(at), 0), action: a})
	}
}

// Play adds the actions of a script.
func (s *Sim) Play(script string) error {
	steps, err := parseScript(script)
	if err != nil {
		return err
	}
	for _, st := range steps {
		s.add(st)
	}
	return nil
}

func (s *Sim) add(st step) {
	if s.started {
		st.at = max(st.at, s.now)
		s.queue.add(st.at, event{kind: act, node: -1, n: int64(len(s.script))})
	}
	s.script = append(s.script, st)
	s.lastAt = max(s.lastAt, st.at)
}

// errEnded is that a run has ended.
var errEnded = errors.New("simulation: has run already")

// Run runs the mesh to the end: through the script, and then until everything is everywhere, or is not in
// time. An end of the context ends it with what there is, and the context's cause. An error of the script
// ends it too, before the run where it shows by then (Check); violations are in the result. RunTo may have been
// called before.
func (s *Sim) Run(ctx context.Context) (*Result, error) {
	if s.over {
		return nil, errEnded
	}
	var err error
	for end := time.Duration(0); err == nil && !s.over && end < s.end() && !s.done(); {
		end = s.end() // a fault that ends later moves it on
		err = s.RunTo(ctx, end)
	}
	r := s.Result()
	r.Partial = err != nil
	s.over = true
	return r, err
}

// end is when a run ends at the latest.
func (s *Sim) end() time.Duration {
	return time.Duration(max(int64(s.planned()), s.faultAt)) + s.cfg.Converge + 2*time.Second
}

// planned is until when something is to be done.
func (s *Sim) planned() time.Duration { return max(s.cfg.Duration, time.Duration(s.lastAt)) }

// boot starts the nodes.
func (s *Sim) boot() {
	if err := s.Check(); err != nil {
		s.err = fmt.Errorf("simulation: %w", err)
		return
	}
	s.started = true
	sortSteps(s.script)
	s.checked = len(s.script)
	for i, st := range s.script {
		if st.at > 0 {
			s.queue.add(st.at, event{kind: act, node: -1, n: int64(i)})
		} else {
			s.perform(i)
		}
	}
	for _, n := range s.nodes {
		s.start(n)
	}
	s.later(restEvery, event{kind: check, node: -1})
}

// askEvery is after how many events the context is asked whether it has ended: a tenth of a millisecond, mostly.
const askEvery = 256

// RunTo runs the mesh up to a time, or to a violation too many, or to the end of the context. Between two calls a
// program may look at the mesh, and add actions.
func (s *Sim) RunTo(ctx context.Context, until time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	began := time.Now()
	defer func() { s.took += time.Since(began) }()
	if !s.started {
		s.boot()
	}
	for !s.over && s.err == nil {
		at, ok := s.queue.peek()
		if !ok || at > int64(until) {
			s.pass(int64(until))
			break
		}
		if s.done() {
			break
		}
		_, e, _ := s.queue.next()
		s.pass(at)
		s.events++
		s.hash.add(uint64(at), uint64(e.kind)<<40|uint64(uint32(e.node)))
		s.happen(&e)
		if s.events%askEvery == 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if s.cfg.Progress != nil {
				s.cfg.Progress(Progress{time.Duration(s.now), s.planned(), s.end(), s.events})
			}
		}
	}
	return s.err
}

// pass moves the time on.
func (s *Sim) pass(to int64) {
	s.spent()
	s.now = max(s.now, to)
	s.spent()
}

// done tells whether nothing is left to wait for: the script is through, and everything is everywhere.
func (s *Sim) done() bool {
	return s.whole && s.now > int64(s.cfg.Duration)+2*grace && s.now > s.faultAt+5e9 && s.now >= s.lastAt && s.lasting() == 0
}

// perform does an action of the script.
func (s *Sim) perform(i int) {
	a := s.script[i].action
	if s.tracing {
		fmt.Fprintf(s.cfg.Trace, "%12s script: %s\n", after(s.now), a)
	}
	err := error(nil)
	if i >= s.checked {
		f := &forecast{cfg: &s.cfg, nodes: len(s.nodes), parted: s.network.sides != nil, events: s.registered}
		err = f.see(step{at: s.now, action: a})
	}
	if err == nil {
		if err = a.do(s); err != nil {
			err = fmt.Errorf("at %s, %s: %w", after(s.now), a.short(), err)
		}
	}
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("simulation: %w", err)
	}
	if a.fault && s.started && s.now > 0 {
		s.troubled()
		s.disturb()
		s.phases = append(s.phases, phase{action: a.String(), at: s.now})
	}
}

// soon does something later.
func (s *Sim) soon(in time.Duration, do func()) {
	s.todo = append(s.todo, do)
	s.later(int64(in), event{kind: due, node: -1, n: int64(len(s.todo) - 1)})
}

// log writes a line of the trace.
func (s *Sim) log(n *node, format string, args ...any) {
	if s.tracing {
		fmt.Fprintf(s.cfg.Trace, "%12s %s "+format+"\n", append([]any{after(s.now), n.id}, args...)...)
	}
}

// memory is what the process has in use.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
