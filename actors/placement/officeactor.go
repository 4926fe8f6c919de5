package placement

import (
	"slices"
	"time"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
)

const (
	// officeTick is how often the office looks at what has no event: the stage, what does not work.
	officeTick = time.Second
	// A question that stands is asked again after half the time that it stands already: askSoonest at first, officeTick in the end.
	askSoonest = 50 * time.Millisecond
	// askPatience is how long a node may take to answer.
	askPatience = 2 * time.Second
	// tellPause is how long an answer waits for room in the mailbox, again and again.
	tellPause = 50 * time.Millisecond
	// drainPatience is how long a drain takes at most: all owners have HandOver, and a second to be told.
	drainPatience = HandOver + 5*time.Second
	// fewMoves is up to how many changes of a plan are logged one by one.
	fewMoves = 20
)

// officeMemory is what an office knows over the incarnations of its actor: one that failed must not hand all over as if the node had
// just begun. The incarnation that runs has it.
type officeMemory struct {
	began   bool
	joining Joining
	state   State
	banned  bool // the mesh shuts this node out
	usurped bool // another one has this one's identity
	drains  bool
	stays   bool // what no other node can own is to be told
	drained []func(any, error)
	drainBy time.Duration

	nodes  map[messages.NodeID]*nodeHeard
	deadAt map[messages.NodeID]time.Duration
	yields map[string]ownYield
	// comebacks are sources that came back here lately.
	comebacks map[string]comeback
	said      bool // the registry has what this node says of itself
	saidAt    time.Duration
	unsaid    int // yields for which there was no room
	levelAt   time.Duration
	reports   Reports
	room      int // for how many reports
	before    *Plan
	runs      map[string]string // what runs here, and why
}

func newOfficeMemory() *officeMemory {
	return &officeMemory{
		nodes: make(map[messages.NodeID]*nodeHeard), deadAt: make(map[messages.NodeID]time.Duration), yields: make(map[string]ownYield), comebacks: make(map[string]comeback),
		reports: make(Reports), room: mostReports, runs: make(map[string]string),
	}
}

// officeActor is one incarnation: it alone plans.
type officeActor struct {
	*Office
	*officeMemory
	told    bool // the mesh knows state
	entries *[]Entry
	sources *Sources
	unread  []string // of entries, what this version can't read
	// asking are the nodes that are being asked, stands the questions that stand.
	asking map[messages.NodeID]bool
	stands map[About]standing
	due    *actor.Timer
	probes int // that run
}

func newOfficeActor(o *Office) *officeActor {
	return &officeActor{Office: o, officeMemory: o.memory, asking: make(map[messages.NodeID]bool)}
}

type (
	// stirred: something is to be planned for. due: it is time to.
	stirred struct{}
	tick    struct{}
	dueNow  struct{}
	// stoodStill: others may have taken over what runs here.
	stoodStill struct{}
	// said is what a node answered, asked when.
	said struct {
		node    messages.NodeID
		sources []string
		said    []Said
		asked   time.Duration
		err     error
	}
	// sayTo: a node asks about sources.
	sayTo struct {
		command.To[[]Said]
		node    messages.NodeID
		sources []string
	}
)

// Started implements actor.Starter.
func (a *officeActor) Started(ctx *actor.Context) error {
	if !a.began {
		a.began, a.joining = true, Begin(a.now(), a.cfg.Expects && !a.cfg.Alone)
	}
	for name, y := range a.yields { // an incarnation before this one took its probes with it
		y.probing = false
		a.yields[name] = y
	}
	a.stirring.Store(false)
	a.ref.Store(ctx.Self())
	ctx.After(officeTick, tick{})
	a.plans(ctx)
	return nil
}

func (a *officeActor) now() time.Duration { return time.Since(a.start) }

// Receive implements actor.Actor.
func (a *officeActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case stirred:
		a.stirring.Store(false)
		a.plans(ctx)
	case dueNow:
		a.plans(ctx)
	case stoodStill:
		a.rejoin()
		a.plans(ctx)
	case tick:
		ctx.After(officeTick, tick{})
		a.tend(ctx)
		a.plans(ctx)
		if a.before != nil {
			a.reports.Keep(a.before)
		}
	case said:
		a.hear(ctx, &m)
	case probed:
		a.found(&m)
		a.plans(ctx)
	case sayTo:
		starts := a.asked(&m) // before it is answered: who asks about an exclusive source wants to start it
		actor.Answer(ctx, m, a.say(m.sources, m.node), nil)
		if starts { // the next plan knows it, after all that ask meanwhile: a plan of many sources takes longer than an answer
			a.stir()
		}
	case command.Drain:
		a.drain(ctx.Later())
		a.plans(ctx)
	case command.Retire:
		a.drain(func(any, error) {
			if a.cfg.Retired != nil {
				a.cfg.Retired()
			}
		})
		a.plans(ctx)
		names := a.stayers(a.before)
		actor.Answer(ctx, m, command.RetireView{Stays: append([]string{}, names[:min(len(names), command.MostStays)]...)}, nil)
	case command.Component:
		actor.Answer(ctx, m, a.view(), nil)
	}
}

