package status

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anode/actors/actor"
	"anode/messages"
	"anode/messages/command"
	"anode/storage"
)

// Name is the actor's name in the tree.
const Name = "status"

// Part is a component that is asked how it is.
type Part struct {
	Name string
	// Ask asks it; nil says that this node has none, for the reason of Off.
	Ask func(ctx context.Context) (command.ComponentView, error)
	Off string
}

// Config is what the actor needs; all fields are required but those of which it is said.
type Config struct {
	// Node is what never changes of this node's view.
	Node command.NodeView
	// Settings are those of the node that users may see, by name; they are not changed any more.
	Settings map[string]string
	// Cluster is the mesh's name.
	Cluster string
	// Parts are the components, in the order in which they are shown.
	Parts []Part
	// Sources lists the sources.
	Sources func(ctx context.Context) ([]command.SourceView, error)
	Journal storage.Journal
	// Archived gives the first streams by name that match, come after one, and of which the archive has something: at most so many; nil is no archive.
	Archived func(ctx context.Context, match messages.Pattern, after messages.Stream, most int) []messages.Stream
	// Publish sends the record of $status.<node>.
	Publish func(command.Ephemeral)
	// Peers tells who is in the mesh; nil is a node without one.
	Peers func(ctx context.Context) (command.PeersView, error)
	// Spread tells the other nodes of this one: a kind of command.KindStatus, at most command.MostOfTold bytes that are
	// not changed any more. It must not block; nil tells nobody.
	Spread func(kind uint8, body []byte)
	// Probe and Canary are the checks of readiness.
	Probe, Canary func(ctx context.Context) error
	Clock         func() time.Time
	Logger        *slog.Logger
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer
	// Every is the pace of $status.<node>; 0 is 2 s.
	Every time.Duration
}

// The bounds of one look at the components, and of one check of readiness.
const (
	patience      = 2 * time.Second
	streamsEvery  = 5 * time.Second
	streamsShare  = 20
	readyEvery    = time.Second
	mostListing   = 2
	detailInShort = 96
	textInShort   = 120
)

// Validate names all faults of the configuration.
func (c Config) Validate() error {
	return actor.Missing("status", map[string]bool{
		"Sources": c.Sources == nil, "Journal": c.Journal == nil, "Publish": c.Publish == nil, "Probe": c.Probe == nil,
		"Canary": c.Canary == nil, "Clock": c.Clock == nil, "Logger": c.Logger == nil,
	})
}

// Spec says how the actor is made.
func Spec(cfg Config) (actor.Spec, error) {
	if err := cfg.Validate(); err != nil {
		return actor.Spec{}, err
	}
	if cfg.Every <= 0 {
		cfg.Every = 2 * time.Second
	}
	metrics, err := newMetrics(cfg.Registerer)
	if err != nil {
		return actor.Spec{}, err
	}
	return actor.Spec{Name: Name, New: func() actor.Actor {
		return &statusActor{cfg: cfg, metrics: metrics, fold: fold{self: cfg.Node.ID}, listing: make(chan struct{}, mostListing)}
	}}, nil
}

// statusActor is one incarnation.
type statusActor struct {
	cfg     Config
	metrics *metrics
	fold    fold
	told    told
	pace    pace
	// looking tells that a sample is being taken; asked wait for the next one.
	looking bool
	asked   []func()
	// streamsAt is when the streams were counted last, and streamsFor how long that took.
	streamsAt  time.Time
	streamsFor time.Duration
	readiness  readiness
	// listing has a place for each list of streams that is made at once.
	listing chan struct{}
}

// tick asks for a sample and sends $status; gathered is a sample, for those who asked before it was begun.
type (
	tick     struct{}
	gathered struct {
		sample sample
		answer []func()
		// counting is how long counting the streams took; 0 where they were not.
		counting time.Duration
	}
)

// Started implements actor.Starter.
func (s *statusActor) Started(ctx *actor.Context) error {
	s.tick(ctx)
	return nil
}

// Receive implements actor.Actor.
func (s *statusActor) Receive(ctx *actor.Context, message any) {
	switch m := message.(type) {
	case tick:
		s.tick(ctx)
	case gathered:
		s.gathered(ctx, m)
	case command.Status:
		later(s, ctx, m, func() command.StatusView {
			return command.StatusView{Node: s.fold.node(s.cfg.Node), Components: s.fold.last.components, Settings: s.cfg.Settings}
		})
	case command.Cluster:
		later(s, ctx, m, func() command.ClusterView {
			return command.ClusterView{Cluster: s.cfg.Cluster, Nodes: s.fold.mesh.nodes(s.fold.node(s.cfg.Node))}
		})
	case command.MeshRates:
		actor.Answer(ctx, m, command.MeshRatesView{Items: s.pace.list()}, nil)
	case command.Alarms:
		later(s, ctx, m, s.fold.alarmList)
	case command.Streams:
		s.list(ctx, m)
	case command.Ready:
		s.check(ctx)
	case checked:
		s.readiness.view, s.readiness.at, s.readiness.checking = m.view, s.cfg.Clock(), false
		for _, answer := range s.readiness.asked {
			answer(m.view, nil)
		}
		s.readiness.asked = nil
	}
}

// later answers a question from the next sample.
func later[A any](s *statusActor, ctx *actor.Context, _ command.Question[A], view func() A) {
	answer := ctx.Later()
	s.asked = append(s.asked, func() { answer(view(), nil) })
	s.look(ctx)
}