// plans plans, and does what follows.
func (a *officeActor) plans(ctx *actor.Context) {
	now := a.now()
	a.stage(now)
	if latest := a.Office.entries.Load(); latest != nil && latest != a.entries {
		a.sources = a.sourcesOf(*latest, a.entries, a.sources)
		a.entries, a.unread = latest, unreadOf(*latest)
	}
	if a.entries == nil { // the registry has not spoken yet: nothing runs
		a.endDrain(now, nil)
		return
	}
	plan := Next(a.before, View{Now: now, Self: a.cfg.Node, Nodes: a.nodeList(now), Sources: a.sources, Reports: a.reports})
	if moved := a.moves.note(plan, a.state == StateJoining, a.cfg.Clock()); moved > 0 {
		a.cfg.Logger.Info("sources have other owners", "sources", moved)
	}
	if a.before == nil || !plan.SameCandidates(a.before) {
		a.levelAt = min(a.levelAt, now-levelEvery+levelSoon)
	}
	a.before = plan
	a.plan.Store(plan)
	a.assign(plan)
	next, waits := a.ask(ctx, plan)
	a.tellStays(plan)
	a.endDrain(now, plan)
	a.due.Stop()
	if at, ok := plan.Due(); ok && (!waits || at < next) {
		next, waits = at, true
	}
	if waits {
		a.due = ctx.After(max(0, next-now), dueNow{})
	}
}

// assign tells the runner what is to run, where that changed or it refused.
func (a *officeActor) assign(plan *Plan) {
	list := make([]Placed, 0, len(a.runs)+1)
	runs := make(map[string]string, len(a.runs))
	for i := range *a.entries {
		e := &(*a.entries)[i]
		if e.Spec == nil {
			continue
		}
		t := plan.Task(e.Name)
		if !t.Do.Runs() && !a.lingers(e, &t) {
			continue
		}
		runs[e.Name] = t.Reason
		list = append(list, Placed{Entry: *e, Ahead: t.Ahead, Owners: t.Owners, Handing: t.Do == HandsOver})
	}
	a.tell(plan, runs)
	a.runs = runs
	a.cfg.Run.Assign(list) // refused: the next plan says it again, a second later at most
}

// rejoin has a node that was active join again. What it is without others it stays.
func (a *officeActor) rejoin() {
	for _, m := range a.membersNow() {
		if m.ID != a.cfg.Node && m.There && !a.drains && a.joining.Active() {
			a.joining = Begin(a.now(), true)
			return
		}
	}
}

// lingers makes a task of a source that another node runs now: this one was not told while it stood still, so that its sockets have what
// nobody numbered.
func (a *officeActor) lingers(e *Entry, t *Task) bool {
	why, ran := a.runs[e.Name]
	if !ran || a.banned || a.usurped || e.Spec.Exclusive || t.Everywhere || a.cfg.Unsure == nil || !a.cfg.Unsure() {
		return false
	}
	t.Do, t.Ahead, t.Reason = HandsOver, max(1, t.Ahead), why
	return true
}

// tell logs what begins and ends here.
func (a *officeActor) tell(plan *Plan, runs map[string]string) {
	var begun, ended []string
	for name := range runs {
		if _, was := a.runs[name]; !was {
			begun = append(begun, name)
		}
	}
	for name := range a.runs {
		if _, is := runs[name]; !is {
			ended = append(ended, name)
		}
	}
	if len(begun)+len(ended) > fewMoves {
		a.cfg.Logger.Info("sources move", "begin_here", len(begun), "end_here", len(ended))
		return
	}
	slices.Sort(begun)
	slices.Sort(ended)
	for _, name := range begun {
		a.cfg.Logger.Info("a source runs here", "source", name, "why", runs[name])
	}
	for _, name := range ended {
		a.cfg.Logger.Info("a source does not run here any more", "source", name, "why", plan.Why(name))
	}
}