func (s *statusActor) tick(ctx *actor.Context) {
	ctx.After(s.cfg.Every, tick{})
	s.asked = append(s.asked, s.publish)
	s.look(ctx)
}

// look takes a sample for all who asked, unless one is being taken.
func (s *statusActor) look(ctx *actor.Context) {
	if s.looking || len(s.asked) == 0 {
		return
	}
	s.looking = true
	answer := s.asked
	s.asked = nil
	// Of a million streams it may take a second: then it is done less often.
	withStreams := s.cfg.Clock().Sub(s.streamsAt) >= max(streamsEvery, streamsShare*s.streamsFor)
	if withStreams {
		s.streamsAt = s.cfg.Clock()
	}
	self := ctx.Self()
	ctx.Go("look", func(life context.Context) error {
		g := gathered{sample: s.gather(life), answer: answer}
		if withStreams {
			began := s.cfg.Clock()
			g.sample.streams = s.countStreams()
			g.counting = s.cfg.Clock().Sub(began)
		}
		if !self.Tell(g) && life.Err() == nil {
			return errors.New("the mailbox has no room for a sample")
		}
		return nil
	})
}

func (s *statusActor) gathered(ctx *actor.Context, g gathered) {
	s.looking = false
	if g.sample.streams != nil {
		s.streamsFor = g.counting
	}
	s.log(s.fold.last.components, g.sample.components)
	s.refused(s.fold.apply(g.sample))
	s.metrics.show(s.fold.mesh.states)
	for _, answer := range g.answer {
		answer()
	}
	s.look(ctx)
}

// log tells the operator who reads the log what alarms tell: a component that is not well, once, and
// that it is well again. Sources tell of themselves.
func (s *statusActor) log(before, now []command.ComponentView) {
	for i := range now {
		c := &now[i]
		was := command.StateOK
		if at := slices.IndexFunc(before, func(b command.ComponentView) bool { return b.Name == c.Name }); at >= 0 {
			was = before[at].State
		}
		if c.State == was || c.Name == "sources" {
			continue
		}
		switch c.State {
		case command.StateDegraded:
			s.cfg.Logger.Warn("a component is not well", "component", c.Name, "state", c.State, "reason", c.Detail, "hint", hint(c))
		case command.StateFailed:
			s.cfg.Logger.Error("a component is not well", "component", c.Name, "state", c.State, "reason", c.Detail, "hint", hint(c))
		case command.StateOK:
			if was != command.StateOff {
				s.cfg.Logger.Info("a component is well again", "component", c.Name)
			}
		}
	}
}

// refused counts what peers told and is not shown, and tells it once of each.
func (s *statusActor) refused(list []refusal) {
	for _, r := range list {
		s.metrics.refused.WithLabelValues(r.kind).Inc()
		if r.first {
			s.cfg.Logger.Warn("what a peer tells of itself can't be read", "peer", r.node, "kind", r.kind, "error", r.err)
		}
	}
}

// gather asks every component, and who is in the mesh.
func (s *statusActor) gather(life context.Context) sample {
	ctx, cancel := context.WithTimeout(life, patience)
	defer cancel()
	now := sample{components: make([]command.ComponentView, 0, len(s.cfg.Parts))}
	for _, part := range s.cfg.Parts {
		view := command.ComponentView{Name: part.Name, State: command.StateOff, Detail: part.Off}
		if part.Ask != nil {
			var err error
			if view, err = part.Ask(ctx); err != nil {
				view = command.ComponentView{Name: part.Name, State: command.StateFailed, Detail: err.Error()}
			}
		}
		if view.Figures == nil {
			view.Figures = map[string]float64{}
		}
		now.components = append(now.components, view)
	}
	sources, err := s.cfg.Sources(ctx)
	if err != nil && life.Err() == nil {
		s.cfg.Logger.Warn("the sources can't be listed for status", "error", err)
	}
	now.sources, now.at = sources, s.cfg.Clock()
	if s.cfg.Peers != nil {
		// That it does not answer is the component's to tell.
		if peers, err := s.cfg.Peers(ctx); err == nil {
			now.peers, now.at = &peers, s.cfg.Clock()
		}
	}
	return now
}

func (s *statusActor) countStreams() map[messages.Stream]uint64 {
	counts := make(map[messages.Stream]uint64)
	for _, pattern := range []messages.Pattern{messages.Everything, "$errors.>", "$sources.>", "$state.>"} {
		for _, info := range s.cfg.Journal.Streams(pattern) {
			counts[info.Stream] = info.Records
		}
	}
	return counts
}

// list answers with a page of the streams. They are looked for beside the actor: there may be a million.
func (s *statusActor) list(ctx *actor.Context, m command.Streams) {
	answer, rates := ctx.Later(), s.fold.streamRates()
	ctx.Go("streams", func(life context.Context) error {
		select {
		case s.listing <- struct{}{}:
			defer func() { <-s.listing }()
		case <-life.Done():
			return nil
		}
		held := s.cfg.Journal.StreamsAfter(m.Match, m.After, m.Most)
		at := s.cfg.Clock()
		views := make([]command.StreamView, 0, len(held))
		for _, info := range held {
			views = append(views, command.StreamView{
				Name: info.Stream, Records: info.Records, Bytes: info.Bytes, Last: time.UnixMilli(info.Last).UTC(),
				Rate: rates.of(info.Stream, info.Records, at),
			})
		}
		if s.cfg.Archived != nil {
			views = withArchived(views, s.cfg.Archived(life, m.Match, m.After, m.Most), m.Most)
		}
		answer(views, nil)
		return nil
	})
}
